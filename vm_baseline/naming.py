"""A guest's /etc/hosts, kept like a file of the host's that changes."""

import os
import select
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from inotify_simple import INotify, flags

from tare.errors import ImageError
from vm_baseline.errors import HypervisorError
from vm_baseline.inside import Inside

_HOSTS = "/etc/hosts"


class Naming:
    """A context in which changes of the file go into the guest; no change since it was entered is missed.

    Args:
        file: of the host, in the form of hosts(5).
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._changes = self._stack.enter_context(INotify(inheritable=False))
        self._changes.add_watch(self._file, flags.MODIFY)
        self._over = os.eventfd(0, os.EFD_CLOEXEC)
        self._stack.callback(os.close, self._over)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.eventfd_write(self._over, 1)
        self._stack.close()

    def text(self) -> str:
        """What the file says now."""
        return self._file.read_text()

    def follow(self, guest: Inside) -> None:
        """Begin to tell a guest, which is to end before this context does; no file of the host is changed."""
        if guest.shares(_HOSTS):
            return
        thread = threading.Thread(target=self._follow, args=(guest,), name="tare-names", daemon=True)
        thread.start()
        # Before what it waits on is closed.
        self._stack.callback(thread.join)

    def _follow(self, guest: Inside) -> None:
        poll = select.poll()
        for descriptor in (self._changes.fileno(), self._over):
            poll.register(descriptor, select.POLLIN)
        while self._over not in dict(poll.poll()):
            self._changes.read(timeout=0)
            try:
                guest.copy_in(self._file, _HOSTS)
            except (HypervisorError, ImageError):
                return
