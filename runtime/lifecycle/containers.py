"""All persistent containers of a state, and what can be done with them; no daemon has to run for it."""

import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from runtime.container import heeds
from runtime.engine import Engine
from runtime.lifecycle import codec, ending, executing, groups, inspection, journal, logs, starting, usage
from runtime.lifecycle.attach import Connection
from runtime.lifecycle.directory import Directory
from runtime.lifecycle.errors import StatusError
from runtime.lifecycle.record import Record
from runtime.lifecycle.settings import RestartPolicy, Settings
from runtime.network.model import Published
from runtime.spec import Limits
from tare.state import State

_Records = list[Record]
_Ids = list[str]


class Containers:
    """Persistent containers; a context that closes only the launcher it needed, and leaves them running.

    A container is named by its name, its id, or the beginning of its id, in every method.

    Args:
        state: where they are.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._directory = Directory(state.directory("containers2"))
        self.events = journal.Journal(state.directory("events"))
        self._engine: Engine | None = None
        self._starting = threading.Lock()

    def create(self, settings: Settings, *, name: str = "") -> str:
        """Put a container on disk without starting it; returns its id.

        Raises:
            NameTakenError: another container has the name.
            UsageError: the name can't be one.
        """
        values = {"created_at": time.time_ns(), "settings": codec.encode(settings)}
        record = self._directory.add(name, values)
        self._tell("create", record)
        return record.id

    def start(self, name: str) -> None:
        """Start a container; one that runs already is no fault. Returns when its command runs.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it is paused.
            TareError: it could not be started.
        """
        record = self.find(name)
        with record.lock() as lock:
            if record.status() == "running":
                return
            record.require("start", "created", "exited", "restarting")
            self._launch(record, lock)

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
                self.remove(identity, force=True)
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

    def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a container with all it wrote and its log.

        Args:
            name: the container.
            force: whether one that runs is killed.

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
            self._directory.remove(record)
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

    def logs(self, name: str, **options: Any) -> Iterator[logs.Entry]:
        """What a container wrote; see logs.read for the options.

        Raises:
            NoSuchContainerError: there is none.
        """
        return logs.read(self.find(name), **options)

    def top(self, name: str) -> Sequence[usage.Process]:
        """The processes of a running container.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it doesn't run.
        """
        record = self.find(name)
        record.require("look into", "running", "paused")
        return usage.processes(record)

    def stats(self, name: str) -> usage.Usage:
        """What a running container uses now.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it doesn't run.
        """
        record = self.find(name)
        record.require("measure", "running", "paused")
        return usage.read(record)

    def inspect(self, name: str) -> dict[str, Any]:
        """All that is known of a container, in the form of `docker inspect`.

        Raises:
            NoSuchContainerError: there is none.
        """
        return inspection.inspect(self.find(name))

    def ports(self, name: str) -> Sequence[Published]:
        """The ports of the host that lead to a container.

        Raises:
            NoSuchContainerError: there is none.
        """
        return self.find(name).settings.networking.publish

    def list(self, *, every: bool = False, filters: Mapping[str, Sequence[str]] | None = None) -> _Records:
        """Containers, the newest first.

        Args:
            every: also those that don't run.
            filters: as those of `docker ps`: values by key, of which one has to hold for each key.

        Raises:
            UsageError: no such filter.
        """
        return inspection.select(self._directory, every=every, filters=filters or {})

    def find(self, name: str) -> Record:
        """The record of a container.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: several ids begin so.
        """
        return self._directory.find(name)

    def recover(self) -> _Ids:
        """Start what should run and doesn't, as after a boot; returns the ids of those that could be."""
        return [record.id for record in self._directory if ending.should_run(record) and self._revive(record)]

    def after_end(self, name: str) -> None:
        """Remove or start again a container that has ended, as its settings ask; run by its monitor."""
        record = self.find(name)
        if record.settings.auto_remove:
            self.remove(name, force=True)
            return
        with record.lock() as lock:
            restarts = int(record.state.get("restarts", 0))
            policy = record.settings.restart
            is_over = not record.is_alive() and not record.is_stopped
            if is_over and policy.applies(record.exit().code, restarts):
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
                self._engine = Engine(self._state)
            return self._engine

    def close(self) -> None:
        """Let go of the launcher."""
        if self._engine:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _launch(self, record: Record, lock: int, *, restarts: int = 0) -> None:
        starting.launch(self._state, self.engine, record, lock, self.events, restarts=restarts)
        self._tell("start", record)

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
