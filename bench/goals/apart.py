"""Threads with networks of their own, which leave the host its rules, and state roots as users have them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.mounts import without_unified_cgroup
from runtime import interface, syscalls
from tare.state import State


@contextmanager
def apart(*, hidden: Sequence[str] | None = None) -> Iterator[ThreadPoolExecutor]:
    """An executor of one such thread.

    Args:
        hidden: for what also needs mounts of its own, as without_unified_cgroup takes it.

    Raises:
        OSError: the host does not let us make namespaces.
    """
    with ThreadPoolExecutor(1) if hidden is None else without_unified_cgroup(hidden) as executor:
        executor.submit(_enter).result()
        yield executor


def _enter() -> None:
    syscalls.unshare(syscalls.CLONE_NEWNET)
    interface.up("lo")


@contextmanager
def usual_state() -> Iterator[State]:
    """A state root whose volatile part lies in memory as /run does.

    Its name is short, as docker puts sockets there.
    """
    with (
        TemporaryDirectory(prefix="tare-") as directory,
        TemporaryDirectory(dir="/dev/shm", prefix="tare-") as volatile,
    ):
        state = State.at(Path(directory))
        state.run.symlink_to(volatile)
        yield state
