"""Further commands in a running container."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from runtime import capabilities, users
from runtime.container import collect
from runtime.engine import Engine, Joined
from runtime.lifecycle.record import Record
from runtime.lifecycle.starting import prepared_spec
from runtime.monitor import program
from runtime.process import Process
from runtime.spec import ContainerSpec

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from runtime.cgroups.hierarchy import Shown


class Execution:
    """A command that runs in a container, until `close`, and a context that ends with that.

    Attributes:
        console: master of its terminal, -1 without one.
    """

    def __init__(self, process: Process, console: int) -> None:
        self._process = process
        self.console = console

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, 128+n for signal n.

        Raises:
            TimeoutError: it still runs after `timeout` seconds.
            CommandNotFoundError, CommandNotExecutableError, EngineError: it never got as far as running.
        """
        return self._process.await_exit(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill it if it still runs, and let go of it."""
        self._process.close()
        if self.console >= 0:
            os.close(self.console)
            self.console = -1


def execute(
    engine: Engine,
    record: Record,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    user: str = "",
    workdir: str = "",
    stdio: Sequence[int | None] = (None, None, None),
    terminal: tuple[int, int] | None = None,
    is_detached: bool = False,
    is_privileged: bool = False,
) -> Execution | None:
    """Run another command in a running container's namespaces and groups with its privileges.

    Args:
        engine: starts it.
        record: the container.
        argv: the command.
        env: added to the container's environment.
        user: ids or names of the image, the container's when empty.
        workdir: the container's when empty.
        stdio: descriptors of standard input, output and error, own for None.
        terminal: rows and columns of a terminal in place of stdio, none when None.
        is_detached: whether it outlives this process, without input or output; nothing is returned then.
        is_privileged: whether it has all capabilities that we have, and no filter of system calls.

    Raises:
        StatusError: the container doesn't run, or is paused.
        UsageError: no such user.
        TareError: a detached command can't be run.
    """
    record.require("exec in", "running")
    spec = prepared_spec(record)
    if user:
        spec = _as_user(spec, Path(f"/proc/{record.state['pid']}/root"), record.settings.user, user)
    given = {"TERM": "xterm"} if terminal else {}
    spec = replace(spec, argv=tuple(argv), env={**given, **spec.env, **(env or {})}, cwd=workdir or spec.cwd)
    if is_privileged:
        spec = replace(spec, capabilities=capabilities.ours(), seccomp=False)
    pidfd = record.pidfd()
    if pidfd < 0:
        record.require("exec in")
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        groups: Joined = record.groups() or _NoGroups()
        if is_detached:
            engine.exec_detached(spec, pidfd, groups, null=null, reaper=program.compiled())
            return None
        process = engine.exec(spec, pidfd, groups, (null,) * 3 if terminal else stdio, terminal=terminal)
    finally:
        os.close(null)
        os.close(pidfd)
    try:
        return Execution(process, process.await_console() if terminal else -1)
    except BaseException:
        process.close()
        raise


def _as_user(spec: ContainerSpec, root: Path, before: str, user: str) -> ContainerSpec:
    """The specification for another user than the container's, whose home it gets unless that was given."""
    own, other = users.account(root, before), users.account(root, user)
    home = {"HOME": other.home} if spec.env.get("HOME") == own.home else {}
    return replace(spec, env={**spec.env, **home}, uid=other.uid, gid=other.gid, groups=other.groups)


def output(
    engine: Engine, record: Record, argv: Sequence[str], *, timeout: float | None = None
) -> "CompletedProcess[bytes]":
    """Run a command without input and take what it writes; killed after `timeout` seconds.

    Raises:
        TimeoutError: it was killed.
        TareError: it can't be run.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    out, out_write = os.pipe2(os.O_CLOEXEC)
    err, err_write = os.pipe2(os.O_CLOEXEC)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    with open(out, "rb", 0), open(err, "rb", 0):  # noqa: PTH123 - descriptors
        try:
            execution = execute(engine, record, argv, stdio=(null, out_write, err_write))
            assert execution
        finally:
            for descriptor in (null, out_write, err_write):
                os.close(descriptor)
        try:
            written = collect((out, err), deadline)
            status = execution.wait(None if deadline is None else max(deadline - time.monotonic(), 0))
            from subprocess import CompletedProcess

            return CompletedProcess(list(argv), status, *written)
        finally:
            execution.close()


class _NoGroups:
    join: tuple[str, ...] = ()
    unified = ""
    shown: "Shown" = ([], [])
