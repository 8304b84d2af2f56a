"""Machines on networks of containers: one pool of addresses, one file of names, one way for ports."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_once import share

from runtime.image.bootstrap_busybox import bootstrap_busybox
from runtime.image.store import ImageStore
from tare.state import State
from vm_baseline.kernel import find_kernel

COMMANDS = Path(sys.executable).parent


class Host:
    """Runs commands in a network namespace of their own, as networks with a way out change its settings."""

    def __init__(self, root: Path, namespace: str) -> None:
        self.state = State.at(root)
        self._inside = ("nsenter", f"--net={namespace}")
        self._environment = {**os.environ, "TAREBENCH_ROOT": str(root)}

    def call(self, program: str, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            (*self._inside, COMMANDS / program, *words),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def said(self, *words: str) -> str:
        """What `tarebox` prints when it succeeds."""
        done = self.call("tarebox", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextmanager
    def machine(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """A machine in the foreground, with input."""
        command = (*self._inside, COMMANDS / "tarevm", "run", "-i", *words)
        with subprocess.Popen(
            command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as ours:
            try:
                yield ours
            except BaseException:
                ours.terminate()
                raise

    def fetch(self, address: str) -> str:
        """A page as the host gets it."""
        command = (*self._inside, "busybox", "timeout", "10", "busybox", "wget", "-qO-", f"http://{address}/")
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def host(tmp_path_factory, data) -> Iterator[Host]:
    root = tmp_path_factory.mktemp("home")
    share(data, root / "data")
    find_kernel(State(data, root / "run"))
    bootstrap_busybox(ImageStore(State.at(root)))
    waiting = "ip link set lo up && echo made && read over"
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        own = Host(root, f"/proc/{holder.pid}/ns/net")
        yield own
        own.call("tarevm", "clean")
        own.call("tarebox", "clean")
        holder.stdin.close()


def test_a_container_and_a_machine_answer_each_other(host) -> None:
    host.said("network", "create", "--ipv6", "both")
    host.said("run", "-d", "--name", "web", "--network", "both", "busybox", "httpd", "-f", "-h", "/www")
    code = (
        "hostname; ping -c1 -6 web >/dev/null && ip -o -4 address show dev eth0;"
        " until wget -qO- http://web/; do :; done;"
        " echo from the machine > /index.html; httpd -h /; echo up;"
        " until ping -c1 late; do sleep 0.1; done >/dev/null 2>&1; echo found; read"
    )
    words = ("--network", "both", "-h", "guest", "--network-alias", "other", "-p", "127.0.0.1:8080:80")
    with host.machine(*words, "busybox", "sh", "-c", code) as ours:
        lines = [ours.stdout.readline().strip() for _ in range(4)]
        assert (lines[0], lines[2:]) == ("guest", ["tarebench", "up"])
        (network,) = json.loads(host.said("network", "inspect", "both"))
        assert lines[1].split()[3] in [each["IPv4Address"] for each in network["Containers"].values()]
        for version in ("-4", "-6"):
            host.said("exec", "web", "ping", "-c1", version, "guest")
        for name in ("guest", "other"):
            page = host.said("exec", "web", "wget", "-qO-", f"http://{name}/")
            assert page == "from the machine"
        assert host.fetch("127.0.0.1:8080") == "from the machine\n"
        assert "both is used by web, guest" in host.call("tarebox", "network", "rm", "both").stderr
        host.said("run", "-d", "--name", "late", "--network", "both", "busybox", "sleep", "60")
        assert ours.stdout.readline() == "found\n"
        ours.stdin.close()
    names = host.said("exec", "web", "cat", "/etc/hosts").splitlines()
    assert [line for line in names if "guest" in line and not line.startswith("#")] == []
    host.said("rm", "-f", "web", "late")
    host.said("network", "rm", "both")


def test_what_a_killed_machine_had_is_given_back(host) -> None:
    host.said("network", "create", "--subnet", "10.7.0.0/30", "--internal", "small")
    with host.machine("--network", "small", "busybox", "sh", "-c", "echo up; read") as ours:
        assert ours.stdout.readline() == "up\n"
        full = host.call("tarebox", "run", "--network", "small", "busybox", "true")
        assert "no address is free in 10.7.0.0/30" in full.stderr
        ours.send_signal(signal.SIGKILL)
    host.call("tarevm", "clean")
    assert host.said("run", "--rm", "--network", "small", "busybox", "echo", "ran") == "ran"
    host.said("network", "rm", "small")


def test_names_do_not_go_into_a_directory_of_the_host(host, tmp_path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.1 mine\n")
    host.said("network", "create", "--internal", "apart")
    words = ("--network", "apart", "-v", f"{tmp_path}:/etc", "busybox", "sh", "-c", "echo up; read")
    with host.machine(*words) as ours:
        assert ours.stdout.readline() == "up\n"
        host.said("run", "--rm", "--network", "apart", "busybox", "true")
        ours.stdin.close()
    assert [path.name for path in tmp_path.iterdir()] == ["hosts"]
    assert (tmp_path / "hosts").read_text() == "192.0.2.1 mine\n"
    host.said("network", "rm", "apart")


def test_a_machine_that_is_let_run_keeps_its_place(host) -> None:
    host.said("network", "create", "--subnet", "10.8.0.0/30", "--internal", "kept")
    words = ("--network", "kept", "--name", "one", "-h", "guest", "--add-host", "db:192.0.2.7")
    done = host.call("tarevm", "run", "-d", *words, "busybox", "httpd", "-f", "-h", "/www")
    assert (done.returncode, done.stdout) == (0, "one\n"), done.stderr
    assert "kept is used by guest" in host.call("tarebox", "network", "rm", "kept").stderr
    names = host.call("tarevm", "exec", "one", "cat", "/etc/hosts").stdout
    assert "192.0.2.7\tdb" in names
    assert host.fetch("10.8.0.2") != ""
    assert host.call("tarevm", "stop", "-t", "0", "one").returncode == 0
    assert host.call("tarevm", "rm", "one").returncode == 0
    host.said("network", "rm", "kept")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("no network 'nosuch'", ("--network", "nosuch")),
        ("--ip and --network-alias are for a network", ("--network", "user", "--ip", "10.0.0.1")),
        ("--ip 'x' is no IPv4 address", ("--network", "bridge", "--ip", "x")),
        ("192.0.2.1 is not in", ("--network", "bridge", "--ip", "192.0.2.1")),
        ("--network none has no ports to publish", ("--network", "none", "-p", "80:80")),
        ("there is no bridge 'nosuch'", ("--network", "nosuch", "--address", "10.0.0.2/24")),
        ("are for a bridge", ("--network", "user", "--gateway", "10.0.0.1")),
    ],
)
def test_a_fault_of_networks_is_one_line(host, line, words) -> None:
    done = host.call("tarevm", "run", *words, "busybox", "true")
    assert (done.returncode, done.stderr.count("\n")) == (125, 1)
    assert line in done.stderr
