"""Threads with networks of their own, which leave the host its rules, and state roots as users have them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.mounts import hybrid_hierarchy, without_unified_cgroup
from runtime import interface, syscalls
from tare.state import State


@contextmanager
def apart(*, unified: bool = True) -> Iterator[ThreadPoolExecutor]:
    """An executor of one such thread.

    Args:
        unified: whether it sees a version 2 control group tree beside version 1, which crun refuses.

    Raises:
        OSError: the host does not let us make namespaces.
    """
    hides = hybrid_hierarchy() and not unified
    with without_unified_cgroup() if hides else ThreadPoolExecutor(1) as executor:
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
