"""Guests that wait, paused, until one is asked for."""

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

from tare.errors import TareError
from vm_baseline.errors import HypervisorError
from vm_baseline.launched import Launched
from vm_baseline.machine import Machine

_POLITE_SECONDS = 1.0


class Pool:
    """A context that keeps a number of paused guests; a thread makes new ones for those taken or dead.

    The next is made once the one taken is ready, so as not to slow that down.

    Args:
        make: gives a new one; called in the thread.
        discard: ends one and deletes all that belonged to it.
        size: how many are to wait.
    """

    def __init__(self, make: Callable[[], Launched], discard: Callable[[Launched], None], size: int) -> None:
        self._make = make
        self._discard = discard
        self._size = size
        self._waiting: list[Launched] = []
        self._taken: Launched | None = None
        self._fault: TareError | OSError | None = None
        self._closing = False
        self._changed = threading.Condition()
        self._news = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._keep, name="tare-pool", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        os.eventfd_write(self._news, 1)
        self._thread.join()
        with ExitStack() as rest:
            rest.callback(os.close, self._news)
            for guest in self._waiting:
                rest.callback(self._discard, guest)

    def fill(self) -> None:
        """Wait until as many guests wait as are to.

        Raises:
            TareError, OSError: one could not be made.
        """
        self._await(lambda: len(self._waiting) >= self._size)

    def take(self, wake: Callable[[Launched], Machine]) -> Machine:
        """The machine that becomes of a guest that waits, or of the next to do so.

        Args:
            wake: makes a guest the machine, or ends it; one that has just died is made up for by another.

        Raises:
            TareError, OSError: none could be made, or woken.
        """
        for _ in range(self._size):
            with contextlib.suppress(HypervisorError):
                return wake(self._next())
        return wake(self._next())

    def _next(self) -> Launched:
        with self._changed:
            self._await(lambda: bool(self._waiting))
            guest = self._taken = self._waiting.pop(0)
        os.eventfd_write(self._news, 1)
        return guest

    def _await(self, happened: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: happened() or self._fault is not None)
            if not happened() and self._fault is not None:
                fault, self._fault = self._fault, None
                os.eventfd_write(self._news, 1)
                raise fault

    def _keep(self) -> None:
        # Signals are for whoever gave the machine its streams.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while not self._closing:
            try:
                if self._fault is None and len(self._waiting) < self._size:
                    self._add()
                else:
                    self._watch()
            except (TareError, OSError) as error:
                with self._changed:
                    self._fault = error
                    self._changed.notify_all()

    def _add(self) -> None:
        if self._taken is not None:
            serial = self._taken.ends.serial
            serial.wait(lambda: bool(serial.ready_ns or serial.gone_ns), _POLITE_SECONDS)
            self._taken = None
        guest = self._make()
        with self._changed:
            self._waiting.append(guest)
            self._changed.notify_all()

    def _watch(self) -> None:
        """Wait until one is taken, has died, or the pool is closed."""
        with ExitStack() as descriptors:
            poll = select.poll()
            poll.register(self._news, select.POLLIN)
            guests = {}
            for guest in list(self._waiting):
                assert guest.pid is not None
                try:
                    process = os.pidfd_open(guest.pid)
                except ProcessLookupError:
                    self._drop(guest)
                    return
                descriptors.callback(os.close, process)
                poll.register(process, select.POLLIN)
                guests[process] = guest
            for descriptor, _ in poll.poll():
                if descriptor == self._news:
                    os.eventfd_read(self._news)
                else:
                    self._drop(guests[descriptor])

    def _drop(self, guest: Launched) -> None:
        with self._changed:
            if guest not in self._waiting:
                return
            self._waiting.remove(guest)
        self._discard(guest)
