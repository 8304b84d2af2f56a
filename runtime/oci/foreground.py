"""Waiting for a command in the foreground: signals are passed on, and a terminal is lent to it."""

from __future__ import annotations

import fcntl
import os
import select
import struct

from runtime import light

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.oci.spawn import Child

_TIOCGWINSZ = 0x5413
_TIOCSWINSZ = 0x5414


def hold() -> None:
    """Keep signals back until there is a process to pass them on to."""
    light.signal.pthread_sigmask(light.signal.SIG_BLOCK, _passed_on())


def _passed_on() -> set[int]:
    signals = light.signal
    kept = {signals.SIGCHLD, signals.SIGKILL, signals.SIGPIPE, signals.SIGSTOP, signals.SIGTSTP}
    kept |= {signals.SIGTTIN, signals.SIGTTOU, signals.SIGURG}
    return {number for number in signals.valid_signals() - kept if number < signals.SIGRTMIN}


def wait(child: Child, master: int) -> int:
    """Wait for the end of a child; its exit status, 128+n for signal n.

    Args:
        child: the process.
        master: descriptor of its terminal's master, or -1 when it has none.
    """
    passed_on = _passed_on()
    for number in passed_on:
        light.signal.signal(number, lambda number, _: _pass_on(child, master, number))
    light.signal.pthread_sigmask(light.signal.SIG_UNBLOCK, passed_on)
    if master < 0:
        return child.wait()
    with _Raw():
        _copy_size(master)
        _relay(child, master)
    return child.wait()


def _pass_on(child: Child, master: int, number: int) -> None:
    if number == light.signal.SIGWINCH and master >= 0:
        _copy_size(master)
        return
    child.signal(number)


def _copy_size(master: int) -> None:
    try:
        size = fcntl.ioctl(0, _TIOCGWINSZ, struct.pack("=4H", 0, 0, 0, 0))
        fcntl.ioctl(master, _TIOCSWINSZ, size)
    except OSError:
        return


class _Raw:
    """Our own terminal without line editing and signals, which are the other one's; if we have one."""

    def __enter__(self) -> None:
        self._before = None
        if os.isatty(0):
            import termios
            import tty

            self._before = termios.tcgetattr(0)
            tty.setraw(0)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, self._before)


def _relay(child: Child, master: int) -> None:
    """Copy between our standard files and the master until the child has ended and said all."""
    poll = select.poll()
    for descriptor in (0, master, child.pidfd):
        poll.register(descriptor, select.POLLIN)
    has_ended = False
    while True:
        ready = dict(poll.poll(0 if has_ended else None))
        if child.pidfd in ready:
            has_ended = True
            poll.unregister(child.pidfd)
        if 0 in ready and not _move(0, master):
            poll.unregister(0)
        if master in ready and not _move(master, 1):
            return
        if has_ended and master not in ready:
            return


def _move(source: int, target: int) -> bool:
    """Copy what is there; whether there may be more."""
    try:
        part = os.read(source, 65536)
    except OSError:
        # A master whose last user is gone answers EIO.
        return False
    rest = part
    while rest:
        rest = rest[os.write(target, rest) :]
    return bool(part)
