"""Directories of the host that a guest has as its own file systems, by way of virtiofs.

Source: https://libvirt.org/kbase/virtiofs.html; Documentation/filesystems/virtiofs.rst of the Linux kernel.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tare.errors import UsageError

MODULE = "virtiofs"


@dataclass(frozen=True)
class Volume:
    """A directory of the host in the guest.

    Args:
        source: on the host.
        target: in the guest, an absolute path; made when it is missing.
        read_only: whether the guest mounts it so.
    """

    source: Path
    target: str
    read_only: bool = False


def tag(number: int) -> str:
    """What the guest knows the volume of that number by."""
    return f"tare{number}"


def pairs(volumes: Iterable[Volume]) -> list[tuple[str, str]]:
    """As a job names them."""
    return [
        ("volume", f"{tag(number)}:{'ro' if each.read_only else 'rw'}:{each.target}")
        for number, each in enumerate(volumes)
    ]


def check(volumes: Iterable[Volume]) -> None:
    """Refuse what can't be shared, before anything is made.

    Raises:
        UsageError: a source is no directory, or two are to be at one place.
    """
    targets: set[str] = set()
    for each in volumes:
        if not each.source.is_dir():
            raise UsageError(
                f"{each.source} is no directory, and a machine can be given nothing else",
                "name one, or copy the file in with `tarevm cp`",
            )
        if each.target in targets:
            raise UsageError(f"two volumes at {each.target}", "leave one out")
        targets.add(each.target)
