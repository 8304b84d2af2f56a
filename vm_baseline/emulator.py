"""QEMU's programs, and QEMU with an option that libvirt has no words for."""

import shlex
from pathlib import Path

from tare.state import State
from vm_baseline.architecture import Architecture
from vm_baseline.cache import cached
from vm_baseline.tools import require

_SCRIPT = """\
#!/bin/sh
# libvirt says `-accel tcg` and nothing of threads, and QEMU heeds only the first -accel.
for word; do
    shift
    [ "$word" = tcg ] && word=tcg,thread={threads}
    set -- "$@" "$word"
done
exec {qemu} "$@"
"""


def emulator(state: State, architecture: Architecture, threads: str | None) -> Path:
    """QEMU's program, or where TCG's threads are chosen a script for libvirt that becomes it.

    Raises:
        HypervisorError: QEMU is missing.
    """
    qemu = require(architecture.qemu, architecture.package)
    if threads is None:
        return Path(qemu)

    def make(product: Path) -> None:
        product.write_text(_SCRIPT.format(threads=threads, qemu=shlex.quote(qemu)))
        product.chmod(0o755)

    return cached(state.data / "emulators" / f"{architecture.qemu}-{threads}", make)
