"""Addresses are given once, whoever asks and whoever dies."""

import os
import random
import signal
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest

from runtime.network.model import Connection
from runtime.network.networks import Networks
from tare.errors import NetworkError
from tare.ports import parse

SUBNET = IPv4Network("10.249.7.0/28")
ATTACH = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from runtime.network.model import Connection
from runtime.network.networks import Networks
from tare.state import State
networks = Networks(State.at(Path(sys.argv[2])))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[4])):
    sandbox = networks.attach(f"{sys.argv[3]}{number:062x}", [Connection("net")], name=f"c{number}")
    print(sandbox.endpoints[0].address.ip, flush=True)
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def networks(state) -> Networks:
    return Networks(state)


def begin(root: Path, letter: str, count: int) -> subprocess.Popen[str]:
    project = str(Path(__file__).parent.parent.parent)
    argv = [sys.executable, "-c", ATTACH, project, str(root), letter * 2, str(count)]
    started = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "ready\n"
    return started


def test_concurrent_processes_never_share_one(networks, tmp_path):
    networks.create("net", subnet=IPv4Network("10.249.0.0/24"), ipv6=True)
    started = [begin(tmp_path, letter, 20) for letter in "abcdef01"]
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    given = [process.stdout.readline() for process in started for _ in range(20)]
    assert len(set(given)) == 160
    assert all(IPv4Address(one.strip()) in IPv4Network("10.249.0.0/24") for one in given)
    assert [process.stdout.readline() for process in started] == ["done\n"] * 8
    containers = networks.containers(networks.get("net"))
    assert len(containers) == 160
    assert len({sandbox.endpoints[0].address6 for sandbox in containers}) == 160
    for process in started:
        process.communicate("end\n")
        assert process.returncode == 0
    assert len(networks.sweep()) == 160
    assert networks.containers(networks.get("net")) == ()


def test_what_the_killed_had_comes_back(networks, tmp_path, state):
    networks.create("net", subnet=IPv4Network("10.249.0.0/24"))
    for round_ in range(8):
        process = begin(tmp_path, "abcdef01"[round_], 250)
        process.stdin.write("go\n")
        process.stdin.flush()
        for _ in range(random.randrange(30)):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    given = [networks.attach(f"{number:064x}", [Connection("net")]) for number in range(253)]
    assert len({sandbox.endpoints[0].address for sandbox in given}) == 253
    with pytest.raises(NetworkError, match="no address is free"):
        networks.attach("f" * 64, [Connection("net")])
    networks.sweep()
    for sandbox in given:
        networks.release(sandbox.container)
    assert list(state.run.glob("networks/members/*/leases/*")) == []
    assert list(state.run.glob("networks/sandboxes/*")) == []


def test_a_keeper_outlives_the_process(networks, tmp_path):
    networks.create("net", subnet=SUBNET)
    keeper = tmp_path / "container"
    keeper.mkdir()
    pid = os.fork()
    if pid == 0:
        Networks(networks_state(tmp_path)).attach("a" * 64, [Connection("net")], keeper=str(keeper))
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert networks.sweep() == ()
    kept = networks.sandbox("a" * 64)
    networks.detach("a" * 64)
    again = networks.attach("a" * 64, [Connection("net")], keeper=str(keeper))
    assert again.endpoints[0].address == kept.endpoints[0].address
    keeper.rmdir()
    networks.release("a" * 64)
    networks.release("a" * 64)


def test_a_start_after_a_killed_one_is_not_taken_for_it(networks, tmp_path, state):
    networks.create("net", subnet=SUBNET)
    pid = os.fork()
    if pid == 0:
        # Killed before there was anything on record but whose it is.
        networks.attach("a" * 64, [Connection("net")])
        (state.run / "networks/sandboxes" / ("a" * 64) / "sandbox.json").unlink()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    first = networks.attach("a" * 64, [Connection("net")])
    assert networks.sweep() == ()
    others = [networks.attach(f"b{number:063x}", [Connection("net")]) for number in range(11)]
    assert first.endpoints[0].address not in {other.endpoints[0].address for other in others}


def networks_state(root: Path):
    from tare.state import State

    return State.at(root)


def test_addresses_on_request(networks):
    networks.create(
        "net", subnet=SUBNET, subnet6=IPv6Network("fd99::/64"), ip_range=IPv4Network("10.249.7.8/29")
    )
    asked = Connection("net", address=SUBNET[5], address6=IPv6Address("fd99::5"), mac="02:42:ff:00:00:01")
    (endpoint,) = networks.attach("a" * 64, [asked]).endpoints
    assert (endpoint.address.ip, endpoint.mac) == (SUBNET[5], "02:42:ff:00:00:01")
    assert endpoint.address6.ip == IPv6Address("fd99::5")
    (other,) = networks.attach("b" * 64, [Connection("net")]).endpoints
    assert other.address.ip == SUBNET[8]
    for wrong, message in (
        (Connection("net", address=SUBNET[5]), "is taken"),
        (Connection("net", address6=IPv6Address("fd99::5")), "is taken"),
        (Connection("net", address=IPv4Address("10.1.1.1")), "is not in"),
        (Connection("net", address=SUBNET[0]), "is not for containers"),
        (Connection("net", address=SUBNET[1]), "is not for containers"),
        (Connection("nosuch"), "no network 'nosuch'"),
    ):
        with pytest.raises(NetworkError, match=message):
            networks.attach("c" * 64, [wrong])
        assert networks.sandbox("c" * 64) is None
    for bad in ("", "02:42", "01:00:00:00:00:01", "00:00:00:00:00:00", "02:42:00:00:00:0g"):
        if bad:
            with pytest.raises(NetworkError, match="no address of an interface"):
                Connection(mac=bad)
    with pytest.raises(NetworkError, match="used by aaaaaaaaaaaa, bbbbbbbbbbbb, a;"):
        networks.attach("d" * 64, [Connection("net")], name="a")
        networks.remove("net")


def test_failure_takes_nothing(networks, state):
    networks.create("net", subnet=SUBNET)
    networks.create("shut", subnet=IPv4Network("10.249.8.0/28"), internal=True)
    with pytest.raises(NetworkError, match="no network"):
        networks.attach("a" * 64, [Connection("net"), Connection("nosuch")])
    with pytest.raises(NetworkError, match="no network of the container has a way out"):
        networks.attach("a" * 64, [Connection("shut")], publish=parse("80"))
    assert [
        path for path in state.run.rglob("*") if path.parent.name in ("leases", "sandboxes", "ports")
    ] == []
    assert networks.containers(networks.get("shut")) == ()
