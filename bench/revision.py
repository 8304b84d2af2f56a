"""A revision of this project in an environment of its own: its source, its dependencies, its state root."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tare.errors import TareError, UsageError
from tare.state import State

REVISIONS = "revisions"
"""Directory of the state below which the environments are."""

_BUILT = "built"
_ERRORS = "errors"


@dataclass(frozen=True)
class Revision:
    """A commit that can be run.

    Args:
        commit: its full hash.
        directory: what it has of its own.
    """

    commit: str
    directory: Path

    @property
    def program(self) -> Path:
        """Its `tarebench`."""
        return self.directory / "environment/bin/tarebench"

    @property
    def root(self) -> Path:
        """Its state root: what one revision keeps may be nothing to another."""
        return self.directory / "root"


def resolved(repository: Path, name: str) -> str:
    """The commit that a name stands for (gitrevisions(7)).

    Raises:
        UsageError: there is none, or the directory is no clone.
    """
    wanted = f"{name}^{{commit}}"
    done = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    if done.returncode:
        raise UsageError(
            f"{repository} has no revision {name!r}",
            "give one that git knows, and the directory of a clone with --repository",
        )
    return done.stdout.decode().strip()


def built(state: State, repository: Path, commit: str) -> Revision:
    """The commit's environment, made first when there is none yet.

    Raises:
        TareError: it can't be built; what pip says is kept, and named.
    """
    revision = Revision(commit, state.directory(REVISIONS, commit))
    with _alone(revision.directory):
        if not (revision.directory / _BUILT).exists():
            _build(repository, revision)
            (revision.directory / _BUILT).touch()
    return revision


def roots(state: State) -> Iterator[Path]:
    """The state roots of all revisions."""
    yield from sorted(state.data.glob(f"{REVISIONS}/*/root"))


def _build(repository: Path, revision: Revision) -> None:
    source, environment = revision.directory / "source", revision.directory / "environment"
    for left in (source, environment):
        shutil.rmtree(left, ignore_errors=True)
    source.mkdir()
    archive = _git(repository, "archive", "--format=tar", revision.commit)
    _step(revision, ("tar", "-x", "-C", str(source)), archive.stdout)
    _step(revision, (sys.executable, "-m", "venv", str(environment)))
    pip = (str(environment / "bin/python"), "-m", "pip", "--disable-pip-version-check")
    _step(revision, (*pip, "install", "--quiet", str(source)))


def _step(revision: Revision, argv: Sequence[str], stdin: bytes = b"") -> None:
    done = subprocess.run(argv, input=stdin, capture_output=True, check=False)
    if done.returncode:
        errors = revision.directory / _ERRORS
        errors.write_bytes(done.stderr)
        raise TareError(
            f"revision {revision.commit[:12]} can't be built: {Path(argv[0]).name} failed", f"see {errors}"
        )


def _git(repository: Path, *argv: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(("git", "-C", str(repository), *argv), capture_output=True, check=False)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
