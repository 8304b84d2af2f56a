"""Runs in the namespaces of an ordinary user: `python rootless_inside.py NAME`, a function below."""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from runtime import Bind, Container, ContainerSpec, Engine, Namespace
from runtime.errors import CgroupError
from runtime.lifecycle import Containers, Settings
from runtime.lifecycle.settings import Networking
from runtime.network.networks import Networks
from runtime.rootfs import bootstrap_busybox
from runtime.rootless import enter
from runtime.spec import DEFAULT_NAMESPACES, Limits
from tare.errors import NetworkError
from tare.ports import parse
from tare.state import State

SERVER = "echo hello from {} >/tmp/index.html; echo up; exec httpd -f -p 80 -h /tmp"


class Served:
    """Containers with a web server each, by name."""

    def __init__(self, state: State) -> None:
        self.networks = Networks(state)
        self._root = bootstrap_busybox(state)
        self._state = state

    def start(self, engine: Engine, name: str, *publish: str) -> tuple[Container, list[int]]:
        """Start one; it and its ports on the host."""
        wanted = [port for text in publish for port in parse(text)]
        sandbox = self.networks.attach(name, name=name, publish=wanted)
        spec = ContainerSpec(
            self._root,
            ("sh", "-c", f"mkdir -p /tmp; {SERVER.format(name)}"),
            interface=self.networks.interface(sandbox),
            binds=sandbox.binds,
        )
        container = engine.start(spec)
        self.networks.announce(name)
        return container, [port.host_port for port in sandbox.published]

    def end(self, container: Container, name: str) -> None:
        """End one."""
        container.remove()
        self.networks.detach(name)
        self.networks.release(name)


def fetch(port: int) -> str:
    """What a server answers on the host's loopback, or why it doesn't."""
    last, deadline = "", time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.read().decode().strip()
        except OSError as error:
            # The port is open before the server listens, and resets who comes too early.
            last = str(error)
            time.sleep(0.05)
    return last


def network(state: State) -> object:
    """Two containers that publish ports, know each other by name, and one more after a crash of the first."""
    served = Served(state)
    with Engine(state) as engine, ExitStack() as stack:
        one, (first,) = served.start(engine, "one", "80")
        two, (second,) = served.start(engine, "two", "127.0.0.1::80")
        stack.callback(served.end, two, "two")
        answers = [fetch(first), fetch(second)]
        by_name = two.exec(("wget", "-qO-", "http://one/")).stdout.decode().strip()
        files = two.exec(("cat", "/etc/resolv.conf")).stdout.decode().split()
        # As if it had been killed, with all that would have given its port back.
        one.remove()
        try:
            served.networks.attach("three", name="three", publish=parse(f"{first}:80"))
            taken = ""
        except NetworkError as error:
            taken = str(error)
        served.networks.detach("one")
        served.networks.release("one")
        three, _ = served.start(engine, "three", f"{first}:80")
        stack.callback(served.end, three, "three")
        again = fetch(first)
    return {"answers": answers, "name": by_name, "dns": files, "taken": taken, "again": again}


def plain(state: State) -> object:
    """What containers without a network find."""
    script = "id -u; echo x >/new; ls /sys/class/net; echo x >/dev/null; id -G"
    return [*ran(state, "sh", "-c", script), *ran(state, "id", "-u", uid=7, gid=8)]


def shared(state: State) -> object:
    """Files that root and another user write to a directory of the user's."""
    directory = Path.home() / "shared"
    directory.mkdir()
    directory.chmod(0o777)
    for uid in (0, 7):
        ran(state, "touch", f"/shared/{uid}", uid=uid, gid=uid, binds=(Bind(directory, "/shared"),))
    return [(directory / str(uid)).stat().st_uid for uid in (0, 7)]


def on_host(state: State) -> object:
    """The network namespace and links of a container in the host's, and the latter of the host's."""
    namespaces = DEFAULT_NAMESPACES - {Namespace.NET}
    script = "readlink /proc/self/ns/net; ls /sys/class/net; touch /sys/new || echo read-only"
    return ran(state, "sh", "-c", script, namespaces=namespaces)


def alone(state: State) -> object:
    """The ids of a container, which may have the terminals' group or not."""
    return ran(state, "sh", "-c", "id -u; id -g; test -c /dev/pts/ptmx")


def limited(state: State) -> object:
    """Why memory can't be limited."""
    try:
        ran(state, "true", limits=Limits(memory=64 << 20))
    except CgroupError as error:
        return str(error)
    return ""


def ran(state: State, *argv: str, **fields: Any) -> list[str]:
    """The words a container writes."""
    with Engine(state) as engine, os.fdopen(os.memfd_create("output"), "w+b", 0) as output:
        container = engine.start(
            ContainerSpec(bootstrap_busybox(state), argv, **fields), stdout=output.fileno()
        )
        container.wait(20)
        container.remove()
        output.seek(0)
        return output.read().decode().split()


def privileged_port(state: State) -> object:
    """Why a port of root's can't be published."""
    try:
        Networks(state).attach("low", publish=parse("80:80"))
    except NetworkError as error:
        return str(error)
    return ""


def bridged(state: State) -> object:
    """Why a container can't be connected."""
    served = Served(state)
    try:
        with Engine(state) as engine:
            served.start(engine, "one")
    except NetworkError as error:
        served.networks.release("one")
        return str(error)
    return ""


def unpublished(state: State) -> object:
    """Two containers that know each other by name, and why a third can't publish a port."""
    served = Served(state)
    with Engine(state) as engine, ExitStack() as stack:
        for name in ("one", "two"):
            container, _ = served.start(engine, name)
            stack.callback(served.end, container, name)
        try:
            served.start(engine, "three", "80")
            fault = ""
        except NetworkError as error:
            fault = str(error).partition(":80/tcp ")[2] or str(error)
        served.networks.release("three")
        found = container.exec(("wget", "-qO-", "http://one/")).stdout.decode().strip()
        routes = container.exec(("ip", "route")).stdout.decode().split()[:2]
    return [found, *routes, fault]


def detach(state: State) -> object:
    """Start a detached container; its id."""
    spec = ContainerSpec(bootstrap_busybox(state), ("sh", "-c", "touch /made; echo up; exec sleep 1000"))
    with Containers(state) as containers:
        return containers.run(Settings(spec=spec, networking=Networking(mode="none")), name="detached")


def look(state: State) -> object:
    """Status, log and an execution's output of the detached container."""
    with Containers(state) as containers:
        log = "".join(entry.text for entry in containers.logs("detached"))
        return [containers.find("detached").status(), log]


def end(state: State) -> object:
    """Stop and remove the detached container; its status in between."""
    with Containers(state) as containers:
        containers.stop("detached", timeout=0)
        status = containers.find("detached").status()
        containers.remove("detached")
        return status


if __name__ == "__main__":
    own = State.default()
    enter(own)
    action: Callable[[State], object] = globals()[sys.argv[1]]
    print(json.dumps(action(own)))
