"""Podman with storage, configuration and networks of its own, to measure beside ours, on crun."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.goals.apart import apart

_CONTAINERS = """\
[containers]
# The default raises limits, which takes CAP_SYS_RESOURCE; not every host's root has it.
default_ulimits = []
log_driver = "k8s-file"
[network]
network_backend = "cni"
network_config_dir = "{place}/networks"
[engine]
# The defaults need systemd and its journal.
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{place}/root"
runroot = "{place}/run"
"""
_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
# What it makes outside the directories that it is given.
_STRANGERS = ("/var/lib/containers", "/var/lib/cni", "/run/netns", "/dev/shm/libpod_lock")


class Podman:
    """Runs podman's commands.

    Args:
        place: a directory for all it keeps.
        executor: a thread where networks are its own and crun starts.
    """

    def __init__(self, place: Path, executor: Executor) -> None:
        self._executor = executor
        for name, text in (
            ("containers.conf", _CONTAINERS),
            ("storage.conf", _STORAGE),
            ("policy.json", _POLICY),
        ):
            (place / name).write_text(text.replace("{place}", str(place)))
        self._storage = place / "root/overlay"
        self._policy = str(place / "policy.json")
        self._command = ("podman", "--tmpdir", str(place / "tmp"))
        self._environment = {
            **os.environ,
            "CONTAINERS_CONF": str(place / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(place / "storage.conf"),
        }

    def __call__(self, *arguments: str) -> str:
        """What a command printed.

        Raises:
            CalledProcessError: it failed.
        """
        run = partial(subprocess.run, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True)
        command = (*self._command, *arguments)
        output: str = self._executor.submit(run, command, env=self._environment).result().stdout
        return output

    def clean(self, strangers: Sequence[Path]) -> None:
        """Remove its containers and let go of its storage, and of places it has mounted on elsewhere."""
        self("rm", "--all", "--force")
        for path in (self._storage, *strangers):
            command = ("umount", "--lazy", str(path))
            self._executor.submit(subprocess.run, command, check=False, capture_output=True).result()

    def load(self, archive: Path) -> None:
        """Bring in the images of an archive."""
        self("load", "--signature-policy", self._policy, "--quiet", "--input", str(archive))


@contextmanager
def podman() -> Iterator[Podman]:
    """A podman that leaves nothing in the end."""
    strangers = [path for path in map(Path, _STRANGERS) if not path.exists()]
    had = set(_groups())
    # It hangs where the names of its sockets get too long.
    with TemporaryDirectory(prefix="tare-") as directory, apart(unified=False) as executor:
        one = Podman(Path(directory), executor)
        try:
            yield one
        finally:
            one.clean(strangers)
            for group in sorted(set(_groups()) - had, reverse=True):
                group.rmdir()
            for path in strangers:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _groups() -> Iterator[Path]:
    for name in ("libpod_parent", "libpod_parent/conmon"):
        yield from Path("/sys/fs/cgroup").glob(f"*/{name}")
        yield from Path("/sys/fs/cgroup").glob(name)
