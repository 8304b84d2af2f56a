"""Podman on its usual runtime, with storage and configuration of its own; it has no daemon."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import Executor
from functools import cached_property
from pathlib import Path

from bench import podman
from bench.availability import installed, with_mounts
from bench.engine import ContainerEngine
from bench.lab import Lab
from bench.mounts import without_unified_cgroup
from bench.peer import Peer
from bench.program import Program
from bench.subject import Availability, RunSpec, Unsupported

_NETWORK = "tare"
_PLUGINS = tuple(map(Path, ("/usr/lib/cni", "/usr/libexec/cni", "/opt/cni/bin")))


class Podman(ContainerEngine):
    """Podman, in a mount namespace that keeps from the host what it writes elsewhere."""

    name = "podman"
    _removal = ("rm", "--force", "--time", "0")
    _pull = ("pull", "--quiet", "--tls-verify=false")

    def availability(self) -> Availability:
        """Podman and its monitor are installed, and mounts can be private."""
        found = installed("podman", "conmon", version=("podman", "--version"), prefix="podman version ")
        return with_mounts(found, lambda: self._executor)

    def _save(self, name: str, directory: Path) -> tuple[str, ...]:
        return ("container", "checkpoint", "--export", str(directory / "saved.tar"), name)

    @property
    def _storage(self) -> tuple[Path]:
        return (Peer(self._lab.state, self.name).data,)

    @cached_property
    def _executor(self) -> Executor:
        return self._lab.hold(without_unified_cgroup(podman.STRANGERS))

    @cached_property
    def program(self) -> Program:
        """Podman as configured."""
        peer = self._lab.hold(Peer(self._lab.state, self.name))
        settings = podman.configure(peer.run, peer.data / "storage")
        self._configure_network(peer.run / "networks")
        environment = {**os.environ, **settings}
        return Program(self.name, podman.command(peer.run), peer.run, self._executor, environment)

    def _configure_network(self, directory: Path) -> None:
        """Our bridge, by the reference plugins of the Container Network Interface (bridge, host-local)."""
        network = self._lab.network
        addresses = network.quarter(3)
        subnet = {
            "subnet": str(network.subnet),
            "rangeStart": str(addresses[1]),
            "rangeEnd": str(addresses[-2]),
            "gateway": str(network.gateway),
        }
        leases = {"type": "host-local", "dataDir": str(directory / "leases"), "ranges": [[subnet]]}
        bridge = {"type": "bridge", "bridge": network.link, "ipam": leases}
        text = json.dumps({"cniVersion": "0.4.0", "name": _NETWORK, "plugins": [bridge]})
        (directory / f"{_NETWORK}.conflist").write_text(text)

    def _private(self, spec: RunSpec) -> tuple[str, ...]:
        options = ("--cgroup-parent", f"/{Peer(self._lab.state, self.name).cgroup}")
        if not spec.network:
            return options
        if not any((path / "bridge").exists() for path in _PLUGINS):
            raise Unsupported("podman joins a bridge by CNI plugins, which are not installed")
        return (*options, "--network", _NETWORK)


def subjects(lab: Lab) -> Iterable[Podman]:
    """The podman on PATH."""
    return [Podman(lab)]
