"""Packets really go where networks say, and nowhere else."""

import json
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from network_lab import HOST, HOST6, OUTSIDE, OUTSIDE6

from runtime import Bind
from runtime.network.model import Connection
from tare import ports
from tare.errors import NetworkError

A, B, C = (letter * 64 for letter in "abc")


def fetch(run, address: str) -> bytes:
    """What a container gets from an address, or why it gets nothing."""
    ran = run.exec(("timeout", "2", "wget", "-O-", f"http://{address}/"), timeout=20)
    return ran.stdout if ran.returncode == 0 else ran.stderr


WHO = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


def serve(lab, *, address: str = "", port: int = 80, outside: bool = True) -> None:
    """A server on the internet or on the host that tells callers their address."""
    argv = (sys.executable, "-c", WHO, address, str(port))
    lab.spawn(*argv, outside=outside, stderr=subprocess.DEVNULL)
    lab.await_listener(port, lab.internet if outside else lab.own)


def test_out_through_translation(lab):
    lab.on_host(lab.networks.create, "net", ipv6=True)
    serve(lab)
    run, sandbox = lab.start(A, "sleep", "60", connections=[Connection("net")])
    (endpoint,) = sandbox.endpoints
    # The internet has no route back to the container's own addresses.
    assert fetch(run, OUTSIDE) == HOST.encode()
    assert run.exec(("ping", "-6", "-c1", "-W5", OUTSIDE6), timeout=20).returncode == 0
    inside = json.loads(lab.sh("nsenter", f"--net=/proc/{run.pid}/ns/net", "ip", "-j", "addr"))
    (link,) = [link for link in inside if link["ifname"] == "eth0"]
    assert link["address"] == endpoint.mac
    found = {f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"] if one["scope"] == "global"}
    assert found == {str(address) for address in endpoint.addresses}
    lab.remove(run, A)


@pytest.mark.parametrize("bridged", ["0", "1"])
def test_published_port_from_everywhere(lab, bridged):
    """Whether netfilter sees bridged frames or not; that's another way through the kernel."""
    for program in ("iptables", "ip6tables"):
        lab.sh("sysctl", "-qw", f"net.bridge.bridge-nf-call-{program}={bridged}")
    lab.on_host(lab.networks.create, "net", ipv6=True)
    published = ports.parse("8080:80") + ports.parse(f"{HOST}:8081:80")
    run, _ = lab.serve(A, connections=[Connection("net")], publish=published)
    other, _ = lab.start(B, "sleep", "60", connections=[Connection("net")])
    lab.on_host(lab.networks.create, "far")
    third, _ = lab.start(C, "sleep", "60", connections=[Connection("far")])
    gateway = lab.networks.get("net").gateway

    def curl(where, address: str) -> str:
        return where("timeout", "3", "busybox", "wget", "-qO-", f"http://{address}/")

    def said(where, address: str) -> str:
        try:
            return curl(where, address)
        except AssertionError as failure:
            return "refused" if "Connection refused" in str(failure) else str(failure)

    def refused(where, address: str) -> bool:
        return said(where, address) != "tarebench\n"

    assert curl(lab.outside, f"{HOST}:8080") == "tarebench\n"
    assert curl(lab.outside, f"{HOST}:8081") == "tarebench\n"
    assert curl(lab.outside, f"[{HOST6}]:8080") == "tarebench\n"
    assert curl(lab.sh, f"{HOST}:8080") == "tarebench\n"
    assert curl(lab.sh, "127.0.0.1:8080") == "tarebench\n"
    assert refused(lab.sh, "127.0.0.1:8081")
    assert said(lab.sh, "[::1]:8080") == ("refused" if bridged == "1" else "tarebench\n")
    assert curl(lab.sh, f"[{HOST6}]:8080") == "tarebench\n"
    # Hairpins: through the host's addresses, and back to oneself.
    for name, caller in (("other", other), ("own", run), ("third", third)):
        assert (name, fetch(caller, f"{HOST}:8080")) == (name, b"tarebench\n")
    assert fetch(other, f"{gateway}:8080") == b"tarebench\n"
    lab.on_host(lab.networks.detach, A)
    assert refused(lab.outside, f"{HOST}:8080")
    for container, name in ((run, A), (other, B), (third, C)):
        lab.remove(container, name)


def test_published_on_some_addresses_of_either_version(lab):
    lab.sh("sysctl", "-qw", "net.bridge.bridge-nf-call-ip6tables=0")
    lab.on_host(lab.networks.create, "net", ipv6=True)
    published = ports.parse("[::1]:8080:80") + ports.parse("[::]:8081:80")
    run, _ = lab.serve(A, connections=[Connection("net")], publish=published)
    expected = {
        "[::1]:8080": "tarebench", f"[{HOST6}]:8080": "", "127.0.0.1:8080": "",
        "[::1]:8081": "tarebench", f"[{HOST6}]:8081": "tarebench", "127.0.0.1:8081": "",
    }  # fmt: skip
    for address, page in expected.items():
        script = f"timeout 3 busybox wget -qO- http://{address}/ || true"
        assert (address, lab.sh("sh", "-c", script).strip()) == (address, page)
    assert lab.outside("busybox", "wget", "-qO-", f"http://[{HOST6}]:8081/") == "tarebench\n"
    lab.sh("sysctl", "-qw", "net.bridge.bridge-nf-call-ip6tables=1")
    with pytest.raises(NetworkError, match="answers to ::1 are lost"):
        lab.on_host(lab.networks.attach, B, connections=[Connection("net")], publish=ports.parse("[::1]:1:1"))
    lab.remove(run, A)


def test_networks_are_apart(lab):
    lab.on_host(lab.networks.create, "near")
    lab.on_host(lab.networks.create, "far")
    lab.on_host(lab.networks.create, "shut", internal=True)
    serve(lab)
    _, sandbox = lab.serve(A, connections=[Connection("near")])
    address = str(sandbox.endpoints[0].address.ip)
    peer, _ = lab.start(B, "sleep", "60", connections=[Connection("near")])
    stranger, _ = lab.start(C, "sleep", "60", connections=[Connection("far")])
    _, kept = lab.serve("d" * 64, connections=[Connection("shut")])
    caller, _ = lab.start("e" * 64, "sleep", "60", connections=[Connection("shut")])
    assert fetch(peer, address) == b"tarebench\n"
    assert b"tarebench" not in fetch(stranger, address)
    lab.outside("ip", "route", "add", str(sandbox.endpoints[0].address.network), "via", HOST)
    assert lab.outside("sh", "-c", f"timeout 1 busybox wget -qO- http://{address}/ || echo shut") == "shut\n"
    assert fetch(caller, str(kept.endpoints[0].address.ip)) == b"tarebench\n"
    assert b"unreachable" in fetch(caller, OUTSIDE)
    assert b"unreachable" in fetch(caller, address)


def test_loopback_services_of_the_host_stay_its_own(lab):
    serve(lab, address="127.0.0.1", port=99, outside=False)
    run, _ = lab.start(A, "sleep", "60", publish=ports.parse("8080:80"))
    gateway = lab.networks.get("bridge").gateway
    assert lab.sh("sysctl", "-n", f"net.ipv4.conf.{lab.networks.get('bridge').link}.route_localnet") == "1\n"
    inside = ("nsenter", f"--net=/proc/{run.pid}/ns/net")
    lab.sh(*inside, "sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1")
    lab.sh(*inside, "ip", "route", "del", "local", "127.0.0.0/8", "dev", "lo", "table", "local")
    lab.sh(*inside, "ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
    lab.sh(*inside, "ip", "route", "add", "127.0.0.1", "via", str(gateway), "dev", "eth0")
    said = lab.sh(*inside, "sh", "-c", "timeout 1 busybox wget -qO- http://127.0.0.1:99/ || echo shut")
    assert said == "shut\n"


def test_other_protocols_and_ranges(lab):
    run, sandbox = lab.start(
        A, "sleep", "60", publish=ports.parse("5000-5001:6000-6001/udp") + ports.parse("5000:7000/sctp")
    )
    inside = f"/proc/{run.pid}/ns/net"
    receive = (
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 6001)); print(s.recv(99))"
    )
    send = f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'hello', ('{HOST}', 5001))"
    listener = lab.spawn("nsenter", f"--net={inside}", sys.executable, "-c", receive, stdout=subprocess.PIPE)
    lab.await_listener(6001, inside, "u")
    lab.outside(sys.executable, "-c", send)
    assert listener.stdout.readline() == b"b'hello'\n"
    rules = lab.sh("nft", "list", "table", "inet", f"tare{lab.state.tag}")
    assert f"udp . 5000 : {sandbox.endpoints[0].address.ip} . 6000" in rules
    assert f"sctp . 5000 : {sandbox.endpoints[0].address.ip} . 7000" in rules


def test_names_of_peers(lab):
    lab.on_host(lab.networks.create, "net")
    first, _ = lab.serve(A, name="web", connections=[Connection("net", aliases=("www",))])
    second, _ = lab.start(B, "sleep", "60", name="client", connections=[Connection("net")])
    for name in ("web", "www", A[:12]):
        assert fetch(second, name) == b"tarebench\n"
    assert first.exec(("ping", "-c1", "-W5", "client"), timeout=20).returncode == 0
    assert second.exec(("cat", "/etc/hostname")).stdout.decode().strip() == B[:12]
    lab.remove(first, A)
    assert b"bad address" in fetch(second, "web")
    third, _ = lab.serve(A, name="web", connections=[Connection("net")])
    assert fetch(second, "web") == b"tarebench\n"
    lab.remove(second, B)
    lab.remove(third, A)


def test_connect_and_disconnect_while_running(lab):
    lab.on_host(lab.networks.create, "one")
    lab.on_host(lab.networks.create, "two", ipv6=True, mtu=1400)
    server, _ = lab.serve(A, name="web", connections=[Connection("one")])
    client, _ = lab.start(B, "sleep", "60", connections=[Connection("two")])
    assert b"tarebench" not in fetch(client, "web")
    wanted = IPv4Address(int(lab.networks.get("two").gateway) + 41)
    asked = Connection("two", address=wanted, mac="02:42:00:00:00:99")
    sandbox = lab.on_host(lab.networks.connect, A, asked, server.pid)
    assert sandbox.endpoints[1].interface == "eth1"
    assert fetch(client, "web") == b"tarebench\n"
    link = server.exec(("ip", "link", "show", "eth1")).stdout
    assert b"mtu 1400" in link and b"02:42:00:00:00:99" in link
    lab.on_host(lab.networks.disconnect, A, "two")
    assert b"bad address" in fetch(client, "web")
    assert b"eth1" not in server.exec(("ip", "link")).stdout
    lab.on_host(lab.networks.connect, A, Connection("two"), server.pid)
    assert fetch(client, "web") == b"tarebench\n"


def test_the_way_out_moves_to_the_next_network(lab):
    lab.on_host(lab.networks.create, "shut", internal=True)
    lab.on_host(lab.networks.create, "two", ipv6=True)
    connections = [Connection("bridge"), Connection("shut"), Connection("two")]
    run, _ = lab.serve(A, connections=connections, publish=ports.parse("8080:80"))

    def routes(*options: str) -> str:
        return lab.sh("nsenter", f"--net=/proc/{run.pid}/ns/net", "ip", *options, "route", "show", "default")

    def fetched() -> str:
        return lab.outside("timeout", "3", "busybox", "wget", "-qO-", f"http://{HOST}:8080/")

    assert "dev eth0" in routes()
    assert fetched() == "tarebench\n"
    sandbox = lab.on_host(lab.networks.disconnect, A, "bridge", run.pid)
    assert "dev eth2" in routes() and "dev eth2" in routes("-6")
    assert fetched() == "tarebench\n"
    assert [port.host_port for port in sandbox.published] == [8080]
    assert lab.on_host(lab.networks.disconnect, A, "two", run.pid).published == ()
    assert routes() == ""
    lab.on_host(lab.networks.connect, A, Connection("bridge"), run.pid, ports.parse("8080:80"))
    assert "dev eth0" in routes()
    assert fetched() == "tarebench\n"


def test_ports_that_can_not_be_opened_are_given_back(lab, monkeypatch):
    for name in ("one", "two"):
        lab.on_host(lab.networks.create, name)
    run, _ = lab.serve(A, connections=[Connection("one")])
    lab.on_host(lab.networks.disconnect, A, "one", run.pid)

    def refuse(*_: object) -> None:
        raise NetworkError("refused", "")

    arguments = lab.networks.connect, A, Connection("two"), run.pid, ports.parse("8080:80")
    with monkeypatch.context() as patched:
        patched.setattr(lab.networks._host, "publish", refuse)
        with pytest.raises(NetworkError, match="refused"):
            lab.on_host(*arguments)
    left = lab.networks.sandbox(A)
    assert (left.endpoints, left.published, lab.networks._host._ports.all()) == ((), (), [])
    lab.on_host(*arguments)
    assert lab.outside("timeout", "3", "busybox", "wget", "-qO-", f"http://{HOST}:8080/") == "tarebench\n"


def test_new_name_while_running(lab):
    lab.on_host(lab.networks.create, "net", ipv6=True)
    server, _ = lab.serve(A, name="web", connections=[Connection("net", aliases=("www",))])
    client, _ = lab.start(B, "sleep", "60", name="client", connections=[Connection("net")])
    lab.on_host(lab.networks.rename, A, "site")
    assert b"bad address" in fetch(client, "web")
    for name in ("site", "www", A[:12]):
        assert fetch(client, name) == b"tarebench\n"
    assert fetch(server, "site") == b"tarebench\n"
    assert b"bad address" in fetch(server, "web")
    later, _ = lab.start(C, "sleep", "60", name="later", connections=[Connection("net")])
    assert fetch(later, "site") == b"tarebench\n"
    lab.on_host(lab.networks.detach, A)
    assert b"bad address" in fetch(client, "site")


def test_bridge_is_made_again_and_rules_are_loaded_again(lab):
    run, _ = lab.serve(A, publish=ports.parse("8080:80"))
    lab.remove(run, A)
    lab.sh("ip", "link", "del", lab.networks.get("bridge").link)
    lab.sh("nft", "flush", "ruleset")
    run, _ = lab.serve(A, publish=ports.parse("8080:80"))
    assert lab.outside("busybox", "wget", "-qO-", f"http://{HOST}:8080/") == "tarebench\n"
    lab.sh("nft", "flush", "ruleset")
    lab.on_host(lab.networks.reload)
    assert lab.outside("busybox", "wget", "-qO-", f"http://{HOST}:8080/") == "tarebench\n"


def test_without_nft_iptables_serves(lab, monkeypatch):
    monkeypatch.setattr("runtime.network.firewall._PROGRAMS", ("iptables-restore",))
    test_published_port_from_everywhere(lab, "1")


def test_throughput_between_containers(lab):
    binds = [
        Bind(Path(place), place, read_only=True)
        for place in ("/usr", "/lib", "/lib64")
        if Path(place).exists()
    ]
    server, sandbox = lab.start(A, "/usr/bin/iperf3", "-s", "-1", binds=tuple(binds))
    client, _ = lab.start(B, "sleep", "60", binds=tuple(binds))
    address = str(sandbox.endpoints[0].address.ip)
    lab.await_listener(5201, f"/proc/{server.pid}/ns/net")
    ran = client.exec(("/usr/bin/iperf3", "-J", "-t", "1", "-c", address), timeout=30)
    report = json.loads(ran.stdout)
    speed = report["end"]["sum_received"]["bits_per_second"]
    print(f"{speed / 1e9:.1f} Gbit/s between two containers")
    assert speed > 0
    assert server.wait(10) == 0
