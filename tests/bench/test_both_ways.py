"""The tools image, of Debian packages, out of a registry on loopback, as container and as virtual machine."""

import http.client
import json
import re
from contextlib import ExitStack

import pytest
from registry.registry_server import serve

from bench import image as images
from bench.lab import Lab
from bench.ready import first_answer
from bench.scope import running
from bench.subject import RunSpec
from bench.subjects.tarebox import Tarebox
from bench.subjects.vm import VirtualMachine
from bench.tools_image import NAME
from tare.state import State
from vm_baseline.profile import profile

_PROGRAMS = """
sysbench cpu --time=1 --threads=1 run &&
fio --name=both --filename=/tmp/data --size=8m --rw=randrw --bs=4k --ioengine=psync --output-format=json
"""
_NGINX = ("sh", "-c", "echo ready; exec nginx -g 'daemon off;'")
_BOTH = (
    ("tarebox", "run", "--rm", "--network", "none"),
    ("tarevm", "run", "--profile", "vm-q35", "--memory", "512m"),
)


@pytest.fixture(scope="module")
def pulled(call, tools_image, tmp_path_factory):
    """The image's name in a registry that it was pushed to and, once removed here, pulled from."""
    where = tmp_path_factory.mktemp("both")
    with serve(where / "registry") as host:
        name = f"{host}/bench:1"
        for words in (
            ("tag", NAME, name),
            ("push", name),
            ("rmi", NAME, name),
            ("pull", name),
            ("tag", name, NAME),
        ):
            done = call("tarebox", *words, cwd=where)
            assert done.returncode == 0, done.stderr
        yield name
        assert call("tarebox", "rmi", name, cwd=where).returncode == 0


@pytest.mark.parametrize("run", _BOTH, ids=["container", "machine"])
def test_programs_measure_in_it(call, pulled, tmp_path, run) -> None:
    done = call(*run, pulled, "sh", "-c", _PROGRAMS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = re.search(r"events per second: +([\d.]+)", done.stdout)
    assert found
    assert float(found[1]) > 0
    (job,) = json.loads(done.stdout[done.stdout.index("{") :])["jobs"]
    assert job["error"] == 0
    assert job["read"]["io_bytes"] + job["write"]["io_bytes"] == 8 << 20


def test_both_answer_the_same_request(pulled, root) -> None:
    state = State.at(root)
    with Lab(state) as lab, ExitStack() as stack:
        image = images.find(state, pulled)
        answers = []
        for subject in (Tarebox(lab), VirtualMachine(lab, profile("vm-q35"))):
            spec = RunSpec(subject.prepare(image), _NGINX, network=True)
            address = stack.enter_context(running(subject, spec)).address()
            first_answer(address)
            connection = http.client.HTTPConnection(str(address), 80, timeout=20)
            stack.callback(connection.close)
            connection.request("GET", "/")
            response = connection.getresponse()
            answers.append((response.status, response.getheader("Server"), response.read()))
    assert answers[0] == answers[1]
    assert b"Welcome to nginx" in answers[0][2]
