"""A repository of a registry (OCI distribution specification 1.1, docker's registry HTTP API v2).

The protocol is spoken here on top of an HTTP client: the client libraries looked at neither resume downloads
nor bound or verify what they read, and bring several times the code of what they save.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from runtime.image.digest import check_digest, digest_of, is_of
from runtime.image.model import DOCUMENT_LIMIT, INDEXES, MANIFESTS, Descriptor, parse_manifest
from runtime.image.registry_auth import Authorization
from runtime.image.registry_config import Endpoint, Registries
from runtime.image.registry_credentials import Credentials, find_credentials
from runtime.image.registry_errors import RegistryError, Unreachable
from runtime.image.registry_http import Body, Patience, Transport
from tare.errors import ImageError, UsageError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_ACCEPT = ", ".join(sorted(MANIFESTS | INDEXES))
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?')
_PAGES = 1000
_PAGE = 1000


class Session:
    """Connections to registries, with their settings and credentials; a context that closes them.

    Args:
        registries: what the configuration says; read from its file when None.
        patience: with slow and failing ones.
        connections: at most to one host.
        credentials: gives those for a host, or None.
    """

    def __init__(
        self,
        registries: Registries | None = None,
        patience: Patience | None = None,
        connections: int = 4,
        credentials: Callable[[str], Credentials | None] = find_credentials,
    ) -> None:
        self.registries = Registries.load() if registries is None else registries
        self.connections = connections
        self.transport = Transport(self.registries, patience, connections)
        self._credentials = credentials

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.transport.close()

    def sources(self, host: str, repository: str) -> "tuple[Repository, ...]":
        """Where a repository is pulled from: at its mirrors, then at its host; empty is the default.

        Raises:
            UsageError: the name has no meaning, or there is no default registry.
        """
        return tuple(self._at(place, "pull") for place in self.registries.endpoints(host, repository))

    def destination(self, host: str, repository: str, *others: str) -> "Repository":
        """Where a repository is pushed to; content may be taken from `others` at the same host.

        Raises:
            UsageError: the name has no meaning, or there is no default registry.
        """
        return self._at(self.registries.endpoint(host, repository), "pull,push", others)

    def managed(self, host: str, repository: str) -> "Repository":
        """A repository from which something is to be deleted.

        Raises:
            UsageError: the name has no meaning, or there is no default registry.
        """
        return self._at(self.registries.endpoint(host, repository), "pull,delete")

    def log_in(self, host: str) -> None:
        """See whether a registry takes the credentials for it; one that wants none takes all.

        Raises:
            RegistryError: it refuses them, or can't be asked.
            UsageError: that is no host.
        """
        place = self.registries.host(host)
        access = Authorization(self.transport, place, (), self._credentials)
        with self.transport.open("GET", f"{place.url}/v2/", access=access):
            pass

    def _at(self, place: Endpoint, actions: str, others: tuple[str, ...] = ()) -> "Repository":
        scopes = (f"repository:{place.repository}:{actions}", *(f"repository:{name}:pull" for name in others))
        access = Authorization(self.transport, place.host, scopes, self._credentials)
        return Repository(self.transport, place, access)


class Repository:
    """One repository at one host; made by Session. Everything it gives was checked."""

    def __init__(self, transport: Transport, place: Endpoint, access: Authorization) -> None:
        self.transport = transport
        self.place = place
        self._access = access
        self._base = f"{place.host.url}/v2/{place.repository}"
        self.uploads = f"{self._base}/blobs/uploads/"

    def manifest(self, reference: str) -> tuple[Descriptor, bytes]:
        """What a tag or digest refers to: a manifest or an index, at most 4 MiB.

        Raises:
            RegistryError: it is not there, or not what the registry says it is.
        """
        path = f"/manifests/{_checked(reference)}"
        with self.request("GET", path, headers={"Accept": _ACCEPT}) as response:
            said = response.headers.get("Docker-Content-Digest", "")
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
            data = self.transport.document(response, DOCUMENT_LIMIT)
        wanted = reference if ":" in reference else said
        try:
            digest = _verified(data, wanted) if wanted else digest_of(data)
            return Descriptor(parse_manifest(data, media_type).media_type, digest, len(data)), data
        except RegistryError:
            raise
        except ImageError as error:
            raise RegistryError(f"{self.place}:{reference}: {error.what}", error.hint) from error

    def resolve(self, reference: str) -> str:
        """The digest a tag refers to.

        Raises:
            RegistryError: it is not there.
        """
        path = f"/manifests/{_checked(reference)}"
        with self.request("HEAD", path, headers={"Accept": _ACCEPT}) as response:
            said = response.headers.get("Docker-Content-Digest", "")
        return check_digest(said) if said else self.manifest(reference)[0].digest

    def put_manifest(self, reference: str, descriptor: Descriptor, data: bytes) -> None:
        """Store a manifest or index under a tag or its digest.

        Raises:
            RegistryError: the registry refuses it, or stored something else.
        """
        headers = {"Content-Type": descriptor.media_type}
        path = f"/manifests/{_checked(reference)}"
        with self.request(
            "PUT", path, headers=headers, body=lambda: data, accept={200, 201, 202}
        ) as response:
            said = response.headers.get("Docker-Content-Digest", descriptor.digest)
        if said != descriptor.digest and descriptor.digest.startswith("sha256:"):
            raise RegistryError(f"{self.place} stored {descriptor.digest} as something else")

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has it.

        Raises:
            RegistryError: it can't be asked.
        """
        path = f"/blobs/{check_digest(digest)}"
        with self.request("HEAD", path, accept={200, 404}) as response:
            return response.status == 200

    def blob(self, descriptor: Descriptor, offset: int = 0) -> Iterator[bytes]:
        """Its bytes from an offset on as they arrive; the digest is left to the one who has all of them.

        Raises:
            RegistryError: it is not there or has another size; Unreachable when the rest may be asked for.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        path, left = f"/blobs/{descriptor.digest}", descriptor.size - offset
        with self.request("GET", path, headers=headers, accept={200, 206}) as response:
            skip = 0 if response.status == 206 else offset
            if response.status == 206 and not _starts_at(response, offset):
                raise RegistryError(f"{self.place} sends another part of {descriptor.digest} than asked for")
            if response.length_remaining not in (None, left + skip):
                found = response.length_remaining - skip + offset if response.length_remaining else 0
                raise RegistryError(
                    f"{self.place} has {found} bytes as {descriptor.digest} instead of {descriptor.size}",
                    "the registry is broken",
                )
            for data in self.transport.chunks(response, left + skip):
                rest = data[skip:]
                skip = max(0, skip - len(data))
                left -= len(rest)
                if rest:
                    yield rest
        if left:
            raise Unreachable(f"{self.place} sent {descriptor.digest} without its last {left} bytes")

    def tags(self) -> Iterator[str]:
        """The tags, in the registry's order.

        Raises:
            RegistryError: the registry has no such repository, or its list has no end.
        """
        url = f"{self._base}/tags/list?n={_PAGE}"
        seen: set[str] = set()
        while url not in seen and len(seen) < _PAGES:
            seen.add(url)
            with self.request("GET", url) as response:
                link = _NEXT.search(response.headers.get("Link", ""))
                data = self.transport.document(response, DOCUMENT_LIMIT)
            yield from self._tags(data)
            if not link:
                return
            url = self.transport.target(url, link[1])
        raise RegistryError(f"the list of tags of {self.place} has no end")

    def delete(self, reference: str) -> None:
        """Remove the manifest or index that a tag or digest refers to, with all its tags.

        Raises:
            RegistryError: it is not there, or the registry allows no deletion.
        """
        digest = reference if ":" in reference else self.resolve(reference)
        with self.request("DELETE", f"/manifests/{_checked(digest)}", accept={200, 202, 204}):
            pass

    def delete_blob(self, digest: str) -> None:
        """Remove a blob.

        Raises:
            RegistryError: it is not there, or the registry allows no deletion.
        """
        with self.request("DELETE", f"/blobs/{check_digest(digest)}", accept={200, 202, 204}):
            pass

    def request(
        self,
        method: str,
        place: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        accept: frozenset[int] | set[int] = frozenset({200}),
        again: bool = True,
    ) -> AbstractContextManager["BaseHTTPResponse"]:
        """Ask for a path of the repository, or a URL the registry gave: no credentials go to another host."""
        url = self._base + place if place.startswith("/") else place
        own = url.startswith(f"{self.place.host.url}/")
        return self.transport.open(
            method,
            url,
            headers=headers,
            body=body,
            access=self._access if own else None,
            accept=frozenset(accept),
            again=again,
        )

    def _tags(self, data: bytes) -> list[str]:
        try:
            tags = json.loads(data)["tags"] or []
            if all(TAG.fullmatch(tag) for tag in tags):
                return list(tags)
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise RegistryError(f"{self.place} sent no list of tags")


def _checked(reference: str) -> str:
    if ":" in reference:
        return check_digest(reference)
    if not TAG.fullmatch(reference):
        raise UsageError(f"{reference[:140]!r} is no tag", "a tag has letters, digits and . _ -")
    return reference


def _verified(data: bytes, digest: str) -> str:
    if not is_of(check_digest(digest), data):
        raise ImageError(f"the registry sent something else as {digest}", "the registry is broken")
    return digest


def _starts_at(response: "BaseHTTPResponse", offset: int) -> bool:
    return response.headers.get("Content-Range", "").replace(" ", "").startswith(f"bytes{offset}-")
