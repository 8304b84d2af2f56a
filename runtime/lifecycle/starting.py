"""Starting a container that outlives us, and starting or removing it again after its end."""

import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from runtime import teardown
from runtime.engine import Engine, make_scratch
from runtime.lifecycle import groups as control_groups
from runtime.lifecycle import journal, mounting, sharing
from runtime.lifecycle.connecting import Connecting, connections
from runtime.lifecycle.directory import Directory
from runtime.lifecycle.record import Record, boot_id, has_ended
from runtime.lifecycle.roots import Roots
from runtime.light import signal
from runtime.monitor import program
from runtime.spec import Bind, ContainerSpec
from tare.errors import TareError
from tare.state import PREFIX, State

FIRST_DELAY = 100
"""Milliseconds before the first restart in a row, each next taking twice as long up to LONGEST_DELAY."""
LONGEST_DELAY = 60_000
LONG_RUN = 10 * 10**9
"""Nanoseconds after which a container counts as having run well, and the delay is the first again."""
_INIT = "/dev/init"
_SERVED = "fuse-overlayfs"
"""The storage driver with a process for each root."""
_COMMAND = "import sys; sys.path.insert(0, sys.argv[1]); from runtime.lifecycle.command import main; main()"
Size = tuple[int, int]
_PROJECT = str(Path(__file__).parents[2])


class Starter:
    """Starts persistent containers of a state.

    Args:
        state: where they are.
        directory: of all of them.
        roots: theirs.
        events: where what happens to them is told.
    """

    def __init__(self, state: State, directory: Directory, roots: Roots, events: journal.Journal) -> None:
        self._state = state
        self._directory = directory
        self._roots = roots
        self._events = events

    @cached_property
    def networks(self) -> Connecting:
        """The containers on networks."""
        return Connecting(self._state, self._directory)

    def launch(
        self,
        engine: Engine,
        record: Record,
        lock: int,
        *,
        restarts: int = 0,
        client: int = -1,
        terminal: Size = (0, 0),
    ) -> None:
        """Start a container that doesn't run, and whose lock the caller holds.

        Args:
            engine: starts it.
            record: the container.
            lock: descriptor of the lock.
            restarts: how often it was started again in a row.
            client: descriptor of a socket that is attached to it from the beginning on, none when negative.
            terminal: rows and columns of its terminal, if it has one.

        Raises:
            TareError: it could not be started, which is on record too.
        """
        end_monitor(record)
        delay = _delay(record, restarts)
        record.mark_stopped(False)
        run = record.run + 1
        try:
            with sharing.joined(self._directory, record, prepared_spec(record)) as shared:
                values = {"run": run, "restarts": restarts, "delay": delay}
                self._launch(engine, record, lock, shared, values, client, terminal)
        except TareError as error:
            record.refresh()
            if record.run == run:
                end_monitor(record)
                record.state["run"] = run - 1
            self.clear(record)
            record.fail(error.exit_code, str(error), time.time_ns())
            raise
        record.refresh()

    def _launch(
        self,
        engine: Engine,
        record: Record,
        lock: int,
        spec: ContainerSpec,
        values: dict[str, Any],
        client: int,
        terminal: Size,
    ) -> None:
        settings = record.settings
        spec = self._roots.apply(record, spec)
        mounting.make(self._state, self._roots, record, is_new=False)
        spec = self.networks.lead(record, mounting.apply(self._state, settings.mounts, spec))
        groups = control_groups.create(self._state, record.id, spec, settings.resources)
        values = {**values, "boot": boot_id(), "cgroups": groups.saved()}
        options = [
            "-n", str(values["run"]), "-o", control_groups.oom_file(groups),
            *_options(self._state, record, self._events, values["delay"]),
            *(word for path in dict.fromkeys(groups.paths.values()) for word in ("-g", path)),
        ]  # fmt: skip
        layer = f"{record.path}/layer"
        if not settings.chain and not os.path.isdir(f"{layer}/work"):  # noqa: PTH112 - plain strings
            teardown.remove_tree(layer)
            make_scratch(layer, spec)
        engine.detach(
            spec,
            f"{PREFIX}{self._state.tag}-{record.id[:12]}",
            directory=layer,
            groups=groups,
            watch=(
                record.path,
                values,
                program.words(),
                options,
                terminal if settings.tty else None,
                settings.open_stdin,
            ),
            lock=lock,
            client=client,
        )
        self.networks.announce(record)

    def clear(self, record: Record) -> None:
        """Give back what a container that has ended has beside what it wrote; its addresses stay its own."""
        control_groups.remove(self._state, record.id)
        self.networks.quiet(record)
        self._roots.release(record)


def prepared_spec(record: Record) -> ContainerSpec:
    """What the container runs, with what its settings add."""
    settings = record.settings
    spec = settings.spec
    hostname = settings.hostname or record.id[:12]
    spec = replace(spec, hostname=hostname, env={"HOSTNAME": hostname, **spec.env})
    if settings.tty:
        spec = replace(spec, env={"TERM": "xterm", **spec.env})
    if settings.init:
        binds = (*spec.binds, Bind(program.init(), _INIT, read_only=True))
        spec = replace(spec, argv=(_INIT, "init", *spec.argv), binds=binds)
    return spec


def end_monitor(record: Record) -> None:
    """End a monitor, as when it waits to start its container again; it may also be this very process."""
    pidfd = record.pidfd("monitor")
    if pidfd < 0:
        return
    try:
        if record.state["monitor"] != os.getpid():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            has_ended(pidfd, None)
    finally:
        os.close(pidfd)
    pidfd = record.pidfd()
    if pidfd >= 0:
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            has_ended(pidfd, None)
        finally:
            os.close(pidfd)


def event_attributes(record: Record) -> dict[str, str]:
    """What every event of a container says of it."""
    return {**record.settings.labels, "image": record.settings.image, "name": record.name}


def _delay(record: Record, restarts: int) -> int:
    """How long the monitor waits at the next end, should that come soon."""
    if not restarts:
        return FIRST_DELAY
    ran = record.exit().finished_at - int(record.state.get("started_at", 0))
    return FIRST_DELAY if ran >= LONG_RUN else min(2 * int(record.state.get("delay", 50)), LONGEST_DELAY)


def _options(state: State, record: Record, events: journal.Journal, delay: int) -> list[str]:
    settings = record.settings
    options = ["-e", str(events.path), "-d", journal.head(record.id, event_attributes(record))]
    if settings.log.driver == "none":
        options += ["-f", "0"]
    elif settings.log.max_size is not None:
        options += ["-s", str(settings.log.max_size), "-f", str(settings.log.max_file)]
    if settings.health:
        options += ["-i", str(max(round(settings.health.interval * 1000), 1))]
        options += _words("-c", "health", state, record)
    if settings.auto_remove:
        options += _words("-a", "ended", state, record)
    elif settings.restart.name != "no":
        options += ["-r", str(delay), *_words("-a", "ended", state, record)]
    elif connections(record) or settings.pid or settings.driver == _SERVED:
        # Ports, processes that outlive the first one, or what serves the root are left.
        options += _words("-a", "ended", state, record)
    return options


def _words(option: str, action: str, state: State, record: Record) -> list[str]:
    command = [
        sys.executable, "-I", "-c", _COMMAND, _PROJECT, action, str(state.data), str(state.run), record.id
    ]  # fmt: skip
    return [word for each in command for word in (option, each)]
