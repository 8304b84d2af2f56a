"""What can be seen of a state's persistent containers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runtime.lifecycle import ending, journal
from runtime.lifecycle.directory import Directory
from runtime.lifecycle.errors import StatusError
from runtime.lifecycle.record import Record
from runtime.lifecycle.roots import Roots
from runtime.storage.protocol import Driver
from tare.ports import Published
from tare.state import State

if TYPE_CHECKING:
    from runtime.lifecycle import logs, usage

_Records = list[Record]


class Viewing:
    """The containers of a state, none of which this changes.

    Args:
        state: where they are.

    Attributes:
        events: what happened to them.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._directory = Directory(state.directory("containers2"))
        self._roots = Roots(state)
        self.events = journal.Journal(state.directory("events"))

    def wait(self, name: str, *, timeout: float | None = None) -> int:
        """The exit status of a container once it doesn't run; 0 for one that never did.

        Raises:
            NoSuchContainerError: there is none, or it is removed at its end before its status is read.
            TimeoutError: it still runs after `timeout` seconds.
        """
        record = self.find(name)
        if not ending.await_end(record, timeout):
            raise TimeoutError("the container still runs")
        return record.exit().code

    def root(self, name: str) -> tuple[Driver, str]:
        """The storage driver of a container's root, and the name by which that knows it.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it runs on a directory, not on an image.
        """
        return self._roots.get(self.find(name))

    def logs(self, name: str, **options: Any) -> "Iterator[logs.Entry]":
        """What a container wrote; see logs.read for the options.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: none of it is kept.
        """
        from runtime.lifecycle import logs

        record = self.find(name)
        if record.settings.log.driver == "none":
            raise StatusError(
                "configured logging driver does not support reading",
                "make another one without --log-driver none",
            )
        return logs.read(record, **options)

    def top(self, name: str) -> "Sequence[usage.Process]":
        """The processes of a running container.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it doesn't run.
        """
        from runtime.lifecycle import usage

        record = self.find(name)
        record.require("look into", "running", "paused")
        return usage.processes(record)

    def stats(self, name: str) -> "usage.Usage":
        """What a running container uses now.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it doesn't run.
        """
        from runtime.lifecycle import usage

        record = self.find(name)
        record.require("measure", "running", "paused")
        return usage.read(record)

    def inspect(self, name: str) -> dict[str, Any]:
        """All that is known of a container, in the form of `docker inspect`.

        Raises:
            NoSuchContainerError: there is none.
        """
        from runtime.lifecycle import inspection

        return inspection.inspect(self._state, self._roots, self.find(name))

    def ports(self, name: str) -> Sequence[Published]:
        """The ports of the host that lead to a container.

        Raises:
            NoSuchContainerError: there is none.
        """
        from runtime.lifecycle import inspection

        return inspection.published(self._state, self.find(name))

    def list(self, *, every: bool = False, filters: Mapping[str, Sequence[str]] | None = None) -> _Records:
        """Containers, the newest first.

        Args:
            every: also those that don't run.
            filters: as those of `docker ps`: values by key, of which one has to hold for each key.

        Raises:
            UsageError: no such filter.
        """
        from runtime.lifecycle import inspection

        return inspection.select(self._state, self._directory, every=every, filters=filters or {})

    def find(self, name: str) -> Record:
        """The record of a container.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: several ids begin so.
        """
        return self._directory.find(name)
