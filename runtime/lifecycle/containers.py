"""All persistent containers of a state, and what can be done with them; no daemon has to run for it."""

import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from runtime.container import heeds
from runtime.engine import Engine
from runtime.launching import Launched
from runtime.lifecycle import codec, ending, executing, groups, mounting, starting
from runtime.lifecycle.attach import Connection
from runtime.lifecycle.errors import NoSuchContainerError, StatusError
from runtime.lifecycle.record import Record
from runtime.lifecycle.settings import RestartPolicy, Settings
from runtime.lifecycle.viewing import Viewing
from runtime.network import model
from runtime.spec import Limits
from tare.state import State

_Ids = list[str]


class Containers(Viewing):
    """Persistent containers; a context that closes only the launcher it needed, and leaves them running.

    A container is named by its name, its id, or the beginning of its id, in every method.

    Args:
        state: where they are.
        launched: a launcher that was started before; when None one is started when it is needed.
    """

    def __init__(self, state: State, launched: Launched | None = None) -> None:
        super().__init__(state)
        self._launched = launched
        self._starter = starting.Starter(state, self._directory, self._roots, self.events)
        self._engine: Engine | None = None
        self._starting = threading.Lock()

    def create(self, settings: Settings, *, name: str = "") -> str:
        """Put a container with its root and its volumes on disk without starting it; returns its id.

        Raises:
            NameTakenError: another container has the name.
            UsageError: the name can't be one, or that of a volume.
            ImageError: the image's layers aren't there, or the disk is full.
            VolumeError: the disk is full.
        """
        complete = mounting.named(self._roots.chosen(settings))
        values = {"created_at": time.time_ns(), "settings": codec.encode(complete)}
        record = self._directory.add(name, values)
        try:
            self._roots.make(record)
            mounting.make(self._state, self._roots, record, is_new=True)
        except BaseException:
            self.remove(record.id, force=True, volumes=True)
            raise
        self._tell("create", record)
        return record.id

    def start(self, name: str) -> None:
        """Start a container; one that runs already is no fault. Returns when its command runs.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it is paused.
            TareError: it could not be started.
        """
        self._start(name)

    def start_attached(self, name: str) -> Connection:
        """Start a container and attach to it, so that nothing it writes is missed; see Connection.

        The container waits where its output isn't read. Its end is over once the connection is closed: who
        calls `settle` before that spares its monitor the work. One that runs already is attached to.

        Raises:
            TareError: as `start`.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                record = self._start(name, theirs.fileno())
        except BaseException:
            ours.close()
            raise
        if record:
            return Connection(record, ours)
        ours.close()
        return self.attach(name)

    def settle(self, name: str) -> None:
        """See to a container whose end `start_attached` told, as its monitor would else.

        One that is to be started again is left to its monitor.

        Raises:
            NoSuchContainerError: there is none any more.
        """
        record = self.find(name)
        settings = record.settings
        if settings.auto_remove:
            self.remove(name, force=True, volumes=True)
        elif settings.restart.name == "no":
            with record.lock():
                if not record.is_alive():
                    starting.end_monitor(record)
                    self._starter.clear(record)

    def run(self, settings: Settings, *, name: str = "") -> str:
        """Create and start a container; returns its id.

        Raises:
            TareError: as `create` and `start`; with auto_remove nothing is left then.
        """
        identity = self.create(settings, name=name)
        try:
            self.start(identity)
        except BaseException:
            if settings.auto_remove:
                self.remove(identity, force=True, volumes=True)
            raise
        return identity

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

    def restart(self, name: str, *, timeout: float | None = None) -> None:
        """Stop a container, if it runs, and start it.

        Raises:
            TareError: as `stop` and `start`.
        """
        self.stop(name, timeout=timeout)
        self.start(name)
        self._tell("restart", self.find(name))

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

    def exec(self, name: str, argv: Sequence[str], **options: Any) -> executing.Execution | None:
        """Run another command in a running container; see executing.execute for the options.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it doesn't run, or is paused.
            UsageError: no such user.
        """
        return executing.execute(self.engine, self.find(name), argv, **options)

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

    def recover(self) -> _Ids:
        """Start what should run and doesn't, as after a boot; returns the ids of those that could be."""
        return [record.id for record in self._directory if ending.should_run(record) and self._revive(record)]

    def after_end(self, name: str) -> None:
        """Remove or start again a container that has ended, as its settings ask; run by its monitor."""
        record = self.find(name)
        if record.settings.auto_remove:
            self.remove(name, force=True, volumes=True)
            return
        with record.lock() as lock:
            restarts = int(record.state.get("restarts", 0))
            policy = record.settings.restart
            if record.is_alive():
                return
            self._starter.clear(record)
            if not record.is_stopped and policy.applies(record.exit().code, restarts):
                self._launch(record, lock, restarts=restarts + 1)

    def check_health(self, name: str) -> None:
        """Run a container's health check once and put the outcome on record; run by its monitor."""
        from runtime.lifecycle import health

        record = self.find(name)
        if status := health.check(self.engine, record):
            self._tell(f"health_status: {status}", record)

    @property
    def engine(self) -> Engine:
        """The engine that starts processes, itself started when first needed."""
        with self._starting:
            if self._engine is None:
                launched, self._launched = self._launched, None
                self._engine = Engine(self._state, launched)
            return self._engine

    def close(self) -> None:
        """Let go of the launcher."""
        for owned in (self._engine, self._launched):
            if owned:
                owned.close()
        self._engine = self._launched = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _launch(self, record: Record, lock: int, *, restarts: int = 0, client: int = -1) -> None:
        self._starter.launch(self.engine, record, lock, restarts=restarts, client=client)
        self._tell("start", record)

    def _start(self, name: str, client: int = -1) -> Record | None:
        """Start a container; None for one that runs."""
        record = self.find(name)
        with record.lock() as lock:
            if record.status() == "running":
                return None
            record.require("start", "created", "exited", "restarting")
            self._launch(record, lock, client=client)
        return record

    def _revive(self, record: Record) -> bool:
        from tare.errors import TareError

        try:
            self.start(record.id)
        except TareError:
            return False
        return True

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
