"""A container in the foreground: its output is ours, and what we are told or typed is its."""

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

from runtime.commandline.messages import complain
from runtime.commandline.pump import Attached, Pump
from runtime.commandline.terminal import Raw, size
from runtime.lifecycle.errors import NoSuchContainerError, StatusError
from runtime.light import signal
from tare.detaching import DetachKeys
from tare.errors import TareError, UsageError

if TYPE_CHECKING:
    from runtime.commandline.pump import Channel
    from runtime.lifecycle.attach import Connection
    from runtime.lifecycle.containers import Containers

_OUT_OF_MEMORY = "killed for exceeding its memory limit; raise --memory"


class Signals:
    """A context in which signals are held back until it is known what becomes of them."""

    def __init__(self) -> None:
        kept = {
            signal.SIGCHLD,
            signal.SIGKILL,
            signal.SIGPIPE,
            signal.SIGSTOP,
            signal.SIGTSTP,
            signal.SIGTTIN,
        }
        kept |= {signal.SIGTTOU, signal.SIGURG, signal.SIGWINCH}
        self._numbers = {n for n in signal.valid_signals() - kept if n < signal.SIGRTMIN}
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
        return self

    def pass_on(self, action: Callable[[int], None]) -> None:
        """Have the action done with each from now on, and with those that came."""

        def handle(number: int, _: FrameType | None) -> None:
            action(number)

        for number in self._numbers:
            self._before[number] = signal.signal(number, handle)
        self.let_through()

    def let_through(self) -> None:
        """Have each do to us what it does."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self.let_through()


@dataclass(frozen=True)
class Wishes:
    """How a container is to be in the foreground.

    Args:
        stdin: whether it gets our input.
        keys: what leaves it running when it is typed, see tare.detaching; nothing when None.
        proxies: whether signals are passed on to it.
        streams: which of its output is ours.
    """

    stdin: bool
    keys: str | None = None
    proxies: bool = False
    streams: tuple[str, ...] = ("stdout", "stderr")

    def check(self, *, tty: bool) -> None:
        """See that they can be had by a container that has a terminal, or none.

        Raises:
            UsageError: our input is no terminal, or the keys are none.
        """
        if self.keys:
            DetachKeys(self.keys)
        if tty and self.stdin and not os.isatty(0):
            raise UsageError("the input device is not a TTY", "leave --tty out")


def converse(channel: "Channel", wishes: Wishes, *, tty: bool) -> bool:
    """Copy output, and input if asked for, until the container has ended or the keys are typed.

    Args:
        channel: see runtime.commandline.pump.
        wishes: of which the signals don't matter here.
        tty: whether it has a terminal.

    Returns:
        Whether it runs on, the keys having been typed.
    """
    watched = DetachKeys(wishes.keys) if wishes.keys and tty and wishes.stdin else None
    with ExitStack() as stack:
        if tty:
            _follow_size(channel, stack)
        if tty and wishes.stdin:
            _end_orderly(stack)
            stack.enter_context(Raw(0))
        return Pump(channel, stdin=wishes.stdin, streams=wishes.streams, keys=watched).run()


def start(containers: "Containers", identity: str, wishes: Wishes, signals: Signals) -> int:
    """Start a container and have it in the foreground; see `stay`."""
    terminal = size(0) or size(1) or (0, 0)
    with containers.start_attached(identity, terminal) as connection:
        return stay(containers, identity, connection, wishes, signals, is_first=True)


def stay(
    containers: "Containers",
    identity: str,
    connection: "Connection",
    wishes: Wishes,
    signals: Signals,
    *,
    is_first: bool = False,
) -> int:
    """Have a container in the foreground until it has ended or the keys are typed; its exit status, or 0.

    Args:
        containers: of the state it is in.
        identity: its id.
        connection: to its monitor, attached.
        wishes: how it is to be there.
        signals: those held back.
        is_first: whether the connection is that of its start, and its end is left to us.

    Raises:
        StatusError: nobody knows how it ended.
    """
    if wishes.proxies:
        signals.pass_on(partial(_pass_on, containers, identity))
    else:
        signals.let_through()
    if converse(Attached(connection), wishes, tty=containers.find(identity).settings.tty):
        return 0
    if connection.exit is None:
        raise StatusError(
            f"the monitor of container {identity[:12]} let go of us", "see `tarebox ps` and `tarebox logs`"
        )
    code, is_out_of_memory = connection.exit
    if is_out_of_memory:
        complain(_OUT_OF_MEMORY)
    if is_first:
        with suppress(NoSuchContainerError):
            containers.settle(identity)
    return code


def _pass_on(containers: "Containers", identity: str, number: int) -> None:
    # It may have ended.
    with suppress(TareError):
        containers.kill(identity, number)


def _follow_size(channel: "Channel", stack: ExitStack) -> None:
    """Keep the container's terminal as large as ours."""

    def tell(*_: object) -> None:
        if found := size(0) or size(1):
            channel.resize(*found)

    before = signal.signal(signal.SIGWINCH, tell)
    stack.callback(signal.signal, signal.SIGWINCH, before)
    tell()


def _end_orderly(stack: ExitStack) -> None:
    """Have a signal that ends us put our terminal in order first."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_DFL:
            stack.callback(signal.signal, number, signal.signal(number, leave))
