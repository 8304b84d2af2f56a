"""Modules of the standard library from one file."""

import fractions
import marshal
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
USE = """
import sys; sys.path.append(sys.argv[1])
from runtime.commandline import standard
standard.install(sys.argv[2])
import fractions
print(fractions.Fraction(1, 2), type(fractions.__loader__).__name__, fractions.__file__)
"""


def used(file: Path) -> str:
    command = [sys.executable, "-S", "-I", "-c", USE, str(PROJECT), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def packed(file: Path, *, older: int = 0) -> Path:
    source = Path(fractions.__file__)
    code = marshal.dumps(compile(source.read_bytes(), source, "exec"))
    modified = source.stat().st_mtime_ns - older
    file.write_bytes(marshal.dumps({"fractions": (str(source)[1:], modified, -len(code), None)}) + code)
    return file


def test_a_module_comes_from_the_file(tmp_path) -> None:
    assert used(packed(tmp_path / "file")) == f"1/2 Modules {fractions.__file__}\n"


def test_a_module_that_was_changed_since_is_imported_as_usual(tmp_path) -> None:
    assert used(packed(tmp_path / "file", older=1)) == f"1/2 SourceFileLoader {fractions.__file__}\n"


def test_without_the_file_all_is_imported_as_usual(tmp_path) -> None:
    assert used(tmp_path / "none") == f"1/2 SourceFileLoader {fractions.__file__}\n"
