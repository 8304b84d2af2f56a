"""What can be done with the containers of a state without starting a process in them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from runtime.container import heeds
from runtime.lifecycle import ending, groups, mounting, starting
from runtime.lifecycle.attach import Connection
from runtime.lifecycle.errors import NoSuchContainerError, StatusError
from runtime.lifecycle.record import Record
from runtime.lifecycle.settings import RestartPolicy
from runtime.lifecycle.viewing import Viewing
from runtime.light import signal
from runtime.network import model
from runtime.spec import Limits
from tare.state import State


class Handling(Viewing):
    """Stops, freezes, changes, connects and removes persistent containers; needs no launcher for it.

    Args:
        state: where they are.
    """

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._starter = starting.Starter(state, self._directory, self._roots, self.events)

    def stop(self, name: str, *, timeout: float | None = None, number: int | None = None) -> None:
        """Ask a container to end, and kill it when it hasn't in time; one that has ended is no fault.

        Args:
            name: the container.
            timeout: seconds; its own setting when None, without end when negative.
            number: the signal; its own setting when None.

        Raises:
            NoSuchContainerError: there is none.
        """
        record = self.find(name)
        settings = record.settings
        timeout = settings.stop_timeout if timeout is None else timeout
        number = settings.stop_signal if number is None else number
        if not ending.begin(record):
            return
        if not heeds(int(record.state["pid"]), number):
            number = signal.SIGKILL
        ending.send(record, number)
        self._tell("kill", record, signal=str(number))
        if not ending.await_end(record, None if timeout < 0 else timeout):
            ending.send(record, signal.SIGKILL)
            ending.await_end(record, None)
        with suppress(NoSuchContainerError), record.lock():
            if not record.is_alive():
                self._starter.clear(record)
        self._tell("stop", record)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to a container's first process.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it doesn't run.
        """
        record = self.find(name)
        record.require("kill", "running", "paused")
        if number in (signal.SIGKILL, record.settings.stop_signal):
            record.mark_stopped(True)
        ending.send(record, number)
        self._tell("kill", record, signal=str(number))

    def pause(self, name: str) -> None:
        """Freeze all processes of a container.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it doesn't run.
            CgroupError: this host has no freezer.
        """
        self._freeze(name, "pause", "running")

    def unpause(self, name: str) -> None:
        """Let all processes of a container continue.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it isn't paused.
        """
        self._freeze(name, "unpause", "paused")

    def remove(self, name: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove a container with all it wrote and its log.

        Args:
            name: the container.
            force: whether one that runs is killed.
            volumes: whether its volumes that nobody named go with it.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it runs, and force isn't used.
        """
        record = self.find(name)
        if force and ending.begin(record):
            ending.send(record, signal.SIGKILL)
            ending.await_end(record, None)
        with record.lock():
            if not force:
                record.require("remove", "created", "exited", "removing")
            starting.end_monitor(record)
            groups.remove(self._state, record.id)
            self._starter.networks.release(record)
            self._roots.remove(record)
            self._directory.remove(record)
        if volumes:
            mounting.remove_anonymous(self._state, record.settings)
        self._tell("destroy", record)
        self._directory.sweep()
        groups.remove_parents(self._state)

    def rename(self, name: str, new: str) -> None:
        """Give a container another name.

        Raises:
            NoSuchContainerError: there is none.
            NameTakenError: a container has the new name.
            UsageError: it can't be one.
        """
        record = self.find(name)
        old = record.name
        with record.lock():
            self._directory.rename(record, new)
            self._starter.networks.rename(record)
        self._tell("rename", record, oldName=old)

    def update(
        self,
        name: str,
        *,
        limits: Limits | None = None,
        resources: Mapping[str, Any] | None = None,
        restart: RestartPolicy | None = None,
    ) -> None:
        """Change a container's limits, at once where it runs, or its restart policy, from its next start on.

        Args:
            name: the container.
            limits: those that aren't None are changed.
            resources: further ones, as `linux.resources` of the OCI runtime specification.
            restart: the policy.

        Raises:
            NoSuchContainerError: there is none.
            CgroupError: the kernel refuses a limit; nothing is changed on disk then.
        """
        record = self.find(name)
        with record.lock():
            settings = record.settings
            old = settings.spec.limits
            changed = replace(old, **{key: value for key, value in vars(limits or old).items() if value})
            further = {**settings.resources, **(resources or {})}
            control = record.groups()
            if control and record.status() in ("running", "paused"):
                control.update(groups.merged(changed, further))
            record.settings = replace(
                settings,
                spec=replace(settings.spec, limits=changed),
                resources=further,
                restart=restart or settings.restart,
            )
            record.write()
        self._tell("update", record)

    def attach(self, name: str) -> Connection:
        """A connection to a running container, for its output from now on and its input.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it doesn't run.
        """
        record = self.find(name)
        record.require("attach to", "running", "paused")
        connection = Connection(record)
        connection.attach()
        return connection

    def connect(self, network: str, name: str, connection: model.Connection) -> None:
        """Connect a container to one more network: at once where it runs, else from its next start on.

        Raises:
            NoSuchContainerError: there is none.
            NetworkError: no such network, it is on it already, or an address is taken.
            StatusError: it is in a network namespace that isn't its own.
        """
        record = self.find(name)
        with record.lock():
            self._starter.networks.connect(record, network, connection)

    def disconnect(self, network: str, name: str) -> None:
        """Take a container off a network, also while it runs.

        Raises:
            NoSuchContainerError: there is none.
            NetworkError: it is not on it.
            StatusError: it is in a network namespace that isn't its own.
        """
        record = self.find(name)
        with record.lock():
            self._starter.networks.disconnect(record, network)

    def _freeze(self, name: str, action: str, required: str) -> None:
        record = self.find(name)
        with record.lock():
            record.require(action, required)
            control = record.groups()
            if control is None:
                raise StatusError(f"can't {action} container {record.name}: it has no control group")
            if action == "pause":
                control.freeze()
            else:
                control.thaw()
        self._tell(action, record)

    def _tell(self, status: str, record: Record, **attributes: str) -> None:
        self.events.append(status, record.id, {**starting.event_attributes(record), **attributes})
