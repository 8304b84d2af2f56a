"""The clients, each with the runtime under test and private storage; found clean after every test."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_cli import Client
from client_containerd import Containerd
from client_daemon import daemon, removed
from client_leftovers import place

from runtime.image.bootstrap_busybox import bootstrap_busybox
from runtime.image.saving import save
from runtime.image.store import ImageStore
from tare.state import State

_PODMAN_CONF = """\
[containers]
# The default raises limits, which takes CAP_SYS_RESOURCE; not every host's root has it.
default_ulimits = []
# The default network is a bridge on the host with rules in its firewall.
netns = "none"
log_driver = "k8s-file"
[engine]
# The defaults need systemd and its journal.
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
# What daemons and clients make outside the directories they are given.
_DAEMON_STRANGERS = (
    "/run/containerd/fifo",
    "/run/containerd/runc/default",
    "/run/containerd/runc",
    "/run/containerd/s",
    "/run/containerd",
    "/run/docker/plugins",
    "/run/docker",
    "/etc/docker/key.json",
    "/etc/docker",
)
_PODMAN_STRANGERS = (
    "/var/lib/containers/cache/blob-info-cache-v1.boltdb",
    "/var/lib/containers/cache",
    "/var/lib/containers",
)


@pytest.fixture(scope="session")
def oci_runtime() -> str:
    """The runtime under test: the installed tarebox-oci, or another one to compare with."""
    program = os.environ.get("TAREBENCH_TEST_RUNTIME") or str(Path(sys.executable).parent / "tarebox-oci")
    assert os.access(program, os.X_OK), f"no runtime {program}"
    return program


@pytest.fixture(scope="session")
def archive(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("image")
    store, name = ImageStore(State.at(directory)), "docker.io/library/busybox:latest"
    bootstrap_busybox(store, name)
    path = directory / "busybox.tar"
    save(store, [name], path)
    return path


@pytest.fixture(scope="session")
def podman(archive, oci_runtime) -> Iterator[Client]:
    # The runtime's own root: podman's cleanup calls it without what --runtime-flag says.
    with removed(_PODMAN_STRANGERS), place("podman", f"/run/{Path(oci_runtime).name}") as there:
        directory = there.directory
        (directory / "containers.conf").write_text(_PODMAN_CONF)
        (directory / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        (directory / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{directory}/root"\nrunroot = "{directory}/run"\n'
        )
        client = Client(
            "podman",
            ("podman", "--tmpdir", str(directory / "tmp"), "--runtime", oci_runtime),
            there,
            ("--cgroup-parent", f"/{there.cgroup}"),
            {
                "CONTAINERS_CONF": str(directory / "containers.conf"),
                "CONTAINERS_STORAGE_CONF": str(directory / "storage.conf"),
            },
        )
        policy = ("--signature-policy", str(directory / "policy.json"))
        client.must("load", *policy, "--input", str(archive))
        yield client


@pytest.fixture(scope="session")
def start_docker(archive, oci_runtime):
    """Runs a dockerd, given its name, its options and a command to run it under."""

    def started(name: str, *options: str, under: tuple[str, ...]) -> Iterator[Client]:
        with removed(_DAEMON_STRANGERS), place(name, f"exec/runtime-{name}") as there:
            directory = there.directory
            socket = directory / "docker.sock"
            argv = (
                *under,
                *("dockerd", "--host", f"unix://{socket}", "--pidfile", str(directory / "pid")),
                *("--data-root", str(directory / "data"), "--exec-root", str(directory / "exec")),
                *("--cgroup-parent", f"/{there.cgroup}", "--exec-opt", "native.cgroupdriver=cgroupfs"),
                *("--add-runtime", f"tested={oci_runtime}", "--default-runtime", "tested"),
                *options,
            )
            with daemon(argv, socket) as process:
                client = Client("docker", ("docker", "--host", f"unix://{socket}"), there)
                client.must("load", "--input", str(archive))
                there.daemons.extend((process, *process.children(recursive=True)))
                yield client

    return started


@pytest.fixture(scope="session")
def docker(start_docker) -> Iterator[Client]:
    """A dockerd with all its defaults, in a network namespace whose bridge and firewall end with it."""
    under = ("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "docker")
    yield from start_docker("docker", under=under)


@pytest.fixture(scope="session")
def remapped_docker(start_docker, tmp_path_factory) -> Iterator[Client]:
    """A dockerd that maps users; it sees subordinate identifiers where the host may have none.

    Even without a bridge it would change the host's firewall, were it not in a network namespace.
    """
    ranges = tmp_path_factory.mktemp("ranges") / "subid"
    ranges.write_text("nobody:200000:65536\nnogroup:200000:65536\n")
    script = 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec "$@"'
    under = ("unshare", "--mount", "--net", "sh", "-c", script, str(ranges))
    with removed(("/etc/subuid", "/etc/subgid")):
        for file in (Path("/etc/subuid"), Path("/etc/subgid")):
            file.touch()
        yield from start_docker("remapped", "--userns-remap", "65534:65534", "--bridge", "none", under=under)


@pytest.fixture(scope="session")
def containerd(archive, oci_runtime) -> Iterator[Containerd]:
    with removed(_DAEMON_STRANGERS), place("containerd", "states") as there:
        directory = there.directory
        socket = directory / "containerd.sock"
        (directory / "config.toml").write_text(
            f"version = 2\n"
            f'root = "{directory}/root"\n'
            f'state = "{directory}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n'
            f'[grpc]\naddress = "{socket}"\n'
        )
        with daemon(("containerd", "--config", str(directory / "config.toml")), socket) as process:
            there.daemons.append(process)
            client = Containerd(socket, there, oci_runtime)
            client.must("images", "import", str(archive))
            yield client


def _checked(client: Client) -> Iterator[Client]:
    yield client
    client.remove_all()
    assert client.place.leftovers() == []


@pytest.fixture(params=["docker", "podman"])
def client(request) -> Iterator[Client]:
    """Docker and podman in turn."""
    yield from _checked(request.getfixturevalue(request.param))


@pytest.fixture
def only_podman(podman) -> Iterator[Client]:
    yield from _checked(podman)


@pytest.fixture
def only_docker(docker) -> Iterator[Client]:
    yield from _checked(docker)


@pytest.fixture
def mapping_docker(remapped_docker) -> Iterator[Client]:
    yield from _checked(remapped_docker)


@pytest.fixture
def ctr(containerd) -> Iterator[Containerd]:
    yield from _checked(containerd)
