"""The image of busybox and our own small programs: a program for each C file of bench/payload."""

import shutil
import subprocess
from pathlib import Path

from bench.subject import Image
from runtime.busybox import find_busybox, populate
from tare.errors import ImageError
from tare.hashing import sha256
from tare.state import State
from vm_baseline.cache import cached

_NAME = "tarebench-payload"
_SOURCES = Path(__file__).parent / "payload"
_COMPILERS = ("musl-gcc", "cc")
_OPTIONS = ("-std=gnu11", "-Wall", "-Wextra", "-O2", "-s", "-static")


def payload_image(state: State) -> Image:
    """The image, made once for the same sources and busybox; `/bin/syscalls` is bench/payload/syscalls.c.

    Raises:
        ImageError: there is no C compiler that makes static programs, or no static busybox.
    """
    sources = sorted(_SOURCES.glob("*.c"))
    sums = sha256(find_busybox().read_bytes())
    for source in sorted(_SOURCES.glob("*.[ch]")):
        sums.update(source.read_bytes())

    def make(root: Path) -> None:
        populate(root)
        for source in sources:
            _compile(source, root / "bin" / source.stem)

    return Image(_NAME, cached(state.data / "payload" / sums.hexdigest()[:16], make))


def _compile(source: Path, program: Path) -> None:
    fault = "there is no C compiler"
    for compiler in filter(shutil.which, _COMPILERS):
        command = (compiler, *_OPTIONS, str(source), "-o", str(program))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        fault = f"{compiler}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}"
    raise ImageError(f"can't make {source.stem}: {fault}", "install the package musl-tools or gcc")
