"""Packages of the running environment in another one, which has none of its own but the project."""

import sysconfig
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PROJECT = "tarebench"
_INSTALLER = "pip"


def has_all(source: Path) -> bool:
    """Whether what a project needs to be built and to run is installed here, in one directory.

    Args:
        source: the directory of its `pyproject.toml` (PyPA's specification); its faults are pip's to tell.
    """
    try:
        project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
        needs = [*project["build-system"]["requires"], *project["project"]["dependencies"], _INSTALLER]
        wanted = [Requirement(each) for each in needs]
    except (OSError, KeyError, ValueError):
        return False
    versions = {canonicalize_name(each.name): each.version for each in _installed()}
    return _directory("platlib") == _directory() and all(
        _is_met(each, versions.get(canonicalize_name(each.name)))
        for each in wanted
        if each.marker is None or each.marker.evaluate()
    )


def _is_met(wanted: Requirement, version: str | None) -> bool:
    return version is not None and wanted.specifier.contains(version, prereleases=True)


def packages() -> str:
    """What is lent: the directory, and names and versions, a line each."""
    lines = sorted(f"{each.name} {each.version}" for each in _installed() if each.name != _PROJECT)
    return "\n".join([str(_directory()), *lines])


def lend(environment: Path) -> None:
    """Link all packages but the project's own into an empty virtual environment.

    Links and no path file, as our programs start interpreters with `-S`, which reads none.
    """
    (place,) = environment.glob("lib/python*/site-packages")
    project = next((each for each in _installed() if each.name == _PROJECT), None)
    left_out = {"__pycache__", *(path.parts[0] for path in (project.files or () if project else ()))}
    for entry in _directory().iterdir():
        if entry.name not in left_out:
            (place / entry.name).symlink_to(entry)


def _installed() -> Iterator[Distribution]:
    return iter(distributions(path=[str(_directory())]))


def _directory(name: str = "purelib") -> Path:
    return Path(sysconfig.get_path(name)).resolve()
