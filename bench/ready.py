"""When an instance is ready: it answers a URL, takes a TCP connection, or has printed a line."""

import http.client
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Address
from urllib.parse import urlsplit

from bench.subject import Instance, SubjectError
from tare.errors import UsageError

_TRY = 1.0
_PAUSE = 0.001
_FORMS = "give http://:PORT/PATH, tcp://:PORT or line:TEXT"


@dataclass(frozen=True)
class Ready:
    """What is waited for.

    Args:
        scheme: "http", "tcp" or "line".
        port: of the first two.
        text: the path of a URL, or what the line has.
    """

    scheme: str
    port: int = 0
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> "Ready":
        """What a person writes: `http://:8080/health`, `tcp://:6379` or `line:ready to accept`.

        Raises:
            UsageError: it is none of these.
        """
        scheme, _, rest = text.partition(":")
        if scheme == "line" and rest:
            return cls(scheme, text=rest)
        try:
            parts = urlsplit(text)
            port = parts.port or (80 if scheme == "http" else 0)
        except ValueError as error:
            raise UsageError(f"ready: {text!r} has no port: {error}", _FORMS) from error
        path = parts._replace(scheme="", netloc="", fragment="").geturl()
        if scheme not in ("http", "tcp") or not port or (scheme == "tcp" and path):
            raise UsageError(f"ready: {text!r} says not what to wait for", _FORMS)
        if parts.hostname or parts.username:
            raise UsageError(
                f"ready: {text!r} names a host", "leave it out, the instance's address is put in"
            )
        return cls(scheme, port, (path or "/") if scheme == "http" else "")

    @property
    def by_network(self) -> bool:
        """Whether the instance needs an address for it."""
        return self.scheme != "line"

    def url(self, address: IPv4Address) -> str:
        """With the instance's address in it."""
        return f"{self.scheme}://{address}:{self.port}{self.text}"

    def wait(self, instance: Instance, timeout: float) -> int:
        """Monotonic ns at which it was so. Raises: SubjectError when not in `timeout` seconds, or never."""
        if not self.by_network:
            return instance.wait_output(self.text.encode(), timeout)
        deadline = time.monotonic() + timeout

        def ended() -> None:
            try:
                status = instance.wait(0)
            except SubjectError:
                return
            raise SubjectError(
                f"the payload ended with status {status} before it answered on port {self.port}",
                "look at what it says with `tarebox run`",
            )

        while (address := instance.address()) is None:
            ended()
            if time.monotonic() > deadline:
                raise SubjectError(f"it had no address in {timeout:g} s")
        left = deadline - time.monotonic()
        if self.scheme == "http":
            return first_answer(address, self.port, self.text, left, ended)
        return first_connection(address, self.port, left, ended)


def first_answer(
    address: IPv4Address,
    port: int = 80,
    path: str = "/",
    timeout: float = 20.0,
    check: Callable[[], object] = lambda: None,
) -> int:
    """Monotonic ns of the first HTTP answer that is a success (RFC 9110, 2xx).

    Args:
        address: who is asked.
        port: where.
        path: for what.
        timeout: seconds until it is given up.
        check: called after each try in vain; what it raises ends the waiting.

    Raises:
        SubjectError: none came in time.
    """

    deadline = time.monotonic() + timeout

    def ask() -> None:
        connection = http.client.HTTPConnection(str(address), port, timeout=_TRY)
        try:
            connection.connect()
            # Who has taken the connection may think as long as there is time.
            connection.sock.settimeout(max(deadline - time.monotonic(), _TRY))
            connection.request("GET", path)
            status = connection.getresponse().status
        finally:
            connection.close()
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise http.client.HTTPException(f"HTTP {status}")

    return _first(ask, f"http://{address}:{port}{path}", "gave no 200", timeout, check)


def first_connection(
    address: IPv4Address, port: int, timeout: float = 20.0, check: Callable[[], object] = lambda: None
) -> int:
    """Monotonic ns at which the first TCP connection was there; see `first_answer`."""

    def ask() -> None:
        socket.create_connection((str(address), port), _TRY).close()

    return _first(ask, f"tcp://{address}:{port}", "took no connection", timeout, check)


def _first(
    ask: Callable[[], None], whom: str, complaint: str, timeout: float, check: Callable[[], object]
) -> int:
    deadline = time.monotonic() + timeout
    problem: object = "nothing tried"
    while time.monotonic() < deadline:
        try:
            ask()
            return time.monotonic_ns()
        except (OSError, http.client.HTTPException) as error:
            problem = error
        check()
        # Nothing tells when somebody else's port opens.
        time.sleep(_PAUSE)
    raise SubjectError(f"{whom} {complaint} in {timeout:.3g} s: {problem}")
