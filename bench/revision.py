"""A revision of this project in an environment of its own: its source, its dependencies, its state root.

Dependencies are those of the running environment where that has all that the revision asks for: both sides
have the same then, and a revision is built in seconds. Otherwise pip gets them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import lending
from bench.alone import alone
from results.files import write
from tare.errors import TareError, UsageError
from tare.state import State

REVISIONS = "revisions"
"""Directory of the state below which the environments are."""

_BUILT = "built"
"""File that says that an environment is whole, and which packages it was lent."""
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

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables it is run with: its root, its commit, and no modules but its own."""
        return {**_variables(), "TAREBENCH_ROOT": str(self.root), "TAREBENCH_COMMIT": self.commit}


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
    with alone(revision.directory):
        mark = revision.directory / _BUILT
        if not _is_current(mark):
            mark.unlink(missing_ok=True)
            write(mark, _build(repository, revision).encode())
    return revision


def roots(state: State) -> Iterator[Path]:
    """The state roots of all revisions."""
    yield from sorted(state.data.glob(f"{REVISIONS}/*/root"))


def _is_current(mark: Path) -> bool:
    """Whether an environment is whole, and what it was lent, if anything, is still the same."""
    return mark.exists() and mark.read_text() in ("", lending.packages())


def _build(repository: Path, revision: Revision) -> str:
    """Build it; returns which packages it was lent, nothing where it has its own."""
    source, environment = revision.directory / "source", revision.directory / "environment"
    for left in (source, environment):
        shutil.rmtree(left, ignore_errors=True)
    source.mkdir()
    archive = _git(repository, "archive", "--format=tar", revision.commit)
    _step(revision, ("tar", "-x", "-C", str(source)), archive.stdout)
    make = (sys.executable, "-m", "venv", str(environment))
    install = (str(environment / "bin/python"), "-m", "pip", "install", "--quiet", str(source))
    if not lending.has_all(source):
        _step(revision, make)
        _step(revision, (*install, "--disable-pip-version-check"))
        return ""
    _step(revision, (*make, "--without-pip"))
    lending.lend(environment)
    _step(revision, (*install, "--no-deps", "--no-index", "--no-build-isolation"))
    return lending.packages()


def _step(revision: Revision, argv: Sequence[str], stdin: bytes = b"") -> None:
    done = subprocess.run(argv, input=stdin, capture_output=True, env=_variables(), check=False)
    if done.returncode:
        errors = revision.directory / _ERRORS
        errors.write_bytes(done.stderr)
        raise TareError(
            f"revision {revision.commit[:12]} can't be built: {Path(argv[0]).name} failed", f"see {errors}"
        )


def _variables() -> dict[str, str]:
    """The environment without what would have an interpreter import from elsewhere (python(1))."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def _git(repository: Path, *argv: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(("git", "-C", str(repository), *argv), capture_output=True, check=False)
