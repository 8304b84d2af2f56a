"""The network of a run, and the tarebox subject on it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from leftovers import leftovers

from bench.clean import clean
from bench.lab import Lab
from bench.network import PREFIX, Network
from bench.ready import first_answer
from bench.scope import running
from bench.subject import Image, RunSpec
from bench.subjects.tarebox import Tarebox
from runtime import flatten
from runtime.image.bootstrap_busybox import bootstrap_busybox
from runtime.image.config import History
from runtime.image.making import extend_image
from runtime.image.pack import pack
from runtime.image.store import ImageStore
from tare.state import State

_HOLD = """
import sys
from pathlib import Path
from bench.network import Network
from tare.state import State
with Network(State.at(Path(sys.argv[1]))) as network:
    print(network.address(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path):
    state = State.at(tmp_path)
    yield state
    assert leftovers(state) == []


def names(state: State) -> list[str]:
    return [path.name for path in (state.data / "networks").glob(f"{PREFIX}*")]


def test_addresses_are_given_and_all_of_it_goes(state):
    with Network(state) as network:
        addresses = {network.address() for _ in range(3)}
        assert len(addresses) == 3
        assert all(address.ip in network.subnet and address.ip != network.gateway for address in addresses)
        assert Path("/sys/class/net", network.link).exists()
        assert len(names(state)) == 1
    assert names(state) == []


def test_what_a_killed_harness_leaves_is_removed(state, tmp_path):
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    pipe = subprocess.PIPE
    with Network(state) as living, subprocess.Popen(command, stdin=pipe, stdout=pipe) as harness:
        assert harness.stdout.readline()
        assert len(names(state)) == 2
        harness.send_signal(signal.SIGKILL)
        harness.wait()
    (killed,) = names(state)
    assert f"network {killed.removesuffix('.json')}" in clean(state)
    assert names(state) == []
    assert not Path("/sys/class/net", living.link).exists()


def test_tarebox_runs_an_image_of_several_layers(state, tmp_path):
    store, added = ImageStore(state), tmp_path / "added"
    base = bootstrap_busybox(store)
    (added / "www").mkdir(parents=True)
    (added / "www/index.html").write_text("changed\n")
    with store.content.adding():
        layer = pack(added, store.content)
        root = extend_image(store.content, base.manifest, base.config, layer, History())
        stored = store.add(root, ["two"])
    image = Image("two", flatten(state, stored), stored)
    serve = "httpd -p 80 -h /www && cat /www/index.html && exec sleep 1000"
    with Lab(state) as lab:
        subject = Tarebox(lab)
        prepared = [subject.prepare(image), subject.prepare(image, fresh=True)]
        assert prepared[0].reference != prepared[1].reference
        for each in prepared:
            with running(subject, RunSpec(each, ("sh", "-c", serve), network=True)) as instance:
                instance.wait_output(b"changed\n", 10)
                assert first_answer(instance.address())
                instance.remove()
