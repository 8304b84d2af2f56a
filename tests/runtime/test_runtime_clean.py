import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from leftovers import leftovers

from runtime import ContainerSpec, Engine
from runtime.clean import clean

HARNESS = """
    import os, sys
    from ipaddress import IPv4Interface
    from pathlib import Path
    from runtime import ContainerSpec, Engine, Interface, Limits
    from runtime.network.networks import Networks
    from tare.state import State
    image, root = map(Path, sys.argv[1:])
    state = State.at(root)
    networks = Networks(state)
    networks.create("net", internal=True)
    network = networks.bring_up("net")
    address = IPv4Interface((network.subnet[2], network.subnet.prefixlen))
    interface = Interface(network.link, address, network.gateway)
    with Engine(state) as engine:
        started = [
            engine.start(ContainerSpec(image, ("sleep", "60"), limits=Limits(pids=20))),
            engine.start(ContainerSpec(image, ("sleep", "60"), interface=interface, on_disk=False)),
            engine.start(ContainerSpec(image, ("true",))),
        ]
        started[2].wait()
        print(engine._launcher.pid, *(container.pid for container in started[:2]), flush=True)
        os.read(0, 1)
"""


@pytest.fixture
def harness(image, tmp_path):
    """A process with an engine, three containers and a bridge; its launcher's and containers' pidfds."""
    argv = (sys.executable, "-c", textwrap.dedent(HARNESS), str(image), str(tmp_path))
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in process.stdout.readline().split()]
    descriptors = [os.pidfd_open(pid) for pid in pids]
    yield process, pids, descriptors
    process.kill()
    process.communicate()
    for descriptor in descriptors:
        os.close(descriptor)


def await_ends(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        assert poll.poll(10_000)


def test_the_launcher_cleans_up_after_a_killed_harness(state, harness):
    process, _, descriptors = harness
    process.kill()
    await_ends(descriptors)
    assert [line for line in leftovers(state) if "link" not in line and line.count(state.tag) > 1] == []
    assert list(state.data.glob("containers/*")) == []
    lines = clean(state)
    assert any(line.startswith("link tare") for line in lines)
    assert leftovers(state) == []
    assert clean(state) == []


def test_clean_removes_what_a_killed_launcher_left(state, harness):
    process, pids, descriptors = harness
    os.kill(pids[0], signal.SIGKILL)
    process.kill()
    await_ends(descriptors)
    assert list(state.data.glob("containers/*"))
    lines = clean(state)
    assert sum(line.startswith(f"directory {state.data}/containers/") for line in lines) == 2
    assert any(line.startswith("control group ") for line in lines)
    assert leftovers(state) == []


def test_clean_ends_what_runs(state, harness):
    process, pids, descriptors = harness
    lines = clean(state)
    assert f"launcher {pids[0]} of tare{state.tag}" in lines
    await_ends(descriptors)
    process.communicate("x")
    assert leftovers(state) == []


def test_clean_touches_no_other_state(state, image, tmp_path_factory):
    other = type(state).at(tmp_path_factory.mktemp("other"))
    with Engine(other) as engine:
        container = engine.start(ContainerSpec(image, ("sleep", "60")))
        assert container.pid
        assert clean(state) == []
        assert container.exec(("true",)).returncode == 0
    assert leftovers(other) == []


def test_clean_of_nothing(state):
    assert clean(state) == []


def test_half_made_images_are_removed(state):
    (state.directory("cache") / "rootfs" / ".new-abc").mkdir(parents=True)
    assert clean(state) == [f"directory {state.data}/cache/rootfs/.new-abc"]
    assert not list(Path(state.data).glob("cache/rootfs/.*"))
