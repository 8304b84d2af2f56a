"""Control groups and processes in them, for tests inside the guest."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from runtime.cgroups import manager
from runtime.cgroups.manager import Manager

ROOT = Path("/sys/fs/cgroup")


@contextlib.contextmanager
def group(resources: dict | None = None, path: str = "/tests/one") -> Iterator[Manager]:
    """The groups of a container; what runs in them is killed, and nothing may be left."""
    made = manager.for_container(path, "one")
    made.create(resources or {})
    try:
        yield made
    finally:
        made.kill()
        made.remove()
    assert not (ROOT / "tests").exists()


@contextlib.contextmanager
def inhabitant(made: Manager, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs in the group from its first instruction on, with pipes for its input and output."""

    def enter() -> None:
        Path(made.unified, "cgroup.procs").write_text("0")

    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=enter,  # noqa: PLW1509 - there are no threads
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def output(made: Manager, code: str) -> list[str]:
    """What a shell in the group prints."""
    with inhabitant(made, "sh", "-c", code) as process:
        return process.communicate()[0].decode().splitlines()


def value(made: Manager, name: str) -> str:
    """The text of a file of the group."""
    return Path(made.unified, name).read_text().rstrip("\n")


def keyed(made: Manager, name: str) -> dict[str, int]:
    """A flat keyed file of the group."""
    return {key: int(number) for key, number in (line.split() for line in value(made, name).splitlines())}


def own_group() -> str:
    """The directory of this process's group."""
    return f"{ROOT}{Path('/proc/self/cgroup').read_text().strip().removeprefix('0::')}"


def device_number(path: str) -> tuple[int, int]:
    """Major and minor number of a device node."""
    about = Path(path).stat()
    return os.major(about.st_rdev), os.minor(about.st_rdev)
