"""Compiled seccomp filters on disk, so that a start imports no compiler."""

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

_SOURCES = ("seccomp_profile.json", "seccomp.py", "bpf.py")


def program(capabilities: Collection[str], directory: Path) -> bytes:
    """The filter for a capability set as BPF, an array of struct sock_filter; compiled where missing.

    Raises:
        EngineError: libseccomp, which knows the call numbers, is missing.
    """
    digest = hashlib.sha256(repr([sorted(capabilities), os.uname().machine]).encode())
    for source in _SOURCES:
        digest.update(Path(__file__).with_name(source).read_bytes())
    path = directory / f"seccomp-{digest.hexdigest()[:16]}.bpf"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        from runtime import seccomp

    compiled = seccomp.compile_filter(seccomp.profile(capabilities))
    temporary = path.with_suffix(f".{os.urandom(4).hex()}")
    temporary.write_bytes(compiled)
    temporary.replace(path)
    return compiled
