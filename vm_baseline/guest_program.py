"""The guest's program: the installed one, or compiled at first use."""

import platform
import sysconfig
from pathlib import Path

from tare.state import State
from vm_baseline import compiling
from vm_baseline.cache import cached
from vm_baseline.errors import HypervisorError


def guest_program(state: State, architecture: str = platform.machine()) -> bytes:
    """Process 1 and agent for guests of that architecture (`uname -m`).

    Raises:
        HypervisorError: it has to be compiled and can't be.
    """
    mark = compiling.digest()
    installed = Path(sysconfig.get_path("scripts"), compiling.PROGRAM)
    if architecture == platform.machine() and installed.exists():
        program = installed.read_bytes()
        if mark.encode() in program:
            return program

    def make(product: Path) -> None:
        if fault := compiling.compile_program(product, architecture):
            package = f"gcc-{architecture.replace('_', '-')}-linux-gnu"
            raise HypervisorError(
                f"the guest's program can't be made: {fault}",
                "install the package gcc or musl-tools"
                if architecture == platform.machine()
                else f"install the package {package}",
            )

    return cached(state.data / "guest" / f"{architecture}-{mark}", make).read_bytes()
