"""The clients, each with the runtime under test and private storage; found clean after every test."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from client_cli import Client
from client_containerd import Containerd
from client_daemon import daemon
from client_image import write_archive
from client_leftovers import Place

from runtime import Images
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
# Docker's and containerd's shims listen below /run/containerd whatever their daemon is told.
_DOCKER_STRANGERS = (
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
    rootfs = Images(State.at(directory)).bootstrap_busybox()
    path = directory / "busybox.tar"
    write_archive(rootfs, "docker.io/library/busybox:latest", path)
    return path


@pytest.fixture(scope="session")
def place():
    """Makes the place of a client, which mapped users can reach."""

    def made(name: str, states: str) -> Place:
        directory = Path(tempfile.mkdtemp(prefix=f"tare-{name}-"))
        directory.chmod(0o711)
        return Place(directory, directory / states, directory.name)

    return made


@pytest.fixture(scope="session")
def podman(place, archive, oci_runtime) -> Iterator[Client]:
    # The runtime's own root: podman's cleanup calls it without what --runtime-flag says.
    there = place("podman", f"/run/{Path(oci_runtime).name}")
    directory = there.directory
    (directory / "containers.conf").write_text(_PODMAN_CONF)
    (directory / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{directory}/root"\nrunroot = "{directory}/run"\n'
    )
    (directory / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    new = [path for path in map(Path, _PODMAN_STRANGERS) if not path.exists()]
    client = Client(
        "podman",
        (*("podman", "--tmpdir", str(directory / "tmp"), "--runtime", oci_runtime),),
        there,
        ("--cgroup-parent", f"/{there.cgroup}"),
        {
            "CONTAINERS_CONF": str(directory / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(directory / "storage.conf"),
        },
    )
    client.must("load", "--signature-policy", str(directory / "policy.json"), "--input", str(archive))
    yield client
    there.clean()
    shutil.rmtree(directory)
    for path in new:
        if path.exists():
            path.rmdir() if path.is_dir() else path.unlink()


@pytest.fixture(scope="session")
def start_docker(place, archive, oci_runtime):
    """Runs a dockerd, given its name, its options and a command to run it under."""

    def started(name: str, *options: str, under: tuple[str, ...]) -> Iterator[Client]:
        there = place(name, f"exec/runtime-{name}")
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
        with daemon(argv, socket, tuple(map(Path, _DOCKER_STRANGERS))) as process:
            client = Client("docker", ("docker", "--host", f"unix://{socket}"), there)
            client.must("load", "--input", str(archive))
            there.daemons.extend((process, *process.children(recursive=True)))
            yield client
        there.clean()
        shutil.rmtree(directory)

    return started


@pytest.fixture(scope="session")
def docker(start_docker) -> Iterator[Client]:
    """A dockerd with all its defaults, in a network namespace whose bridge and firewall end with it."""
    under = ("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "docker")
    yield from start_docker("docker", under=under)


@pytest.fixture(scope="session")
def remapped_docker(start_docker, tmp_path_factory) -> Iterator[Client]:
    """A dockerd that maps users; it sees subordinate identifiers where the host may have none."""
    ranges = tmp_path_factory.mktemp("ranges") / "subid"
    ranges.write_text("nobody:200000:65536\nnogroup:200000:65536\n")
    script = (
        'touch -a /etc/subuid /etc/subgid; mount --bind "$0" /etc/subuid; mount --bind "$0" /etc/subgid; '
        'exec "$@"'
    )
    under = ("unshare", "--mount", "sh", "-c", script, str(ranges))
    yield from start_docker("remapped", "--userns-remap", "65534:65534", "--bridge", "none", under=under)


@pytest.fixture(scope="session")
def containerd(place, archive, oci_runtime) -> Iterator[Containerd]:
    there = place("containerd", "states")
    directory = there.directory
    socket = directory / "containerd.sock"
    (directory / "config.toml").write_text(
        f"version = 2\n"
        f'root = "{directory}/root"\n'
        f'state = "{directory}/state"\n'
        f'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n'
        f'[grpc]\naddress = "{socket}"\n'
    )
    argv = ("containerd", "--config", str(directory / "config.toml"))
    with daemon(argv, socket, tuple(map(Path, _DOCKER_STRANGERS))) as process:
        there.daemons.append(process)
        client = Containerd(socket, there, oci_runtime)
        client.must("images", "import", str(archive))
        yield client
    there.clean()
    shutil.rmtree(directory)


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


@pytest.fixture(scope="session", autouse=True)
def no_processes_of_ours() -> Iterator[None]:
    """No container's process outlives the session, whatever control group it fled to."""
    before = {(process.pid, process.create_time()) for process in psutil.process_iter()}
    yield
    names = {"dockerd", "containerd", "containerd-shim-runc-v2", "conmon", "ctr", "podman"}
    after = [
        process
        for process in psutil.process_iter(["status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE and process.name() in names
    ]
    assert [process for process in after if (process.pid, process.create_time()) not in before] == []
