"""Content on its way to a registry (OCI distribution specification 1.1, "Push")."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from runtime.image.model import Descriptor
from runtime.image.registry import Repository
from runtime.image.registry_errors import RegistryError, Unreachable

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

CHUNK = 32 << 20
"""Bytes from which on content goes in several requests."""

_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")
_LONGEST_CHUNK = 1 << 30
_TYPE = {"Content-Type": "application/octet-stream"}


Progress = Callable[[Descriptor, int], None]


def upload(
    repository: Repository,
    descriptor: Descriptor,
    content: Callable[[], BinaryIO],
    *,
    mount: str = "",
    chunk: int = CHUNK,
    progress: Progress = lambda *_: None,
) -> None:
    """Bring a blob to a repository, unless the registry has it there or can take it from another one.

    Args:
        repository: where to.
        descriptor: of the blob.
        content: opens it.
        mount: name of a repository of the same registry that may have it.
        chunk: bytes of one request; the registry may ask for more.
        progress: is told the bytes sent so far; fewer again when the registry lost some.

    Raises:
        RegistryError: the registry refuses it, or failed too often.
    """
    if not repository.has_blob(descriptor.digest):
        with content() as file:
            _Upload(repository, descriptor, file, chunk, progress).run(mount)
    progress(descriptor, descriptor.size)


class _Upload:
    def __init__(
        self, repository: Repository, descriptor: Descriptor, file: BinaryIO, chunk: int, progress: Progress
    ) -> None:
        self._repository = repository
        self._descriptor = descriptor
        self._file = file
        self._chunk = chunk
        self._progress = progress
        self._url = ""
        self._offset = 0

    def run(self, mount: str) -> None:
        attempt = 1
        while True:
            try:
                if not self._url and self._begin(mount):
                    return
                while self._descriptor.size - self._offset > self._chunk:
                    self._send(self._chunk)
                self._finish()
                return
            except Unreachable as error:
                self._repository.transport.pause(attempt, error)
            attempt += 1
            self._take_up()

    def _begin(self, mount: str) -> bool:
        """Ask where to send to; whether the registry took the blob from another repository instead."""
        query = f"?mount={self._descriptor.digest}&from={quote(mount, safe='/')}" if mount else ""
        with self._repository.request("POST", f"/blobs/uploads/{query}", accept={201, 202}) as response:
            if response.status == 201:
                return True
            self._follow(response)
            self._progress(self._descriptor, 0)
            least = response.headers.get("OCI-Chunk-Min-Length", "")
        if least.isascii() and least.isdigit():
            self._chunk = max(self._chunk, min(int(least[:12]), _LONGEST_CHUNK))
        return False

    def _send(self, size: int) -> None:
        headers = {**_TYPE, "Content-Range": f"{self._offset}-{self._offset + size - 1}"}
        with self._put("PATCH", self._url, size, headers, {202, 204}) as response:
            self._follow(response)
        self._offset += size

    def _finish(self) -> None:
        url = f"{self._url}{'&' if '?' in self._url else '?'}digest={quote(self._descriptor.digest)}"
        with self._put("PUT", url, self._descriptor.size - self._offset, _TYPE, {200, 201, 204}):
            pass

    def _put(
        self, method: str, url: str, size: int, headers: dict[str, str], accept: set[int]
    ) -> AbstractContextManager["BaseHTTPResponse"]:
        return self._repository.request(
            method,
            url,
            headers={**headers, "Content-Length": str(size)},
            body=partial(self._part, size),
            accept=accept,
            again=False,
        )

    def _part(self, size: int) -> "_Part":
        self._file.seek(self._offset)
        return _Part(self._file, size, lambda sent: self._progress(self._descriptor, self._offset + sent))

    def _take_up(self) -> None:
        """Go on behind what the registry says it has; begin anew when it doesn't know."""
        url, self._url, self._offset = self._url, "", 0
        if not url:
            return
        with suppress(RegistryError), self._repository.request("GET", url, accept={204}) as response:
            there = _RANGE.fullmatch(response.headers.get("Range", ""))
            if there and 0 < int(there[1]) < self._descriptor.size:
                self._url, self._offset = url, int(there[1]) + 1
                self._follow(response)

    def _follow(self, response: "BaseHTTPResponse") -> None:
        location = response.headers.get("Location", self._url)
        self._url = self._repository.transport.target(self._url or self._repository.uploads, location)


class _Part:
    """Some bytes of a file, as the body of a request."""

    def __init__(self, file: BinaryIO, size: int, progress: Callable[[int], None]) -> None:
        self._file = file
        self._size = size
        self._sent = 0
        self._progress = progress

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._size - self._sent))
        self._sent += len(data)
        self._progress(self._sent)
        return data
