"""What -p says, whose port is whose, and what a container's files say."""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.network.model import Connection
from runtime.network.networks import Networks
from tare import resolver
from tare.errors import NetworkError, UsageError
from tare.ports import parse
from tare.resolver import Alias, Resolver

A, B, C = (letter * 64 for letter in "abc")


@pytest.fixture
def networks(state) -> Networks:
    networks = Networks(state)
    networks.create("net", subnet=IPv4Network("10.249.7.0/24"))
    return networks


def test_forms_of_publish():
    (plain,) = parse("8080:80")
    assert (plain.protocol, plain.host, plain.host_port, plain.port) == ("tcp", None, 8080, 80)
    assert parse("80")[0].host_port == 0
    assert parse("127.0.0.1::80/udp")[0].host == IPv4Address("127.0.0.1")
    assert parse("[::1]:53:53/UDP")[0].host == IPv6Address("::1")
    assert parse("0.0.0.0:1:1")[0].host == IPv4Address("0.0.0.0")  # noqa: S104
    assert parse("[::]:1:1")[0].host == IPv6Address("::")
    assert [(one.host_port, one.port) for one in parse("1-3:5-7/sctp")] == [(1, 5), (2, 6), (3, 7)]
    for text in (
        "",
        ":",
        "a",
        "80/icmp",
        "1:2:3:4",
        "0:80",
        "70000",
        "1-2:5",
        "5-4",
        "x:1:1",
        "1.2.3:1:1",
        "8080:",
    ):
        with pytest.raises(UsageError):
            parse(text)


@given(st.text(alphabet="0123456789:-/[].udptcs", max_size=30))
def test_any_text_is_ports_or_refused(text):
    try:
        found = parse(text)
    except UsageError:
        return
    assert all(0 <= one.host_port < 65536 and 0 < one.port < 65536 for one in found)


def test_ports_are_given_once(networks):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(NetworkError, match=f"{port}/tcp is in use on this host"):
            networks.attach(A, [Connection("net")], publish=parse(f"{port}:80"))
    first = networks.attach(A, [Connection("net")], publish=parse("80") + parse("127.0.0.1::53/udp"))
    any_, local = first.published
    assert any_.host_port and local.host_port
    for text in (f"{any_.host_port}:1", f"127.0.0.1:{any_.host_port}:1", f"{local.host_port}:1/udp"):
        with pytest.raises(NetworkError, match="published by another container"):
            networks.attach(B, [Connection("net")], publish=parse(text))
        assert networks.sandbox(B) is None
    networks.attach(B, [Connection("net")], publish=parse(f"127.0.0.2:{local.host_port}:1/udp"))
    networks.attach(C, [Connection("net")], publish=parse(f"{any_.host_port}:1/udp"))
    networks.detach(A)
    networks.release(C)
    networks.attach(C, [Connection("net")], publish=parse(f"{any_.host_port}:1"))
    with pytest.raises(NetworkError, match="make its network with IPv6"):
        networks.attach(A, [Connection("net")], publish=parse("[fd00::1]:1:1"))
    with pytest.raises(NetworkError, match="use an address of this host"):
        networks.attach(A, [Connection("net")], publish=parse("192.0.2.77:1:1"))


def test_port_of_a_start_that_was_killed_before_it_was_on_record(networks):
    port = networks.attach(A, [Connection("net")], publish=parse("80")).published[0].host_port
    (Path(networks.sandbox(A).path) / "sandbox.json").unlink()
    twice = parse(f"{port}:80") + parse(f"127.0.0.1:{port}:81")
    with pytest.raises(NetworkError, match="is published by another container"):
        networks.attach(A, [Connection("net")], publish=twice)
    assert networks.attach(A, [Connection("net")], publish=twice[:1]).published == twice[:1]


def test_files_of_a_container(networks):
    aliases = [Alias.parse("db:10.1.1.1"), Alias.parse("host=host-gateway"), Alias.parse("six:[fd00::1]")]
    dns = Resolver(("192.0.2.53",), ("example.org",), ("ndots:2",))
    first = networks.attach(
        A, [Connection("net", aliases=("www",))], name="web", hostname="me", dns=dns, aliases=aliases
    )
    files = {bind.target: bind.source for bind in first.binds}
    assert files["/etc/hostname"].read_text() == "me\n"
    assert files["/etc/resolv.conf"].read_text() == (
        "nameserver 192.0.2.53\nsearch example.org\noptions ndots:2\n"
    )
    hosts = files["/etc/hosts"]
    assert "10.249.7.2\tme web aaaaaaaaaaaa www\n" in hosts.read_text()
    assert "10.1.1.1\tdb\n10.249.7.1\thost\nfd00::1\tsix\n" in hosts.read_text()
    inode = hosts.stat().st_ino
    second = networks.attach(B, [Connection("net")], name="client")
    assert "10.249.7.2\tweb aaaaaaaaaaaa www\n" in (second.binds[1].source).read_text()
    assert "client" not in hosts.read_text()
    networks.announce(B)
    assert hosts.read_text().endswith("\n10.249.7.3\tclient bbbbbbbbbbbb\n")
    networks.release(B)
    assert hosts.read_text().endswith("\n#0.249.7.3\tclient bbbbbbbbbbbb\n")
    assert hosts.stat().st_ino == inode


@pytest.mark.parametrize("name", ["a b", "a\n10.0.0.1 evil", "#", "-a", "a" * 254, "../a"])
def test_names_that_would_forge_lines(networks, name):
    with pytest.raises(UsageError):
        Connection("net", aliases=(name,))
    for wishes in ({"name": name}, {"hostname": name}):
        with pytest.raises(UsageError):
            networks.attach(A, [Connection("net")], **wishes)
    with pytest.raises(UsageError):
        networks.attach(name)


def test_hosts_files_stay_small(networks):
    hosts = networks.attach(A, [Connection("net")], name="web").binds[1].source
    kept = hosts.read_text()
    for number in range(300):
        networks.attach(B, [Connection("net", aliases=("a" * 250, "b" * 250))], name=f"c{number}")
        networks.announce(B)
        networks.release(B)
    assert hosts.stat().st_size < 2 * (64 << 10)
    assert hosts.read_text().startswith(kept)


def test_resolvers_that_mean_nothing_inside(monkeypatch, tmp_path):
    stub = "nameserver 127.0.0.53\nnameserver fe80::1%eth0\nsearch lan\noptions edns0\n"
    upstream = tmp_path / "resolv.conf"
    monkeypatch.setattr(resolver, "_UPSTREAM_FILE", upstream)
    assert resolver.resolv_conf(Resolver(), stub) == "search lan\noptions edns0\n"
    upstream.write_text("nameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    assert resolver.resolv_conf(Resolver(), stub) == (
        "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch lan\noptions edns0\n"
    )
    assert resolver.resolv_conf(Resolver(search=(".",)), "nameserver 192.0.2.9\nsearch lan\n") == (
        "nameserver 192.0.2.9\n"
    )
    with pytest.raises(UsageError, match="--dns"):
        resolver.resolv_conf(Resolver(("nonsense",)))
    for text in ("", "name", ":1.1.1.1", "a b:1.1.1.1", "a#:1.1.1.1", "name:nonsense"):
        with pytest.raises(UsageError):
            Alias.parse(text)
