"""Containers of an ordinary user with limits, in a control group that their systemd delegates."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from guest_inside import inside, inside_as_user

from runtime import ContainerSpec, Engine, Limits
from runtime.clean import clean
from runtime.lifecycle import groups
from runtime.rootfs import bootstrap_busybox
from runtime.rootless import enter
from tare.state import State

LIMITS = Limits(memory=64 << 20, cpus=0.5, pids=20)
HOG = ("dd", "if=/dev/zero", "of=/dev/null", "bs=80M", "count=1")


@contextlib.contextmanager
def entered() -> Iterator[State]:
    """A state of the user's, in whose namespaces this process is then; nothing may be left."""
    with tempfile.TemporaryDirectory(prefix="rootless-", dir="/var/tmp", ignore_cleanup_errors=True) as place:
        state = State.at(Path(place))
        enter(state)
        try:
            yield state
        finally:
            clean(state)


def limited(state: State) -> None:
    """A container has its limits, and the one of memory kills."""
    root = bootstrap_busybox(state)
    with Engine(state) as engine:
        container = engine.start(ContainerSpec(root, ("sleep", "100"), limits=LIMITS))
        path = Path(f"/proc/{container.pid}/cgroup").read_text().strip().removeprefix("0::")
        group = Path(f"/sys/fs/cgroup{path}")
        assert f"/tarebox-{state.tag}.scope/" in path and "/user@1000.service/" in path, path
        values = [(group / name).read_text().strip() for name in ("memory.max", "cpu.max", "pids.max")]
        assert values == [str(64 << 20), "50000 100000", "20"]
        container.remove()
        hog = engine.start(ContainerSpec(root, HOG, limits=LIMITS))
        assert hog.wait(60) == 137
        assert hog.oom_killed
        hog.remove()


@inside_as_user
def test_a_users_limits_hold():
    with entered() as state:
        limited(state)


@inside
def test_a_users_limits_hold_in_a_session_outside_of_their_systemd():
    os.environ.update(XDG_RUNTIME_DIR="/run/user/1000", HOME="/home/tester")
    os.setgroups([])
    os.setgid(1000)
    os.setuid(1000)
    with entered() as state:
        limited(state)


@inside_as_user
def test_the_groups_of_a_users_detached_containers_are_there_too():
    with entered() as state:
        made = groups.create(state, "box", ContainerSpec(Path("/"), ("true",), limits=LIMITS), {})
        try:
            assert f"/tarebox-{state.tag}.scope/" in made.unified
            made.freeze()
            assert made.is_frozen()
            made.update({"memory": {"limit": 32 << 20}})
            assert Path(f"{made.unified}/memory.max").read_text() == f"{32 << 20}\n"
        finally:
            groups.remove(state, "box")
        assert not Path(made.unified).exists()
