"""A client of QEMU's guest agent, for images that have one.

Source: https://www.qemu.org/docs/master/interop/qemu-ga-ref.html
"""

import base64
import contextlib
import itertools
import json
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vm_baseline.errors import HypervisorError

PORT = "org.qemu.guest_agent.0"
_LIMIT = 30.0
_PIECE = 48 << 10
_SHORTEST_WAIT, _LONGEST_WAIT = 0.005, 0.2


class GuestAgent:
    """Speaks with the agent, one request at a time.

    Args:
        path: of the socket QEMU will connect the port to, made here.
    """

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._connection: socket.socket | None = None
        self._rest = b""
        self._numbers = itertools.count(1)
        self._is_late = False

    def close(self) -> None:
        """Close the sockets; may be called twice."""
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    def sync(self, timeout: float = _LIMIT) -> None:
        """Wait until the agent answers, and drop what it said to anybody else.

        Raises:
            HypervisorError: it did not answer within the seconds given.
        """
        number = next(self._numbers)
        # The byte that no JSON has makes it forget half a request.
        self._send(b"\xff", "guest-sync-delimited", {"id": number}, timeout)
        deadline = time.monotonic() + timeout
        while True:
            with contextlib.suppress(ValueError):  # half an answer to somebody else
                answer = json.loads(self._line(deadline).rpartition(b"\xff")[2])
                if isinstance(answer, dict) and answer.get("return") == number:
                    return

    def call(self, command: str, **arguments: Any) -> Any:
        """Run a command of the protocol; what it returns.

        Raises:
            HypervisorError: the agent refused it, did not answer or is gone.
        """
        if self._is_late:
            self.sync()
        self._is_late = True
        self._send(b"", command, arguments, _LIMIT)
        line = self._line(time.monotonic() + _LIMIT)
        self._is_late = False
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise HypervisorError("the guest agent does not speak its protocol")
        if "error" in answer:
            raise HypervisorError(
                f"the guest agent refuses {command}: {answer['error'].get('desc', 'no reason')}"
            )
        return answer.get("return")

    def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end; 128 + n when a signal ended it.

        Raises:
            subprocess.TimeoutExpired: it took longer than the seconds given; the agent can't kill it.
            HypervisorError: it could not be started, or the agent is gone.
        """
        wanted: dict[str, Any] = {"path": argv[0], "arg": list(argv[1:]), "capture-output": True}
        if stdin is not None:
            wanted["input-data"] = base64.b64encode(stdin).decode()
        if env is not None:
            wanted["env"] = [f"{name}={value}" for name, value in env.items()]
        pid = self.call("guest-exec", **wanted)["pid"]
        deadline = None if timeout is None else time.monotonic() + timeout
        wait = _SHORTEST_WAIT
        while not (status := self.call("guest-exec-status", pid=pid))["exited"]:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(list(argv), timeout or 0)
            time.sleep(wait)  # the protocol has no event for it
            wait = min(wait * 2, _LONGEST_WAIT)
        output, errors = (base64.b64decode(status.get(key, "")) for key in ("out-data", "err-data"))
        code = 128 + status["signal"] if "signal" in status else status["exitcode"]
        return subprocess.CompletedProcess(list(argv), code, output, errors)

    def read_file(self, path: str) -> bytes:
        """A file of the guest. Raises as `call`."""
        handle, data = self.call("guest-file-open", path=path, mode="r"), b""
        try:
            while True:
                piece = self.call("guest-file-read", handle=handle, count=_PIECE)
                data += base64.b64decode(piece["buf-b64"])
                if piece["eof"]:
                    return data
        finally:
            self.call("guest-file-close", handle=handle)

    def write_file(self, path: str, data: bytes) -> None:
        """Make a file of the guest anew. Raises as `call`."""
        handle = self.call("guest-file-open", path=path, mode="w")
        try:
            for start in range(0, len(data), _PIECE):
                text = base64.b64encode(data[start : start + _PIECE]).decode()
                self.call("guest-file-write", **{"handle": handle, "buf-b64": text})
        finally:
            self.call("guest-file-close", handle=handle)

    def shutdown(self, mode: str = "powerdown") -> None:
        """Have the guest's own init shut it down (`powerdown`, `halt` or `reboot`); there is no answer."""
        self._send(b"", "guest-shutdown", {"mode": mode}, _LIMIT)

    def _send(self, before: bytes, command: str, arguments: Mapping[str, Any], timeout: float) -> None:
        request = json.dumps({"execute": command, "arguments": arguments}).encode()
        try:
            self._connected(timeout).sendall(before + request + b"\n")
        except OSError as error:
            raise HypervisorError(f"the guest agent can't be reached: {error}") from error

    def _connected(self, timeout: float) -> socket.socket:
        if self._connection is None:
            self._listener.settimeout(timeout)
            self._connection, _ = self._listener.accept()
        self._connection.settimeout(timeout)
        return self._connection

    def _line(self, deadline: float) -> bytes:
        assert self._connection is not None
        while b"\n" not in self._rest:
            try:
                self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
                data = self._connection.recv(65536)
            except OSError as error:
                raise HypervisorError(f"the guest agent does not answer: {error}") from error
            if not data:
                raise HypervisorError("the guest agent does not answer: the guest has ended")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line
