"""What a container needs from control groups, whatever their version."""

from __future__ import annotations

from runtime.cgroups.hierarchy import CONTROLLERS, PERIOD, Hierarchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from runtime.cgroups.hierarchy import Shown
    from runtime.spec import Limits
else:
    Protocol = object

__all__ = ["CONTROLLERS", "PERIOD", "Driver", "Group", "Hierarchy"]


class Group(Protocol):
    """The control groups of one container.

    Attributes:
        paths: directories, one a hierarchy.
        join: files a thread writes 0 to, so as to move itself in.
        unified: directory to be born in (CLONE_INTO_CGROUP), or an empty string.
        shown: version 1 groups that the container sees; see runtime.cgroups.hierarchy.shown.
    """

    paths: tuple[str, ...]
    join: tuple[str, ...]
    unified: str
    shown: Shown

    def memory_bytes(self) -> int:
        """Bytes charged now, page cache included."""

    def cpu_seconds(self) -> float:
        """Processor time used so far, in seconds."""

    def oom_kills(self) -> int:
        """How many processes the memory limit killed."""

    def processes(self) -> list[int]:
        """Process ids as this process sees them."""


class Driver(Protocol):
    """Makes groups below one parent of our own.

    Attributes:
        controllers: those the host offers us.
        unified: whether they are version 2.
    """

    controllers: frozenset[str]
    unified: bool

    def create(self, name: str, limits: Limits) -> Group:
        """Make the groups `name` and set the limits.

        Raises:
            CgroupError: no write access, a controller that a limit needs is missing, or the kernel refuses a
                value.
        """

    def prepare(self) -> None:
        """Make the parents, or find them made.

        Raises:
            CgroupError: no write access.
        """

    def close(self) -> None:
        """Remove the parents, unless groups are left below."""

    def parents(self) -> tuple[str, ...]:
        """The directories of our own under which all groups are made, whether they exist or not."""
