"""Networks as the command line has them, on a host of the test's own with another one outside."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from network_lab import HOST, Lab

from runtime.image.bootstrap_busybox import bootstrap_busybox
from runtime.image.layers import unpack_layers
from runtime.image.store import ImageStore
from runtime.storage import registry
from tare.state import State

_TAREBOX = (sys.executable, "-c", "import sys; from runtime.cli import main; sys.exit(main())")
_PROJECT = Path(__file__).parents[2]
_WEB = ("busybox", "httpd", "-f", "-h", "/www")
_PAGE = "tarebench"
_FETCH = ("busybox", "timeout", "5", "busybox", "wget", "-qO-")


class Host:
    """Runs `tarebox` on the lab's host."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        root = str(lab.state.data.parent)
        self._environment = {**os.environ, "TAREBENCH_ROOT": root, "PYTHONPATH": str(_PROJECT), "HOME": root}

    def tarebox(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        options = {"env": self._environment, "input": "", "text": True, "timeout": 50}
        return self.lab.on_host(
            subprocess.run, (*_TAREBOX, *arguments), capture_output=True, check=False, **options
        )

    def said(self, *arguments: str) -> str:
        """What it prints when it succeeds."""
        ended = self.tarebox(*arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def fault(self, status: int, *arguments: str) -> str:
        """The one line it says when it fails."""
        ended = self.tarebox(*arguments)
        assert ended.returncode == status, ended
        assert ended.stderr.count("\n") == 1, ended.stderr
        return ended.stderr.removeprefix("tarebox: ").strip()

    def inspect(self, name: str) -> dict[str, Any]:
        return json.loads(self.said("inspect", name))[0]

    def serve(self, name: str, *options: str) -> dict[str, Any]:
        """A container that answers HTTP by now; what is known of it."""
        self.said("run", "-d", "--name", name, *options, *_WEB)
        known = self.inspect(name)
        self.lab.await_listener(80, f"/proc/{known['State']['Pid']}/ns/net")
        return known

    def inside(self, name: str, *argv: str) -> str:
        return self.said("exec", name, *argv)


@pytest.fixture(scope="session")
def stored(tmp_path_factory) -> Path:
    """The data of a state with the image busybox."""
    state = State.at(tmp_path_factory.mktemp("stored"))
    store = ImageStore(state)
    image = bootstrap_busybox(store)
    with store.content.adding():
        unpack_layers(store.content, image, registry.driver(state))
    return state.data


@pytest.fixture
def host(state, stored, lab) -> Iterator[Host]:
    subprocess.run(("cp", "-al", f"{stored}/.", state.data), check=True)
    host = Host(lab)
    yield host
    if names := host.said("ps", "-aq").split():
        host.said("rm", "-f", *names)


def test_two_containers_find_each_other_by_name(host):
    host.said("network", "create", "back")
    host.serve("web", "--network", "back", "--network-alias", "www")
    for name in ("web", "www"):
        said = host.said("run", "--rm", "--network", "back", "busybox", "ping", "-c1", name)
        assert "1 packets received" in said
    other = host.tarebox("run", "--rm", "--dns", "127.0.0.1", "busybox", "ping", "-c1", "-W1", "web")
    assert other.returncode != 0


def test_a_published_port_is_reached_from_outside(host):
    known = host.serve("web", "-p", "8080:80", "-p", "127.0.0.1::80")
    assert host.lab.outside(*_FETCH, f"http://{HOST}:8080/").strip() == _PAGE
    published = known["NetworkSettings"]["Ports"]["80/tcp"]
    assert {binding["HostPort"] for binding in published} >= {"8080"}
    line = host.said("ps", "--format", "{{.Ports}}")
    assert "0.0.0.0:8080->80/tcp" in line
    assert "127.0.0.1:" in line
    assert "0.0.0.0:8080" in host.said("port", "web", "80")
    assert "0.0.0.0:8080/tcp is published" in host.fault(125, "run", "-d", "-p", "8080:80", *_WEB)
    host.lab.spawn("busybox", "httpd", "-f", "-p", "9090", "-h", "/")
    host.lab.await_listener(9090, host.lab.own)
    assert "9090" in host.fault(125, "run", "-d", "-p", "9090:80", *_WEB)
    assert host.said("ps", "-q", "--filter", "publish=8080") == host.said("ps", "-q", "--filter", "name=web")
    host.said("stop", "-t", "0", "web")
    assert host.said("ps", "-a", "--filter", "name=web", "--format", "{{.Ports}}") == ""
    assert host.serve("again", "-p", "8080:80")


def test_modes_without_a_network_of_their_own(host):
    names = ("run", "--rm", "--network")
    assert host.said(*names, "none", "busybox", "ls", "/sys/class/net") == "lo"
    assert "uplink" in host.said(*names, "host", "busybox", "ls", "/sys/class/net").split()
    host.serve("web")
    assert host.said(*names, "container:web", *_FETCH, "http://127.0.0.1/") == _PAGE
    assert "no such container: none" in host.fault(125, *names, "container:none", "busybox", "true")
    host.said("stop", "-t", "0", "web")
    assert "web" in host.fault(125, *names, "container:web", "busybox", "true")


def test_an_address_and_a_mac_are_given_on_request(host):
    host.said("network", "create", "--subnet", "10.213.9.0/24", "back")
    options = ("--network", "back", "--ip", "10.213.9.77", "--mac-address", "02:42:ac:11:22:33")
    known = host.serve("web", *options)
    endpoint = known["NetworkSettings"]["Networks"]["back"]
    assert (endpoint["IPAddress"], endpoint["MacAddress"]) == ("10.213.9.77", "02:42:ac:11:22:33")
    shown = host.inside("web", "ip", "addr", "show", "eth0")
    assert "10.213.9.77/24" in shown
    assert "02:42:ac:11:22:33" in shown
    [container] = json.loads(host.said("network", "inspect", "back"))[0]["Containers"].values()
    assert (container["Name"], container["IPv4Address"]) == ("web", "10.213.9.77/24")
    assert "10.213.9.77" in host.fault(125, "run", "-d", "--network", "back", "--ip", "10.213.9.77", *_WEB)
    assert "10.99.0.1" in host.fault(125, "run", "-d", "--network", "back", "--ip", "10.99.0.1", *_WEB)
    assert len(host.said("ps", "-aq").split()) == 1 + len(host.said("ps", "-aqf", "status=created").split())


def test_ipv6(host):
    host.said("network", "create", "--ipv6", "--subnet", "fd00:213::/64", "back")
    known = host.serve("web", "--network", "back")
    address = known["NetworkSettings"]["Networks"]["back"]["GlobalIPv6Address"]
    assert address.startswith("fd00:213::")
    assert host.said("run", "--rm", "--network", "back", *_FETCH, f"http://[{address}]/") == _PAGE


def test_a_restart_keeps_the_address(host):
    host.serve("first")
    known = host.serve("web")
    host.said("rm", "-f", "first")
    host.said("restart", "-t", "0", "web")
    assert host.inspect("web")["NetworkSettings"]["IPAddress"] == known["NetworkSettings"]["IPAddress"]
    host.said("stop", "-t", "0", "web")
    host.serve("other")
    host.said("start", "web")
    assert host.inspect("web")["NetworkSettings"]["IPAddress"] == known["NetworkSettings"]["IPAddress"]


def test_a_subnet_is_exhausted(host):
    host.said("network", "create", "--subnet", "10.213.9.0/30", "tiny")
    host.said("run", "-d", "--name", "only", "--network", "tiny", "busybox", "sleep", "1000")
    assert "tiny" in host.fault(125, "run", "-d", "--rm", "--network", "tiny", "busybox", "true")
    host.said("rm", "-f", "only")
    host.said("run", "--rm", "--network", "tiny", "busybox", "true")


def test_a_network_in_use_stays(host):
    host.said("network", "create", "back")
    host.said("run", "-d", "--name", "user", "--network", "back", "busybox", "sleep", "1000")
    assert "the network back is used by user" in host.fault(1, "network", "rm", "back")
    assert host.said("network", "prune", "-f") == ""
    assert host.said("network", "ls", "-qf", "dangling=false") != ""
    assert "nosuch" in host.fault(125, "run", "-d", "--network", "nosuch", "busybox", "true")
    host.said("rm", "-f", "user")
    assert host.said("network", "rm", "back") == "back"


def test_a_running_container_is_connected_and_disconnected(host):
    host.said("network", "create", "--subnet", "10.213.9.0/24", "side")
    host.serve("web")
    host.said("network", "connect", "--ip", "10.213.9.50", "--alias", "helper", "side", "web")
    assert set(host.inspect("web")["NetworkSettings"]["Networks"]) == {"bridge", "side"}
    said = host.said("run", "--rm", "--network", "side", "busybox", "ping", "-c1", "helper")
    assert "(10.213.9.50)" in said
    assert "already" in host.fault(1, "network", "connect", "side", "web")
    assert set(host.said("ps", "--format", "{{.Networks}}").split(",")) == {"bridge", "side"}
    host.said("restart", "-t", "0", "web")
    assert host.inspect("web")["NetworkSettings"]["Networks"]["side"]["IPAddress"] == "10.213.9.50"
    host.said("network", "disconnect", "side", "web")
    assert "10.213.9.50" not in host.inside("web", "ip", "addr")
    assert host.said("network", "rm", "side") == "side"
    assert "no network 'side'" in host.fault(1, "network", "connect", "side", "web")
    assert "no such container: none" in host.fault(1, "network", "connect", "bridge", "none")


def test_a_stopped_container_is_connected(host):
    host.said("network", "create", "side")
    host.said("create", "--name", "web", *_WEB)
    host.said("network", "connect", "--alias", "helper", "side", "web")
    host.said("start", "web")
    assert set(host.inspect("web")["NetworkSettings"]["Networks"]) == {"bridge", "side"}
