"""A container's first process, and any that joins it, between clone and exec, as OCI plans have it."""

from __future__ import annotations

import errno
import os

from runtime import light, wire
from runtime.oci.errors import HookError
from runtime.oci.mounting import Mounting
from runtime.oci.processing import Processing
from runtime.oci.terminal import Terminal
from runtime.steps.network import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Init(Mounting, Terminal, Network, Processing):
    """A process on its way to becoming a container's.

    Args:
        channel: where it reports and takes answers, until it waits for its start.
        result: descriptor that takes a line of text when the command can't be run after that, or -1 where
            nobody attends the start and the line goes to standard error.
    """

    def __init__(self, channel: light.socket.socket, result: int = -1) -> None:
        super().__init__(channel, ())
        self._result = result
        self._state: dict[str, Any] = {}

    def sync(self, message: str) -> None:
        """Report, and go on when the parent has answered with the container's state."""
        wire.send(self._channel, (message,))
        received = wire.receive(self._channel)
        if received is None:
            os._exit(1)
        self._state = received[0]  # type: ignore[assignment]

    def hooks(self, listed: Sequence[dict[str, Any]], what: str, status: str) -> None:
        """Run hooks in the namespaces of the container."""
        from runtime.oci import hooks

        try:
            hooks.run(listed, self._state | {"status": status, "pid": os.getpid()}, what=what)
        except HookError as error:
            self._detail = str(error)
            raise OSError(errno.ECANCELED, str(error)) from error

    def _fail(self, step: str, number: int, detail: str) -> None:
        if self._channel.fileno() >= 0:
            super()._fail(step, number, detail)
            return
        from runtime.oci.failures import setup_failure

        os.write(
            self._result if self._result >= 0 else 2, f"{setup_failure(step, number, detail)}\n".encode()
        )
