"""Networks are defined, listed, inspected and removed as docker's are, and nonsense is refused."""

import os
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Network

import pytest
from network_lab import OUTSIDE

from runtime.network import mode, registry
from runtime.network.model import Connection
from runtime.network.networks import Networks
from tare.errors import NetworkError, UsageError

SUBNET = IPv4Network("10.249.7.0/24")


@pytest.fixture
def networks(state) -> Networks:
    return Networks(state)


def test_default_network_is_made_once(networks, state):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: Networks(state).get("bridge"), range(16)))
    assert len({network.id for network in found}) == 1
    assert found[0].link == f"tare{state.tag}0"
    assert [network.name for network in networks.list()] == ["bridge"]
    with pytest.raises(NetworkError, match="always there"):
        networks.remove("bridge")


def test_definition_survives_and_is_shown(networks, state):
    made = networks.create(
        "net",
        subnet=SUBNET,
        gateway=SUBNET[9],
        ip_range=IPv4Network("10.249.7.128/25"),
        subnet6=IPv6Network("fd99::/64"),
        labels={"owner": "me"},
        options={"com.docker.network.driver.mtu": "1400"},
    )
    again = Networks(state)
    assert again.get("net") == made == again.get(made.id) == again.get(made.id[:12])
    sandbox = networks.attach("a" * 64, [Connection("net")], name="web")
    shown = again.inspect("net")
    assert shown["IPAM"]["Config"] == [
        {"Subnet": "10.249.7.0/24", "Gateway": "10.249.7.9", "IPRange": "10.249.7.128/25"},
        {"Subnet": "fd99::/64", "Gateway": "fd99::1"},
    ]
    assert shown["Labels"] == {"owner": "me"}
    assert shown["Options"]["com.docker.network.driver.mtu"] == "1400"
    assert shown["Containers"]["a" * 64]["IPv4Address"] == str(sandbox.endpoints[0].address)
    assert again.prune() == ()
    networks.release("a" * 64)
    assert again.prune() == ("net",)
    with pytest.raises(NetworkError, match="no network 'net'"):
        networks.get("net")


def test_a_container_may_outlive_its_network(networks):
    networks.create("net", subnet=SUBNET)
    networks.attach("a" * 64, [Connection("net")])
    networks.detach("a" * 64)
    networks.remove("net")
    networks.release("a" * 64)
    networks.create("net", subnet=SUBNET)
    assert networks.attach("b" * 64, [Connection("net")]).endpoints[0].address.ip == SUBNET[2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"subnet": IPv4Network("127.0.0.0/16")}, "overlaps 127.0.0.0/8"),
        ({"subnet": IPv4Network("10.248.0.0/16")}, "overlaps 10.248.3.0/24"),
        ({"subnet": IPv4Network("10.249.7.0/31")}, "too small"),
        ({"subnet": SUBNET, "gateway": IPv4Address("10.1.1.1")}, "no host of"),
        ({"subnet": SUBNET, "gateway": SUBNET[0]}, "no host of"),
        ({"subnet": SUBNET, "gateway": SUBNET[255]}, "no host of"),
        ({"subnet": SUBNET, "ip_range": IPv4Network("10.250.0.0/24")}, "is not in"),
        ({"subnet6": IPv6Network("fd99::/127")}, "too small"),
        ({"mtu": 10}, "MTU"),
        ({"ipv6": True, "mtu": 1000}, "use 1280"),
        ({"options": {"com.docker.network.driver.mtu": "many"}}, "MTU"),
        ({"options": {"nosuch": "1"}}, "no driver option 'nosuch'"),
        ({"options": {"com.docker.network.bridge.name": "eth0"}}, "can't be called eth0"),
    ],
)
def test_nonsense_is_refused(networks, settings, message):
    networks.create("there", subnet=IPv4Network("10.248.3.0/24"))
    with pytest.raises(NetworkError, match=message):
        networks.create("net", **settings)
    assert [network.name for network in networks.list()] == ["bridge", "there"]


@pytest.mark.parametrize(
    "name", ["", "a/b", "../x", ".hidden", "-x", "host", "none", "container", "a" * 129, "ä"]
)
def test_names_without_meaning(networks, name):
    with pytest.raises(NetworkError, match="no name for a network"):
        networks.create(name)
    with pytest.raises(NetworkError, match="no network"):
        networks.get(name)


def test_routes_of_tunnels_take_no_subnet(lab):
    for route in ("0.0.0.0/1", "128.0.0.0/1"):
        lab.sh("ip", "route", "add", route, "via", OUTSIDE)
    lab.sh("ip", "route", "add", "10.0.0.0/8", "via", OUTSIDE)
    assert lab.on_host(lab.networks.create, "net").subnet == IPv4Network("172.17.0.0/16")
    taken = lab.on_host(lab.networks.create, "next")
    lab.sh("ip", "route", "add", "172.18.5.0/24", "via", OUTSIDE)
    lab.on_host(lab.networks.attach, "a" * 64, [Connection(taken.name)])
    with pytest.raises(NetworkError, match="overlaps 172.18.5.0/24, in use on this host"):
        lab.on_host(lab.networks.plug, "a" * 64, os.getpid())


def test_taken_name(networks):
    networks.create("net")
    with pytest.raises(NetworkError, match="there is a network net already"):
        networks.create("net")
    with pytest.raises(NetworkError, match="has host bits set"):
        registry.parse_subnet("10.0.0.1/24")


def test_modes():
    assert mode.parse("").target == mode.parse("bridge").target == mode.parse("default").target == "bridge"
    assert mode.parse("host") == mode.Mode("host")
    assert mode.parse("none") == mode.Mode("none")
    assert mode.parse("container:web") == mode.Mode("container", "web")
    assert mode.parse("net") == mode.Mode("bridge", "net")
    for text in ("container", "container:"):
        with pytest.raises(UsageError, match="names no container"):
            mode.parse(text)


def test_default_network_moves_out_of_the_way_of_another_link(lab):
    """Its subnet was free when it was defined, and nobody is on it; a container that is keeps it there."""
    before = lab.on_host(lab.networks.get, "bridge")
    lab.sh("ip", "route", "add", str(before.subnet), "via", OUTSIDE)
    run, sandbox = lab.start("a" * 64, "true")
    now = lab.on_host(lab.networks.get, "bridge")
    assert not now.subnet.overlaps(before.subnet)
    assert sandbox.endpoints[0].address.ip in now.subnet
    lab.on_host(run.remove)
    lab.sh("ip", "link", "del", now.link)
    lab.sh("ip", "route", "add", str(now.subnet), "via", OUTSIDE)
    lab.on_host(lab.networks.attach, "b" * 64)
    assert lab.on_host(lab.networks.get, "bridge") == now
    for container in ("a", "b"):
        lab.on_host(lab.networks.release, container * 64)
