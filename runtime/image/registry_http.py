"""HTTP as registries speak it: patience, second tries, redirects and bounded bodies (RFC 9110).

Out of scope: what is asked for (registry.py) and who asks (registry_auth.py).
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from runtime.image.registry_config import Host, Registries, is_loopback
from runtime.image.registry_errors import RegistryError, Unreachable, printable, refusal

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager


class Readable(Protocol):
    """A body that is read as it is sent."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most so many."""


Body = Callable[[], bytes | Readable]

_BLOCK = 256 << 10
_REDIRECTS = 5
_REFUSAL_LIMIT = 64 << 10
_SLOWEST = 1024
_HAS_MOVED = frozenset({301, 302, 303, 307, 308})
_KEEPS_METHOD = frozenset({307, 308})
_SAFE = frozenset({"GET", "HEAD"})
_AGAIN = "try again later"


@dataclass(frozen=True)
class Patience:
    """How long a registry may take.

    Args:
        connect: seconds until a connection stands.
        silence: seconds without a byte, or with less than 1 KiB for each of them.
        attempts: how often a thing is tried before it fails.
        first_wait: seconds before the second try, doubled for each one after it.
        longest_wait: seconds at most before a try, whatever Retry-After says.
    """

    connect: float = 10
    silence: float = 30
    attempts: int = 5
    first_wait: float = 0.25
    longest_wait: float = 20

    def wait(self, attempt: int, asked: float | None = None) -> float:
        """Seconds before the next try, when `attempt` (from 1) has failed."""
        own = self.first_wait * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)
        return min(self.longest_wait, own if asked is None else asked)


class Access(Protocol):
    """Authorization for requests to one host."""

    def header(self) -> str | None:
        """The value of Authorization, if one is needed as far as is known."""

    def challenged(self, challenge: str, refused: str | None) -> bool:
        """Take a header WWW-Authenticate that answered to `refused`; whether another try may do."""


class Transport:
    """Connections to registries, kept open between requests; for several threads.

    Args:
        registries: says which hosts may be spoken to without TLS, and which certificates are trusted.
        patience: with slow and failing ones.
        connections: at most to one host.
    """

    def __init__(
        self, registries: Registries, patience: Patience | None = None, connections: int = 4
    ) -> None:
        self.registries = registries
        self.patience = patience or Patience()
        self._connections = connections
        self._lock = threading.Lock()
        self._pools: dict[tuple[str, str], PoolManager] = {}
        self._open: set[BaseHTTPResponse] = set()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End what other threads are waiting for; their requests raise."""
        self._stopped.set()
        with self._lock:
            pending = list(self._open)
        for response in pending:
            with suppress(ValueError, OSError, RuntimeError):
                response.shutdown()

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.clear()

    def pause(self, attempt: int, error: RegistryError) -> None:
        """Wait before another try of what failed with `error`.

        Raises:
            RegistryError: the error, when it is no use or there have been enough tries; never Unreachable.
        """
        if not isinstance(error, Unreachable):
            raise error
        if attempt >= self.patience.attempts or self._stopped.wait(
            self.patience.wait(attempt, error.retry_after)
        ):
            raise RegistryError(f"{error.what}, {attempt} times", error.hint) from error

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        access: Access | None = None,
        accept: frozenset[int] = frozenset({200}),
        again: bool = True,
    ) -> Iterator["BaseHTTPResponse"]:
        """Send a request, again where that may help, and give the answer with its body unread.

        Args:
            method: HTTP's.
            url: absolute.
            headers: beside Authorization.
            body: makes the body, once for each try.
            access: is asked for Authorization, for this URL's host only and not where it redirects to.
            accept: the statuses that are an answer.
            again: whether it may be sent a second time as it is.

        Raises:
            RegistryError: there is no such answer; Unreachable when another try may help.
        """
        response = self._persist(method, url, headers or {}, body, access, accept, again)
        with self._lock:
            self._open.add(response)
        try:
            if self._stopped.is_set():
                raise RegistryError(f"{_shown(url)} is not asked any more")
            yield response
            with _faults(url):
                _drain(response)
        finally:
            with self._lock:
                self._open.discard(response)
            _end(response)

    def chunks(self, response: "BaseHTTPResponse", limit: int) -> Iterator[bytes]:
        """The body as it arrives.

        Raises:
            RegistryError: it has more than `limit` bytes, or takes too long.
        """
        url = _shown(response.url or "the registry")
        total, since, before = 0, time.monotonic(), 0
        while True:
            with _faults(url):
                data = response.read1(_BLOCK, decode_content=False)
            if not data:
                break
            total += len(data)
            if total > limit:
                raise RegistryError(f"{url} sends more than the {limit} bytes allowed")
            yield data
            if (spent := time.monotonic() - since) > self.patience.silence:
                if total - before < spent * _SLOWEST:
                    raise Unreachable(f"{url} sends less than 1 KiB/s", _AGAIN)
                since, before = time.monotonic(), total
        if self._stopped.is_set():
            raise RegistryError(f"{url} is not waited for any more")

    def document(self, response: "BaseHTTPResponse", limit: int) -> bytes:
        """The whole of a small body.

        Raises:
            RegistryError: it has more than `limit` bytes, or takes too long.
        """
        return b"".join(self.chunks(response, limit))

    def target(self, url: str, location: str | None) -> str:
        """The absolute URL that a header Location or Link means.

        Raises:
            RegistryError: it is none, or leads to plain HTTP where that is not allowed.
        """
        from urllib.parse import urljoin, urlsplit

        try:
            found = urljoin(url, location or "")
            parts = urlsplit(found)
            # A user's name before the host could pass for a host on loopback.
            known = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            known = False
        if not location or not known:
            raise RegistryError(f"{_shown(url)} leads to {printable(str(location))!r}, which is no URL")
        if parts.scheme == "http" and not self._host(parts.netloc).insecure:
            raise RegistryError(f"{_shown(url)} leads to {printable(parts.netloc)} without TLS")
        return found

    def _host(self, name: str) -> Host:
        return self.registries.hosts.get(name) or Host(name, is_loopback(name))

    def _persist(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | None,
        access: Access | None,
        accept: frozenset[int],
        again: bool,
    ) -> "BaseHTTPResponse":
        attempt, renewed = 1, False
        while True:
            sent = access.header() if access else None
            authorized = {**headers, "Authorization": sent} if sent else headers
            try:
                response, asked = self._follow(method, url, authorized, body)
                if response.status in accept:
                    return response
                error = self._refused(response, asked)
                challenge = response.headers.get("WWW-Authenticate", "")
                if response.status == 401 and asked == url and access and not renewed:
                    renewed = access.challenged(challenge, sent)
                    if renewed:
                        continue
            except Unreachable as failed:
                error = failed
            if not again:
                raise error
            self.pause(attempt, error)
            attempt += 1

    def _follow(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None
    ) -> tuple["BaseHTTPResponse", str]:
        """The answer of where redirects lead to, and where that is."""
        first, followed = url, 0
        while True:
            response = self._send(method, url, headers, body)
            if response.status not in (_HAS_MOVED if method in _SAFE else _KEEPS_METHOD):
                return response, url
            location = response.headers.get("Location")
            _end(response)
            if followed == _REDIRECTS:
                raise RegistryError(f"{_shown(first)} redirects more than {_REDIRECTS} times")
            followed += 1
            url = self.target(url, location)
            if _origin(url) != _origin(first):
                headers = {name: value for name, value in headers.items() if name != "Authorization"}

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None
    ) -> "BaseHTTPResponse":
        content: Any = body() if body else None
        with _faults(url):
            return self._pool(url).urlopen(
                method,
                url,
                headers={"User-Agent": "tarebench", "Accept-Encoding": "identity", **headers},
                body=content,
                preload_content=False,
                redirect=False,
                retries=False,
            )

    def _pool(self, url: str) -> "PoolManager":
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        proxy = _proxy(parts.scheme, parts.netloc)
        key = (self._host(parts.netloc).certificates, proxy)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = self._new_pool(*key)
            return self._pools[key]

    def _new_pool(self, certificates: str, proxy: str) -> "PoolManager":
        import urllib3

        kind = partial(urllib3.ProxyManager, proxy) if proxy else urllib3.PoolManager
        return kind(
            maxsize=self._connections,
            block=True,
            blocksize=_BLOCK,
            timeout=urllib3.Timeout(connect=self.patience.connect, read=self.patience.silence),
            ca_certs=certificates or None,
        )

    def _refused(self, response: "BaseHTTPResponse", url: str) -> RegistryError:
        body = b""
        with suppress(RegistryError), _faults(url):
            for data in self.chunks(response, _REFUSAL_LIMIT):
                body += data
        _end(response)
        error = refusal(response.status, response.reason or "", body, _shown(url))
        if isinstance(error, Unreachable):
            error.retry_after = _seconds(response.headers.get("Retry-After", ""))
        return error


@contextmanager
def _faults(url: str) -> Iterator[None]:
    """Say in one line what the connection failed at."""
    from urllib3 import exceptions

    shown = _shown(url)
    try:
        yield
    except (exceptions.NewConnectionError, exceptions.ConnectTimeoutError, exceptions.ProxyError) as error:
        reason = printable(str(error).rpartition(": ")[2])
        raise RegistryError(
            f"can't connect to {shown}: {reason}", "check its name and the network"
        ) from error
    except exceptions.SSLError as error:
        hint = "set certificates, or insecure = true where it has no TLS, in registries.toml"
        raise RegistryError(f"no TLS with {shown}: {printable(str(error))}", hint) from error
    except exceptions.TimeoutError as error:
        raise Unreachable(f"{shown} sends nothing", _AGAIN) from error
    except (exceptions.ProtocolError, ConnectionError) as error:
        raise Unreachable(f"{shown} cut the connection off", _AGAIN) from error
    except (exceptions.HTTPError, ValueError) as error:
        raise RegistryError(f"{shown} can't be asked: {printable(str(error))}") from error


def _drain(response: "BaseHTTPResponse") -> None:
    """Take the rest of a short body, so that the connection can be used again."""
    if response.length_remaining is not None and response.length_remaining <= _REFUSAL_LIMIT:
        response.drain_conn()


def _end(response: "BaseHTTPResponse") -> None:
    """Close what has a body left, and give its place among the connections back."""
    response.close()
    response.release_conn()


def _shown(url: str) -> str:
    """A URL without user and query, which may hold secrets."""
    base = url.partition("?")[0]
    scheme, separator, rest = base.partition("://")
    authority, slash, path = rest.partition("/")
    return printable(f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}")


def _origin(url: str) -> tuple[str, str]:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _proxy(scheme: str, authority: str) -> str:
    """The proxy that the environment has for a host, by https_proxy, http_proxy and no_proxy."""
    from urllib.request import getproxies, proxy_bypass

    if is_loopback(authority):
        return ""
    return "" if proxy_bypass(authority) else getproxies().get(scheme, "")


def _seconds(retry_after: str) -> float | None:
    """Retry-After as seconds from now (RFC 9110, section 10.2.3)."""
    from email.utils import parsedate_to_datetime

    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
