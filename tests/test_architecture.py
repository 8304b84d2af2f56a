"""Dependencies point one way, and no file grows beyond one thing."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from units import DAEMONS, LONGEST, unit

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "tare": set(),
    "results": {"tare"},
    "runtime": {"tare"},
    "vm_baseline": {"tare"},
    "reports": {"tare", "results"},
    "bench": {"tare", "results", "runtime", "vm_baseline", "reports"},
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_dependencies_point_one_way(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        foreign = {name for name in imported(path) if name in MAY_IMPORT and name != package}
        assert foreign <= MAY_IMPORT[package], (
            f"{path.relative_to(ROOT)} imports {foreign - MAY_IMPORT[package]}"
        )


@pytest.mark.parametrize("package", [*MAY_IMPORT, "tests"])
def test_files_stay_small(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        lines = len(path.read_text().splitlines())
        assert lines <= 420, f"{path.relative_to(ROOT)} has {lines} lines"


def test_packages_are_installed_with_all_their_files() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    files = (path for package in MAY_IMPORT for path in (ROOT / package).rglob("*") if path.is_file())
    kept = (path for path in files if path.suffix not in (".py", ".so") and path.parent.name != "__pycache__")
    left_out = {
        str(path.relative_to(ROOT))
        for path in kept
        if not any(path.match(pattern) for pattern in patterns)
        and not path.is_relative_to(ROOT / "reports/out")
        and not path.is_relative_to(ROOT / "results/runs")
    }
    assert not left_out


def test_units_are_of_tests_that_exist() -> None:
    tests = ROOT / "tests"
    assert all((tests / directory / name).is_file() for directory, names in DAEMONS.items() for name in names)
    units = {unit(str(path.relative_to(ROOT))) for path in tests.rglob("test_*.py")}
    assert {"daemons", *LONGEST} <= units
