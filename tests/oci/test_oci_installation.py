"""The program `tarebox-oci` as pip installs it, with and without a C compiler."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=["cc", "/nowhere/cc"])
def prefix(request, tmp_path_factory) -> Path:
    """An installation of a copy of the project, as a build leaves files beside its sources."""
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    for name in ("runtime", "tare", "vm_baseline"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    prefix = tmp_path_factory.mktemp("prefix")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
    ]
    environment = {**os.environ, "CC": request.param, "PIP_ROOT_USER_ACTION": "ignore"}
    subprocess.run([*pip, "--ignore-installed", "--prefix", prefix, source], check=True, env=environment)
    return prefix


def test_program_runs_the_installed_packages(prefix, tmp_path) -> None:
    link = tmp_path / "runtime"
    link.symlink_to(prefix / "bin/tarebox-oci")
    ended = subprocess.run([link, "list"], capture_output=True, text=True, check=False, cwd="/")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert list(prefix.rglob("runtime/oci/__pycache__/cli.*.pyc")), "pip compiled nothing"


def test_options_reach_the_command_line(prefix) -> None:
    command = [prefix / "bin/tarebox-oci", "--root", "/nowhere at all", "state", "no 'box"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "no 'box" in ended.stderr


@pytest.fixture
def changed(prefix) -> Iterator[Path]:
    """The installed package, which the test may take files from."""
    (package,) = prefix.rglob("runtime/oci")
    kept = package.with_suffix(".kept")
    shutil.copytree(package, kept)
    yield package
    shutil.rmtree(package)
    kept.rename(package)


def test_modules_come_from_one_file(prefix, changed) -> None:
    for path in changed.rglob("*.py*"):
        path.unlink()
    assert subprocess.run([prefix / "bin/tarebox-oci", "list"], capture_output=True, check=True).stdout


def test_modules_are_imported_one_by_one_without_that_file(prefix, changed) -> None:
    (file,) = changed.rglob("modules.*.bin")
    file.unlink()
    assert subprocess.run([prefix / "bin/tarebox-oci", "list"], capture_output=True, check=True).stdout
