"""Compiling the guest's program; without imports of ours, for the installation does it too."""

import hashlib
import platform
import shutil
import subprocess
from pathlib import Path

PROGRAM = "tare-guest"
_SOURCES = Path(__file__).parent / "guest"
_OPTIONS = ("-std=gnu11", "-Wall", "-Wextra", "-Os", "-s", "-static")


def sources() -> list[Path]:
    """The C files."""
    return sorted(_SOURCES.glob("*.c"))


def digest() -> str:
    """What a program made of the present sources carries in it."""
    sums = hashlib.sha256()
    for path in sorted(_SOURCES.glob("*.[ch]")):
        sums.update(path.read_bytes())
    return sums.hexdigest()[:32]


def compilers(architecture: str) -> list[str]:
    """Compilers for that architecture (`uname -m`) that are there, those for small programs first."""
    names = [f"{architecture}-linux-musl-gcc", f"{architecture}-linux-gnu-gcc"]
    if architecture == platform.machine():
        names = ["musl-gcc", "cc", *names]
    return [name for name in names if shutil.which(name)]


def compile_program(product: Path, architecture: str) -> str | None:
    """Make the static program; None, or the fault in a line."""
    fault = f"there is no C compiler for {architecture}"
    for compiler in compilers(architecture):
        command = [compiler, *_OPTIONS, f'-DSOURCES="{digest()}"', *map(str, sources())]
        done = subprocess.run([*command, "-o", str(product)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return None
        fault = f"{compiler}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}"
    return fault
