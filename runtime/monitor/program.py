"""Where the monitor's program is."""

import sys
from pathlib import Path

from tare.errors import PrivilegeError

_PYTHON = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from runtime.monitor.substitute import main; main()"
)
_NAME = "tarebox-monitor"
_PROJECT = str(Path(__file__).parents[2])


def words() -> list[str]:
    """The program and its first arguments: the compiled one, or the one in Python where there is none."""
    found = compiled()
    return [found] if found else [sys.executable, "-S", "-I", "-c", _PYTHON, _PROJECT]


def init() -> Path:
    """The compiled program, which is also what --init puts into a container.

    Raises:
        PrivilegeError: it was installed without a C compiler.
    """
    found = compiled()
    if not found:
        raise PrivilegeError("there is no program for --init", "install tarebench again with a C compiler")
    return Path(found)


def compiled() -> str:
    """The compiled program, which is static; empty where there is none."""
    for place in (sys.argv[0], sys.executable):
        program = Path(place).parent / _NAME
        if program.is_file():
            return str(program.absolute())
    import sysconfig

    program = Path(sysconfig.get_path("scripts"), _NAME)
    return str(program) if program.is_file() else ""
