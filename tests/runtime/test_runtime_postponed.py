"""Standard modules that are imported only when something of them is asked for."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def run(program: str) -> str:
    first = f"import sys; sys.path.append({str(PROJECT)!r})\nfrom runtime.commandline import postponed\n"
    command = [sys.executable, "-S", "-I", "-c", f"{first}postponed.install()\n{program}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_inspect_is_there_for_who_asks() -> None:
    shown = run("""
from dataclasses import dataclass
def is_loaded(): return "inspect" in sys.modules
before = is_loaded()
@dataclass
class Undescribed:
    number: int = 5
print(before, is_loaded(), Undescribed.__doc__)
""")
    assert shown == "False True Undescribed(number: int = 5)\n"


def test_a_path_has_its_uri() -> None:
    shown = run("""
from pathlib import Path
before = "urllib.parse" in sys.modules
print(before, Path("/a b").as_uri(), "urllib.parse" in sys.modules)
from urllib.parse import urlsplit
print(urlsplit("http://host/").hostname)
""")
    assert shown == "False file:///a%20b True\nhost\n"


def test_what_other_systems_have_is_not_there() -> None:
    assert (
        run("""
try:
    import winreg
except ImportError as error:
    print(error.name)
""")
        == "winreg\n"
    )


def test_what_is_imported_already_stays() -> None:
    program = "import inspect; from runtime.commandline import postponed; postponed.install()"
    shown = "print(sys.modules['inspect'] is inspect, inspect.isclass(int))"
    command = [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path.append({str(PROJECT)!r}); {program}; {shown}",
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True True\n"
