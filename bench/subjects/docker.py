"""Docker: a dockerd of our own on a private socket and data root, driven by the docker command."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from bench.availability import installed
from bench.daemon import daemon
from bench.engine import ContainerEngine
from bench.lab import Lab
from bench.peer import Peer
from bench.program import Program
from bench.subject import Availability

_STRANGERS = ("/run/containerd/s", "/run/containerd", "/run/docker/plugins", "/run/docker")


class Docker(ContainerEngine):
    """Docker as a subject; its daemon starts when it is first needed and ends with the lab."""

    name = "docker"

    def availability(self) -> Availability:
        """Both the client and the daemon are installed."""
        return installed(
            *("docker", "dockerd", "containerd"),
            version=("dockerd", "--version"),
            prefix="Docker version ",
        )

    def _save(self, name: str, directory: Path) -> tuple[str, ...]:
        return ("checkpoint", "create", "--checkpoint-dir", str(directory), name, "saved")

    @property
    def _storage(self) -> tuple[Path]:
        return (Peer(self._lab.state, self.name).data,)

    @cached_property
    def program(self) -> Program:
        """The client, with the daemon's address."""
        return self._lab.hold(_dockerd(self._lab))


@contextmanager
def _dockerd(lab: Lab) -> Iterator[Program]:
    """Runs dockerd on our bridge, without touching the host's firewall; yields its client."""
    peer = Peer(lab.state, "docker")
    socket = peer.run / "docker.sock"
    network = lab.network
    argv = (
        *("dockerd", "--host", f"unix://{socket}", "--data-root", str(peer.data)),
        *("--exec-root", str(peer.run / "exec"), "--pidfile", str(peer.run / "pid")),
        *("--bridge", network.link, "--fixed-cidr", str(network.quarter(2))),
        *("--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"),
        "--userland-proxy=false",
        *("--cgroup-parent", f"/{peer.cgroup}", "--exec-opt", "native.cgroupdriver=cgroupfs"),
    )
    client = Program("docker", ("docker", "--host", f"unix://{socket}"), peer.run)
    with daemon(peer, argv, socket, _STRANGERS):
        # It listens before it answers.
        client("version")
        yield client


def subjects(lab: Lab) -> Iterable[Docker]:
    """The docker on PATH."""
    return [Docker(lab)]
