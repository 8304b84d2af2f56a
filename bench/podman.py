"""What podman needs in order to keep to directories of its own."""

from pathlib import Path

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
graphroot = "{storage}"
runroot = "{place}/run"
"""
_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'

STRANGERS = ("/var/lib/containers", "/var/lib/cni", "/run/netns", "/dev/shm")
"""Directories that it writes to whatever it is told."""


def configure(place: Path, storage: Path) -> dict[str, str]:
    """Write its configuration into `place`; what has to be in its environment.

    It hangs where the names of its sockets get too long, so `place` is to be short.
    """
    for name, text in (
        ("containers.conf", _CONTAINERS),
        ("storage.conf", _STORAGE),
        ("policy.json", _POLICY),
    ):
        (place / name).write_text(text.replace("{place}", str(place)).replace("{storage}", str(storage)))
    (place / "networks").mkdir(exist_ok=True)
    return {
        "CONTAINERS_CONF": str(place / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(place / "storage.conf"),
    }


def command(place: Path) -> tuple[str, ...]:
    """What each command begins with."""
    return ("podman", "--tmpdir", str(place / "tmp"))
