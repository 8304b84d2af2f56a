"""Podman with storage, configuration and networks of its own, to measure beside ours."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.goals.apart import apart
from bench.podman import STRANGERS, command, configure
from bench.program import Program


class Podman:
    """Runs podman's commands.

    Args:
        place: a directory for all it keeps.
        executor: a thread where networks and mounts are its own.
    """

    def __init__(self, place: Path, executor: Executor) -> None:
        environment = {**os.environ, **configure(place, place / "root")}
        self._policy = str(place / "policy.json")
        self._program = Program("podman", command(place), place, executor, environment)

    def __call__(self, *arguments: str) -> str:
        """What a command printed.

        Raises:
            SubjectError: it failed.
        """
        return self._program(*arguments).stdout.decode()

    def load(self, archive: Path) -> None:
        """Bring in the images of an archive."""
        self("load", "--signature-policy", self._policy, "--quiet", "--input", str(archive))


@contextmanager
def podman() -> Iterator[Podman]:
    """A podman that leaves nothing in the end."""
    had = set(_groups())
    with TemporaryDirectory(prefix="tare-") as directory, apart(hidden=STRANGERS) as executor:
        one = Podman(Path(directory), executor)
        try:
            yield one
        finally:
            one("rm", "--all", "--force")
            for group in sorted(set(_groups()) - had, reverse=True):
                group.rmdir()


def _groups() -> Iterator[Path]:
    for name in ("libpod_parent", "libpod_parent/conmon"):
        yield from Path("/sys/fs/cgroup").glob(f"*/{name}")
        yield from Path("/sys/fs/cgroup").glob(name)
