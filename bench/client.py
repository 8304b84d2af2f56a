"""A client that asks one HTTP request after another of whichever instance is current."""

import http.client
import threading
import time
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

_PAUSE = 0.005
_TIMEOUT = 5.0


class Client:
    """Asks within its context, from a thread of its own, each request over a connection of its own.

    Args:
        address: of the instance that is current at first; port 80 is asked.
    """

    def __init__(self, address: IPv4Address) -> None:
        self.seconds: list[float] = []
        self.failures: list[str] = []
        self._address = address
        self._asking = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="tare-client")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask no more; the request under way is over. Idempotent."""
        self._over.set()
        self._thread.join()

    def switch(self, address: IPv4Address) -> None:
        """Ask another instance from now on; returns once no request to the one before is under way."""
        with self._asking:
            self._address = address

    def _ask(self) -> None:
        while not self._over.wait(_PAUSE):
            with self._asking:
                self._request()

    def _request(self) -> None:
        begun = time.perf_counter()
        connection = http.client.HTTPConnection(str(self._address), 80, timeout=_TIMEOUT)
        try:
            connection.request("GET", "/")
            response = connection.getresponse()
            response.read()
            if response.status == http.HTTPStatus.OK:
                self.seconds.append(time.perf_counter() - begun)
            else:
                self.failures.append(f"HTTP {response.status}")
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(str(error) or type(error).__name__)
        finally:
            connection.close()
