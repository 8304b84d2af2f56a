"""The command line of an ordinary user, which has no other words than root's."""

import os
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from rootless_user import User

SERVER = "mkdir -p /www; echo hello >/www/index.html; echo up; exec httpd -f -p 80 -h /www"

ECHO = (
    "use Socket; socket(S, PF_INET, SOCK_DGRAM, 0); bind(S, sockaddr_in(7, INADDR_ANY));"
    "while ($peer = recv(S, $data, 16, 0)) { send(S, $data, 0, $peer) }"
)


@pytest.fixture
def web(user: User) -> Iterator[int]:
    """The port of a detached container `web` that answers there."""
    port = free_port()
    user.ok("run", "-d", "--name", "web", "-p", f"{port}:80", "busybox", "sh", "-c", SERVER)
    yield port
    user.ok("rm", "--force", "web")


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def own_address() -> str:
    """Of this host, where others reach it; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        tried.connect(("192.0.2.1", 9))
        return str(tried.getsockname()[0])


def fetch(port: int) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.read().decode().strip()
        except OSError:
            if time.monotonic() > deadline:
                raise


def test_a_container_is_run_and_removed(user: User) -> None:
    assert (
        user.ok("run", "--rm", "busybox", "sh", "-c", "id -u; cat /sys/class/net/eth0/operstate") == "0\nup"
    )
    assert user.ok("ps", "--all", "--quiet") == ""


def test_a_detached_container_has_a_whole_life(user: User, web: int) -> None:
    assert fetch(web) == "hello"
    assert user.ok("logs", "web") == "up"
    assert user.ok("exec", "web", "hostname") == user.ok("ps", "--quiet")
    assert "httpd" in user.ok("top", "web")
    user.ok("stop", "--time", "0", "web")
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{web}/", timeout=5)
    user.ok("start", "web")
    assert fetch(web) == "hello"


def test_a_port_of_datagrams_is_published(user: User) -> None:
    port = free_port()
    host = ("-v", "/usr:/usr:ro", "-v", "/usr/lib:/lib:ro", "-v", "/usr/lib64:/lib64:ro")
    user.ok("run", "-d", "--name", "echo", "-p", f"{port}:7/udp", *host, "busybox", "perl", "-e", ECHO)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.2)
            asking.connect((own_address(), port))
            for _ in range(50):
                asking.send(b"hello")
                with suppress(TimeoutError, ConnectionRefusedError):
                    assert asking.recv(16) == b"hello"
                    break
            else:
                pytest.fail("no answer")
    finally:
        user.ok("rm", "--force", "echo")


def test_a_container_starts_again_by_itself_with_its_network(user: User) -> None:
    port = free_port()
    script = f"echo run; [ -e /again ] || {{ touch /again; exit 1; }}; {SERVER}"
    user.ok(
        "run",
        "-d",
        "--name",
        "again",
        "--restart",
        "always",
        "-p",
        f"{port}:80",
        "busybox",
        "sh",
        "-c",
        script,
    )
    try:
        assert fetch_later(port) == "hello"
        assert user.ok("logs", "again").split() == ["run", "run", "up"]
    finally:
        user.ok("rm", "--force", "again")


def fetch_later(port: int) -> str:
    """What is answered once the port is open, which takes a restart."""
    done = os.popen(f"curl --silent --retry 20 --retry-all-errors --retry-delay 0 http://127.0.0.1:{port}/")
    with done:
        return done.read().strip()


def test_containers_find_each_other_on_a_network_of_their_own(user: User) -> None:
    user.ok("network", "create", "own")
    user.ok("run", "-d", "--name", "first", "--network", "own", "busybox", "sleep", "100")
    try:
        assert "1 packets received" in user.ok(
            "run", "--rm", "--network", "own", "busybox", "ping", "-c1", "first"
        )
    finally:
        user.ok("rm", "--force", "first")
        user.ok("network", "rm", "own")


def test_the_hosts_network_is_the_hosts(user: User) -> None:
    found = user.ok("run", "--rm", "--network", "host", "busybox", "readlink", "/proc/self/ns/net")
    assert found == str(Path("/proc/self/ns/net").readlink())


def test_a_volume_keeps_what_root_inside_wrote(user: User) -> None:
    user.ok("volume", "create", "kept")
    user.ok(
        "run", "--rm", "-v", "kept:/kept", "busybox", "sh", "-c", "echo x >/kept/file; chown 3:4 /kept/file"
    )
    assert user.ok("run", "--rm", "-v", "kept:/kept", "busybox", "stat", "-c", "%u:%g", "/kept/file") == "3:4"
    user.ok("volume", "rm", "kept")


def test_limits_are_refused_where_nobody_enforces_them(user: User) -> None:
    done = user.box("run", "--rm", "--memory", "64m", "busybox", "true")
    assert done.returncode == 125
    assert done.stderr.startswith("tarebox: no write access to control groups")
    assert done.stderr.count("\n") == 1
    assert user.ok("ps", "--all", "--quiet") == ""


def test_a_running_container_is_copied_from_and_made_an_image(user: User) -> None:
    script = "rm /etc/passwd; mkdir /made; echo x >/made/file; chown 3:4 /made/file; echo up; exec sleep 100"
    user.ok("run", "-d", "--name", "base", "busybox", "sh", "-c", script)
    try:
        assert user.ok("exec", "base", "cat", "/made/file") == "x"
        assert {"D /etc/passwd", "A /made/file"} <= set(user.ok("diff", "base").splitlines())
        user.ok("cp", "base:/made/file", "copy")
        assert (user.home / "copy").stat().st_uid == user.uid
        user.ok("commit", "base", "derived")
    finally:
        user.ok("rm", "--force", "base")
    found = user.ok(
        "run", "--rm", "derived", "sh", "-c", "stat -c %u:%g /made/file; ls /etc/passwd || echo gone"
    )
    assert found.split() == ["3:4", "gone"]


def test_a_container_on_fuse_overlayfs(user: User) -> None:
    on_fuse = ("--storage-driver", "fuse-overlayfs")
    assert user.ok(*on_fuse, "run", "--rm", "busybox", "sh", "-c", "echo kept >/x; cat /x") == "kept"
    user.ok(*on_fuse, "run", "-d", "--name", "box", "--network", "none", "busybox", "sleep", "1000")
    user.ok("exec", "box", "touch", "/kept")
    user.ok("restart", "--time", "0", "box")
    assert user.ok("exec", "box", "ls", "/kept") == "/kept"
    assert user.ok("diff", "box") == "A /kept"
    user.ok("rm", "--force", "box")


def test_a_stopped_containers_volume_is_copied_from(user: User) -> None:
    user.ok("run", "--name", "box", "--network", "none", "-v", "/data", "busybox", "touch", "/data/kept")
    user.ok("cp", "box:/data/kept", "copied")
    assert (user.home / "copied").stat().st_uid == user.uid
    user.ok("cp", "copied", "box:/data/again")
    user.ok("rm", "--volumes", "box")
