"""Ending the holder, for `tarebox clean`."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress

from runtime.network import files
from runtime.rootless import connection, record, userns


def end() -> Iterator[str]:
    """End the holder whose namespaces this process is in, if it is in such; what was ended, one line each."""
    directory = os.environ.get(userns.VARIABLE)
    if not directory:
        return
    with files.locked(f"{directory}/{record.LOCK}"):
        known = record.load(directory)
        pidfd = known.pidfd() if known else -1
        if known and pidfd >= 0:
            connecting = connection.pidfd(directory)
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            # The connection goes with its holder.
            _await_end(pidfd)
            _await_end(connecting)
            yield f"process {known.pid} that held the namespaces of an ordinary user"
        record.forget(directory)


def _await_end(pidfd: int) -> None:
    if pidfd < 0:
        return
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll()
    os.close(pidfd)
