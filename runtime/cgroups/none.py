"""No control groups at all, where the host delegates none: good for containers without limits."""

from __future__ import annotations

from runtime.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.cgroups.hierarchy import Shown
    from runtime.spec import Limits

HINT = "run as root, or below a delegated group (systemd-run --user --scope -p Delegate=yes)"


class GroupNone:
    """A container outside of any group of its own."""

    paths: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    unified = ""
    shown: Shown = ([], [])

    def memory_bytes(self) -> int:
        """Never known."""
        raise unavailable()

    def cpu_seconds(self) -> float:
        """Never known."""
        raise unavailable()

    def oom_kills(self) -> int:
        """Nothing is killed by a limit that isn't there."""
        return 0

    def processes(self) -> list[int]:
        """Never known."""
        raise unavailable()


class DriverNone:
    """Makes no groups."""

    controllers: frozenset[str] = frozenset()
    unified = False

    def parents(self) -> tuple[str, ...]:
        """None."""
        return ()

    def prepare(self) -> None:
        """Nothing to make."""

    def close(self) -> None:
        """Nothing to remove."""

    def create(self, name: str, limits: Limits) -> GroupNone:
        """Nothing, as long as nothing is to be limited.

        Raises:
            CgroupError: a limit is asked for.
        """
        if limits:
            raise unwritable(name)
        return GroupNone()


def unwritable(name: str) -> CgroupError:
    """The error for a limit where no group can be made."""
    return CgroupError(f"no write access to control groups, which the limits of {name} need", HINT)


def unavailable() -> CgroupError:
    """The error for a question that only a group could answer."""
    return CgroupError("no control group to read from", HINT)
