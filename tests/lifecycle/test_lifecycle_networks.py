"""Containers on networks, on a host of the test's own."""

import os
import socket
import subprocess
import sys
import threading
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest

from runtime.errors import CommandNotFoundError
from runtime.lifecycle import Networking, RestartPolicy, executing
from runtime.lifecycle.errors import NoSuchContainerError, StatusError
from runtime.lifecycle.record import has_ended
from runtime.network.model import Connection
from runtime.network.networks import Networks
from runtime.volumes import Volumes
from tare.errors import NetworkError
from tare.ports import Published
from tare.resolver import Alias, Resolver

pytestmark = pytest.mark.usefixtures("host")

BRIDGE = Networking()
WEB = ("sh", "-c", "mkdir /www; echo page > /www/index.html; exec httpd -f -h /www")


def published(port: int, inside: int = 80) -> Networking:
    return Networking(publish=(Published("tcp", None, port, inside),))


def text(containers, name, *argv: str) -> str:
    ended = executing.output(containers.engine, containers.find(name), argv, timeout=20)
    return (ended.stdout + ended.stderr).decode()


def fetched(port: int) -> bytes:
    """What a web server says, once it listens."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return b"".join(iter(lambda: connection.recv(4096), b""))
        except ConnectionError:
            continue


def test_a_container_has_an_address_a_name_and_a_port(containers, stored) -> None:
    containers.run(stored(*WEB, networking=published(8080)), name="web")
    assert b"page" in fetched(8080)
    known = containers.inspect("web")["NetworkSettings"]
    address = IPv4Address(known["IPAddress"])
    assert address in ip_network(f"{known['Gateway']}/{known['IPPrefixLen']}", strict=False)
    assert known["Networks"]["bridge"]["IPAddress"] == str(address)
    assert known["Ports"] == {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}  # noqa: S104
    assert [str(port) for port in containers.ports("web")] == ["0.0.0.0:8080->80/tcp"]
    containers.run(stored("sleep", "1000", networking=BRIDGE), name="other")
    assert "page" in text(containers, "other", "wget", "-qO-", "http://web/")
    assert f"{address}\t" in text(containers, "other", "cat", "/etc/hosts")


def test_its_end_frees_ports_and_names_but_not_its_address(containers, stored) -> None:
    containers.run(stored("sleep", "1000", networking=published(8080)), name="web")
    containers.run(stored("sleep", "1000", networking=BRIDGE), name="other")
    address = containers.inspect("web")["NetworkSettings"]["IPAddress"]
    containers.stop("web", timeout=0)
    assert address not in unmarked(text(containers, "other", "cat", "/etc/hosts"))
    assert containers.inspect("web")["NetworkSettings"]["IPAddress"] == ""
    containers.run(stored("sleep", "1000", networking=published(8080)), name="next")
    assert containers.inspect("next")["NetworkSettings"]["IPAddress"] != address
    containers.stop("next", timeout=0)
    containers.start("web")
    assert containers.inspect("web")["NetworkSettings"]["IPAddress"] == address


def unmarked(hosts: str) -> str:
    return "".join(line for line in hosts.splitlines(keepends=True) if not line.startswith("#"))


def test_the_monitor_frees_the_port_of_one_that_ends_by_itself(containers, stored) -> None:
    networking = published(8080)
    identity = containers.run(stored("true", networking=networking))
    assert containers.wait(identity, timeout=30) == 0
    monitor = containers.find(identity).pidfd("monitor")
    if monitor >= 0:
        assert has_ended(monitor, 30)
        os.close(monitor)
    assert Networks(containers._state).sandbox(identity).published == ()


def test_the_port_of_one_whose_monitor_was_killed_is_to_be_had(containers, stored, killed) -> None:
    identity = containers.run(stored("sleep", "1000", networking=published(8080)))
    killed(containers.find(identity).state["monitor"])
    assert containers.wait(identity, timeout=30) == 137
    containers.run(stored(*WEB, networking=published(8080)))
    assert b"page" in fetched(8080)
    with pytest.raises(NetworkError, match="8080"):
        containers.start(identity)
    assert containers.find(identity).exit().error


def test_restarts_by_policy_keep_address_and_port(containers, stored) -> None:
    networking = published(8080)
    identity = containers.run(
        stored("sleep", "1000", networking=networking, restart=RestartPolicy("always")), name="web"
    )
    before = containers.inspect(identity)["NetworkSettings"]
    containers.kill(identity, 2)
    containers.restart(identity, timeout=0)
    after = containers.inspect(identity)["NetworkSettings"]
    assert (after["IPAddress"], after["Ports"]) == (before["IPAddress"], before["Ports"])


def test_all_exposed_ports_are_published(containers, stored) -> None:
    networking = Networking(publish=(Published("tcp", None, 8080, 80),), publish_all=True)
    identity = containers.run(
        stored("sleep", "1000", networking=networking, exposed=("80/tcp", "53/udp", "81/tcp"))
    )
    ports = {f"{port.port}/{port.protocol}": port.host_port for port in containers.ports(identity)}
    assert set(ports) == {"80/tcp", "53/udp", "81/tcp"}
    assert ports["80/tcp"] == 8080
    assert all(ports.values())


def test_another_containers_namespace(containers, stored) -> None:
    containers.run(stored(*WEB, networking=BRIDGE), name="web")
    joined = stored("sleep", "1000", networking=Networking("container:web"))
    containers.run(joined, name="beside")
    for path in ("/proc/net/fib_trie", "/etc/hosts", "/proc/sys/kernel/hostname"):
        assert text(containers, "beside", "cat", path) == text(containers, "web", "cat", path)
    assert "page" in text(containers, "beside", "wget", "-qO-", "http://127.0.0.1/")
    containers.stop("web", timeout=0)
    with pytest.raises(StatusError, match="web"):
        containers.restart("beside", timeout=0)
    with pytest.raises(NoSuchContainerError):
        containers.run(stored("true", networking=Networking("container:nobody")))


def test_the_hosts_namespace_has_copies_of_its_files(containers, stored) -> None:
    networking = Networking("host", hosts=(Alias("db", "192.0.2.7"),))
    identity = containers.run(stored("sleep", "1000", networking=networking))
    assert "192.0.2.7\tdb" in text(containers, identity, "cat", "/etc/hosts")
    text(containers, identity, "sh", "-c", "echo changed > /etc/hosts")
    assert Path("/etc/hosts").read_text() != "changed\n"
    containers.run(stored(*WEB, networking=networking))
    assert b"page" in fetched(80)


def test_no_network_but_files_of_its_own(containers, stored) -> None:
    networking = Networking("none", dns=Resolver(servers=("192.0.2.1",)))
    identity = containers.run(stored("sleep", "1000", networking=networking), name="alone")
    assert text(containers, identity, "cat", "/etc/resolv.conf") == "nameserver 192.0.2.1\n"
    assert text(containers, identity, "cat", "/etc/hostname") == f"{identity[:12]}\n"
    assert "eth0" not in text(containers, identity, "cat", "/proc/net/dev")


def test_networks_come_and_go(containers, stored, state) -> None:
    networks = Networks(state)
    networks.create("back")
    networks.create("side")
    containers.run(stored("sleep", "1000", networking=BRIDGE), name="box")
    containers.connect("back", "box", Connection("back", aliases=("db",)))
    known = containers.inspect("box")["NetworkSettings"]["Networks"]
    assert set(known) == {"bridge", "back"}
    assert "eth1" in text(containers, "box", "cat", "/proc/net/dev")
    with pytest.raises(NetworkError, match="already"):
        containers.connect("back", "box", Connection("back"))
    containers.disconnect("bridge", "box")
    assert "eth0" not in text(containers, "box", "cat", "/proc/net/dev")
    containers.stop("box", timeout=0)
    containers.connect("side", "box", Connection("side"))
    containers.disconnect("back", "box")
    containers.start("box")
    assert set(containers.inspect("box")["NetworkSettings"]["Networks"]) == {"side"}
    containers.disconnect("side", "box")
    assert containers.inspect("box")["NetworkSettings"]["Networks"] == {}
    containers.restart("box", timeout=0)
    assert "eth" not in text(containers, "box", "cat", "/proc/net/dev")
    containers.connect("side", "box", Connection("side"))
    assert "default" in text(containers, "box", "ip", "route")
    with pytest.raises(NetworkError, match="not on"):
        containers.disconnect("back", "box")


def test_what_changes_of_a_running_container_is_known_at_once(containers, stored, state) -> None:
    networks = Networks(state)
    networks.create("back")
    containers.run(stored(*WEB, networking=published(8080)), name="web")
    containers.run(stored("sleep", "1000", networking=BRIDGE), name="other")
    containers.rename("web", "site")
    assert "page" in text(containers, "other", "wget", "-qO-", "http://site/")
    assert "bad address" in text(containers, "other", "wget", "-qO-", "http://web/")
    containers.connect("back", "site", Connection("back"))
    containers.disconnect("bridge", "site")
    assert "dev eth1" in text(containers, "site", "ip", "route", "show", "default")
    assert b"page" in fetched(8080)
    containers.disconnect("back", "site")
    assert containers.ports("site") == ()
    containers.connect("bridge", "site", Connection("bridge"))
    assert "dev eth0" in text(containers, "site", "ip", "route", "show", "default")
    assert b"page" in fetched(8080)


def test_a_failed_start_leaves_neither_address_nor_port(containers, stored, state) -> None:
    with pytest.raises(CommandNotFoundError):
        containers.run(stored("nonsense", networking=published(8080), auto_remove=True))
    networks = Networks(state)
    assert networks.sweep() == ()
    containers.run(stored("sleep", "1000", networking=published(8080)))


@pytest.mark.parametrize("filters", [{"network": ["back"]}, {"publish": ["8080"]}, {"publish": ["80/tcp"]}])
def test_filters(containers, stored, state, filters) -> None:
    network = Networks(state).create("back")
    back = Networking("back", publish=(Published("tcp", None, 8080, 80),))
    wanted = containers.run(stored("sleep", "1000", networking=back))
    containers.run(stored("sleep", "1000", networking=BRIDGE))
    assert [record.id for record in containers.list(filters=filters)] == [wanted]
    assert [record.id for record in containers.list(filters={"network": [network.id]})] == [wanted]


STARTER = """\
import sys
from pathlib import Path
from runtime import ContainerSpec
from runtime.lifecycle import Containers, Mount, Networking, Settings

from tare.ports import Published
from tare.state import State
containers = Containers(State.at(Path(sys.argv[1])))
spec = ContainerSpec(Path("/nonexistent"), ("sleep", "1000"))
networking = Networking(publish=(Published("tcp", None, 0, 80),))
mounts = (Mount("volume", "", "/data"),)
print("ready", flush=True)
while True:
    containers.run(Settings(spec, chain=sys.argv[2], networking=networking, mounts=mounts))
"""


def test_a_starter_killed_at_any_time_leaves_nothing_behind(containers, stored, state) -> None:
    command = (sys.executable, "-c", STARTER, str(state.data.parent), stored("true").chain)
    for number in range(8):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as starter:
            assert starter.stdout
            starter.stdout.readline()
            threading.Event().wait(0.02 + 0.007 * number)
            starter.kill()
    # Every one that runs has all that it is to have; one whose starter was killed too early ends by itself.
    for record in containers.list():
        known = containers.inspect(record.id)["NetworkSettings"]
        if known["IPAddress"]:
            assert known["Ports"]["80/tcp"]
        else:
            assert containers.wait(record.id, timeout=30) != 0
    for record in containers.list(every=True):
        containers.remove(record.id, force=True, volumes=True)
    networks = Networks(state)
    networks.sweep()
    left = [path for path in state.run.rglob("leases/*") if path.is_file()]
    assert left == []
    assert list((state.run / "networks" / "sandboxes").iterdir()) == []
    assert Volumes(state).list() == []
    driver, _ = containers.root(containers.create(stored("true")))
    assert len(driver.containers()) == 1
