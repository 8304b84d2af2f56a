"""Namespaces shared between containers and with the host, pods, mapped users, and Docker's bridge."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from client_cli import Client

_ALL = "for each in pid net ipc uts mnt; do readlink /proc/self/ns/$each; done"
_SERVE = "echo ready; exec httpd -f -h /www"


def _namespaces(client: Client, *options: str) -> dict[str, str]:
    return dict(line.split(":") for line in client.shell(_ALL, *options))


def _namespaces_of(process: str, names: Iterable[str]) -> dict[str, str]:
    return {name: str(Path(f"/proc/{process}/ns/{name}").readlink()).split(":")[1] for name in names}


def test_own(client: Client) -> None:
    own = _namespaces(client, "--network", "none")
    host = _namespaces_of("self", own)
    assert set(own.items()) & set(host.items()) == set()
    lines = client.shell("ip -o address show lo; ping -c1 127.0.0.1", "--network", "none")
    assert "127.0.0.1/8" in lines[0]


def test_shared_with_a_container(client: Client) -> None:
    container = client.start(_SERVE, "--network", "none", "--ipc", "shareable")
    first = dict(line.split(":") for line in client.must("exec", container, "sh", "-c", _ALL).splitlines())
    options = [
        option for kind in ("pid", "network", "ipc") for option in (f"--{kind}", f"container:{container}")
    ]
    second = _namespaces(client, *options)
    assert [name for name in first if first[name] == second[name]] == ["pid", "net", "ipc"]
    script = "wget -q -O - http://127.0.0.1/; cat /proc/1/comm"
    assert client.shell(script, *options) == ["tarebench", "httpd"]


def test_shared_with_the_host(client: Client) -> None:
    daemon = str(client.place.daemons[0].pid) if client.place.daemons else "self"
    kinds = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts"}
    shared = _namespaces(client, *(option for kind in kinds for option in (f"--{kind}", "host")))
    host = _namespaces_of(daemon, shared)
    assert [name for name in host if host[name] == shared[name]] == ["pid", "net", "ipc", "uts"]


def test_own_control_groups(client: Client) -> None:
    seen = client.shell("cut -d: -f3 /proc/self/cgroup", "--cgroupns", "private", "--network", "none")
    assert set(seen) == {"/"}


def test_bridge(only_docker: Client) -> None:
    server = only_docker.start(_SERVE, "--publish", "8080:80")
    address = only_docker.inspect(server, "{{.NetworkSettings.Networks.bridge.IPAddress}}")
    assert only_docker.shell(f"wget -q -O - http://{address}/") == ["tarebench"]
    assert only_docker.shell("ip -o -4 address show eth0 | wc -l; cat /etc/resolv.conf | wc -c")[0] == "1"


@pytest.fixture
def pod(only_podman: Client):
    parent = only_podman.place.cgroup
    identifier = only_podman.must("pod", "create", "--name", "pod", "--cgroup-parent", f"/{parent}")
    yield "pod"
    only_podman("pod", "rm", "--force", "--time", "0", "pod")
    # Podman leaves a pod's control groups in hierarchies it doesn't use itself.
    for group in Path("/sys/fs/cgroup").glob(f"*/{parent}/{identifier}"):
        with suppress(OSError):
            group.rmdir()


def test_pod(only_podman: Client, pod: str) -> None:
    run = ("run", "--detach", "--pod", pod, "--memory", "64m")
    only_podman.must(*run, "--name", "one", "busybox", "sh", "-c", _SERVE)
    only_podman.must(*run, "--name", "two", "busybox", "sleep", "1000")
    only_podman.await_output("one", "ready")
    fetch = ("wget", "-q", "-O", "-", "http://127.0.0.1/")
    assert only_podman.must("exec", "two", *fetch) == "tarebench"
    only_podman.must("pod", "pause", pod)
    assert (only_podman.state("one"), only_podman.state("two")) == ("paused", "paused")
    only_podman.must("pod", "unpause", pod)
    only_podman.must("pod", "kill", pod)
    assert only_podman.wait("two") == 137


_OWNERS = (
    "tr -s ' ' </proc/self/uid_map; id -u; stat -c '%u:%g' / /proc/1/status /dev/null;"
    "touch /var/own && echo wrote;"
    "touch /shared/file 2>/dev/null || echo refused; mount -t tmpfs none /mnt 2>/dev/null || echo no mount"
)


def _shared(client: Client) -> Path:
    directory = client.place.directory / "shared"
    directory.mkdir(mode=0o755)
    return directory


def test_mapped_users(only_podman: Client) -> None:
    shared = _shared(only_podman)
    options = ("--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", "--volume", f"{shared}:/shared")
    lines = only_podman.shell(_OWNERS, *options)
    assert lines == [" 0 100000 65536", "0", "0:0", "0:0", "65534:65534", "wrote", "refused", "no mount"]
    user = only_podman.shell("id -u; cat /proc/self/gid_map | tr -s ' '", *options, "--user", "1000:1000")
    assert user == ["1000", " 0 100000 65536"]


def test_remapped_docker(mapping_docker: Client) -> None:
    shared = _shared(mapping_docker)
    lines = mapping_docker.shell(_OWNERS, "--volume", f"{shared}:/shared", "--memory", "64m")
    assert lines == [" 0 200000 65536", "0", "0:0", "0:0", "65534:65534", "wrote", "refused", "no mount"]
    container = mapping_docker.sleeper()
    script = "tr -s ' ' </proc/self/uid_map; id -u"
    executed = mapping_docker.must("exec", "--user", "1000", container, "sh", "-c", script)
    assert executed.splitlines() == [" 0 200000 65536", "1000"]
    status = Path(f"/proc/{mapping_docker.pid(container)}/status").read_text()
    assert "Uid:\t200000\t200000" in status
    outside = mapping_docker.shell("cut -d: -f2 /proc/self/uid_map | tr -s ' '; id -u", "--userns", "host")
    assert outside == [" 0 0 4294967295", "0"]
