"""All persistent containers of a state, and what can be done with them; no daemon has to run for it."""

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, Self

from runtime.engine import Engine
from runtime.launching import Launched
from runtime.lifecycle import codec, ending, executing, mounting, starting
from runtime.lifecycle.attach import Connection
from runtime.lifecycle.handling import Handling
from runtime.lifecycle.record import Record
from runtime.lifecycle.settings import Settings
from runtime.light import socket
from tare.state import State

_Ids = list[str]


class Containers(Handling):
    """Persistent containers; a context that closes only the launcher it needed, and leaves them running.

    A container is named by its name, its id, or the beginning of its id, in every method.

    Args:
        state: where they are.
        launched: a launcher that was started before; when None one is started when it is needed.
    """

    def __init__(self, state: State, launched: Launched | None = None) -> None:
        super().__init__(state)
        self._launched = launched
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

    def start_attached(self, name: str, terminal: starting.Size = (0, 0)) -> Connection:
        """Start a container and attach to it, so that nothing it writes is missed; see Connection.

        The container waits where its output isn't read. Its end is over once the connection is closed: who
        calls `settle` before that spares its monitor the work. One that runs already is attached to.

        Args:
            name: the container.
            terminal: rows and columns of its terminal, if it has one, from its first byte on.

        Raises:
            TareError: as `start`.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with closing(theirs):
                record = self._start(name, theirs.fileno(), terminal)
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

    def restart(self, name: str, *, timeout: float | None = None) -> None:
        """Stop a container, if it runs, and start it.

        Raises:
            TareError: as `stop` and `start`.
        """
        self.stop(name, timeout=timeout)
        self.start(name)
        self._tell("restart", self.find(name))

    def exec(self, name: str, argv: Sequence[str], **options: Any) -> executing.Execution | None:
        """Run another command in a running container; see executing.execute for the options.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: it doesn't run, or is paused.
            UsageError: no such user.
        """
        return executing.execute(self.engine, self.find(name), argv, **options)

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

    def _launch(self, record: Record, lock: int, **how: Any) -> None:
        self._starter.launch(self.engine, record, lock, **how)
        self._tell("start", record)

    def _start(self, name: str, client: int = -1, terminal: starting.Size = (0, 0)) -> Record | None:
        """Start a container; None for one that runs."""
        record = self.find(name)
        with record.lock() as lock:
            if record.status() == "running":
                return None
            record.require("start", "created", "exited", "restarting")
            self._launch(record, lock, client=client, terminal=terminal)
        return record

    def _revive(self, record: Record) -> bool:
        from tare.errors import TareError

        try:
            self.start(record.id)
        except TareError:
            return False
        return True
