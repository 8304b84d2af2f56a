"""A host in a network namespace of its own, with another that plays the internet, and containers on it."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from runtime import Container, ContainerSpec, Engine, syscalls
from runtime.network.networks import Networks
from runtime.network.sandbox import Sandbox
from tare.resolver import Resolver
from tare.state import PREFIX, State

HOST = "198.51.100.1"
OUTSIDE = "198.51.100.2"
HOST6 = "2001:db8::1"
OUTSIDE6 = "2001:db8::2"


def sh(*argv: str, **options: Any) -> str:
    """What a command says; it must succeed."""
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, **options)
    assert ran.returncode == 0, f"{argv}: {ran.stdout}{ran.stderr}"
    return ran.stdout


def settings() -> tuple[str, ...]:
    """The host's rules, links and settings, as somebody else would see them."""
    names = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.uplink.accept_ra")
    return (
        *(line for line in sh("nft", "list", "ruleset").splitlines() if PREFIX in line),
        *(sorted(line.split()[0] for line in sh("ip", "-br", "link").splitlines())),
        *(sh("sysctl", name) for name in names),
    )


class Lab:
    """The test's host; everything on it is done by one thread, as a namespace is a thread's.

    Attributes:
        networks: those of the host.
        internet: path of the network namespace that plays it.
    """

    def __init__(self, state: State, image: Path, thread: Executor) -> None:
        self.state = state
        self.image = image
        self.networks = Networks(state)
        self._thread = thread
        self._stack = ExitStack()
        self._holder: subprocess.Popen[bytes] | None = None
        self._containers: list[Container] = []

    def __enter__(self) -> Self:
        self.on_host(self._make)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        if self._holder:
            self._holder.kill()
            self._holder.communicate()

    def on_host(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return self._thread.submit(function, *arguments, **named).result(60)

    def sh(self, *argv: str, **options: Any) -> str:
        """A command on the host."""
        return self.on_host(sh, *argv, **options)

    def outside(self, *argv: str, **options: Any) -> str:
        """A command on the internet."""
        return sh("nsenter", f"--net={self.internet}", *argv, **options)

    def spawn(self, *argv: str, outside: bool = False, **options: Any) -> subprocess.Popen[bytes]:
        """A command that runs until the end of the test."""
        where = ("nsenter", f"--net={self.internet}") if outside else ()
        started = self.on_host(subprocess.Popen, (*where, *argv), **options)
        self._stack.callback(lambda: (started.kill(), started.communicate()))
        return started

    def start(
        self, container: str, *argv: str, binds: tuple = (), **wishes: Any
    ) -> tuple[Container, Sandbox]:
        """A container on networks."""

        def started() -> tuple[Container, Sandbox]:
            # Nobody answers there, and at once.
            dns = Resolver(servers=("127.0.0.1",))
            sandbox = self.networks.attach(container, **{"name": container[:6], "dns": dns, **wishes})
            spec = ContainerSpec(
                self.image,
                argv,
                hostname=container[:6],
                interface=self.networks.interface(sandbox),
                binds=(*sandbox.binds, *binds),
            )
            with Path(os.devnull).open("r+b") as null:
                run = self._engine.start(
                    spec, stdin=null.fileno(), stdout=null.fileno(), stderr=null.fileno()
                )
            run.await_complete()
            self.networks.announce(container)
            self._containers.append(run)
            return run, self.networks.sandbox(container)

        return self.on_host(started)

    def serve(self, container: str, **wishes: Any) -> tuple[Container, Sandbox]:
        """A container that answers HTTP on port 80 by now."""
        run, sandbox = self.start(container, "httpd", "-f", "-h", "/www", **wishes)
        self.await_listener(80, f"/proc/{run.pid}/ns/net")
        return run, sandbox

    def await_listener(self, port: int, namespace: str, kind: str = "t") -> None:
        for _ in range(250):
            if f":{port} " in sh("nsenter", f"--net={namespace}", "ss", f"-Hln{kind}"):
                return
            time.sleep(0.02)
        raise AssertionError(f"nothing listens on port {port}")

    def remove(self, run: Container, container: str) -> None:
        self.on_host(run.remove)
        self.on_host(self.networks.release, container)

    def end(self) -> None:
        """End the containers and the test's own processes."""
        self.on_host(self._stack.close)

    def _make(self) -> None:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        self.own = f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"
        holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo made; exec sleep infinity"], stdout=subprocess.PIPE
        )
        self._holder = holder
        holder.stdout.readline()
        self.internet = f"/proc/{holder.pid}/ns/net"
        for command in (
            "ip link set lo up",
            f"ip link add uplink type veth peer name eth0 netns {holder.pid}",
            f"ip addr add {HOST}/24 dev uplink",
            f"ip addr add {HOST6}/64 dev uplink nodad",
            "ip link set uplink up",
            "sysctl -qw net.ipv4.ip_forward=0",
        ):
            sh(*command.split())
        for command in (
            "ip link set lo up",
            f"ip addr add {OUTSIDE}/24 dev eth0",
            f"ip addr add {OUTSIDE6}/64 dev eth0 nodad",
            "ip link set eth0 up",
        ):
            sh("nsenter", f"--net={self.internet}", *command.split())
        self._engine = self._stack.enter_context(Engine(self.state))
