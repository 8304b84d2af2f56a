"""What one worker runs where tests run side by side (pytest-xdist): tests that share what they made."""

from pathlib import PurePath

from xdist.scheduler import LoadScopeScheduling

DAEMONS = {
    "clients": (),
    "image": ("test_image_docker.py",),
    "bench": (
        *("test_checkpoint.py", "test_deployment.py", "test_own.py", "test_smoke.py"),
        *("test_straying.py", "test_subjects.py"),
    ),
}
"""Who starts dockerd, containerd or podman, which share places of the host: a directory's files, or all."""
LONGEST = ("bench", "daemons", "vm_baseline", "oci", "commands", "guest", "lifecycle", "reports", "rootless")
"""Units that are begun first, so that no worker waits long for the other's last."""


def unit(nodeid: str) -> str:
    """The name of a directory, whose tests share what they made, or "daemons" for all who start some."""
    _, directory, *rest = PurePath(nodeid.partition("::")[0]).parts
    files = DAEMONS.get(directory)
    return "daemons" if files is not None and (not files or rest[-1] in files) else directory


def rank(nodeid: str) -> int:
    """When its unit is begun."""
    name = unit(nodeid)
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


class UnitScheduling(LoadScopeScheduling):
    """Gives workers whole units."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
