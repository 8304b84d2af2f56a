# ruff: noqa: PTH115, PTH208 - plain strings, as in system calls
"""The directory of all containers of a state, and the names they have."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime import teardown
from runtime.lifecycle import files, words
from runtime.lifecycle.errors import NameTakenError, NoSuchContainerError, StatusError
from runtime.lifecycle.record import Record
from runtime.lifecycle.settings import check_name

_ID = re.compile(r"[0-9a-f]{64}")
_REFERENCE = re.compile(r"[0-9a-f]{1,64}")


class Directory:
    """All containers of a state; a name is a symbolic link in `names` to the id, which one can take.

    Args:
        path: the directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._names = path / "names"
        self._names.mkdir(0o700, exist_ok=True)

    def add(self, name: str, values: dict[str, object]) -> Record:
        """Put a new container on disk.

        Args:
            name: one to take; found when empty.
            values: what `container.json` says beside id and name.

        Raises:
            NameTakenError: another container has the name.
            UsageError: it can't be one.
        """
        identity = os.urandom(32).hex()
        path = self.path / f".{identity}"
        try:
            with self._locked():
                path.mkdir(0o700)
                name = self._take(name, identity)
                files.write_json(f"{path}/container.json", {"id": identity, "name": name, **values})
                path.rename(self.path / identity)
        except BaseException:
            teardown.remove_tree(str(path))
            raise
        return Record(str(self.path / identity))

    def rename(self, record: Record, name: str) -> None:
        """Give a container, which the caller holds the lock of, another name.

        Raises:
            NameTakenError: a container has it, also this one.
            UsageError: it can't be one.
        """
        with self._locked():
            self._take(name, record.id)
            old, record.values["name"] = record.name, check_name(name)
            record.write()
            self._release(old, record.id)

    def remove(self, record: Record) -> None:
        """Remove a container, which the caller holds the lock of; nobody finds half of it."""
        with self._removing(fcntl.LOCK_SH):
            with self._locked():
                self._release(record.name, record.id)
                doomed = self.path / f".{record.id}"
                Path(record.path).rename(doomed)
            teardown.remove_tree(str(doomed))

    def find(self, reference: str) -> Record:
        """The container of a name, an id, or the beginning of an id.

        Raises:
            NoSuchContainerError: there is none.
            StatusError: there are several.
        """
        reference = reference.removeprefix("/")
        if _ID.fullmatch(reference):
            return Record(self._existing(reference))
        with suppress(OSError, NoSuchContainerError):
            record = Record(self._existing(os.readlink(self._names / reference)))
            if record.name == reference:
                return record
        if not _REFERENCE.fullmatch(reference):
            raise NoSuchContainerError(reference)
        found = [identity for identity in self._ids() if identity.startswith(reference)]
        if not found:
            raise NoSuchContainerError(reference)
        if len(found) > 1:
            raise StatusError(
                f"several containers have an id that begins with {reference}", "write more of it"
            )
        return Record(self._existing(found[0]))

    def __iter__(self) -> Iterator[Record]:
        for identity in self._ids():
            # Another process may remove it meanwhile.
            with suppress(NoSuchContainerError):
                yield Record(str(self.path / identity))

    def sweep(self) -> None:
        """Remove what processes that were killed left of containers half made or half removed."""
        # Where somebody is removing one, that is not to be taken for a leftover.
        with suppress(BlockingIOError), self._removing(fcntl.LOCK_EX | fcntl.LOCK_NB), self._locked():
            for name in os.listdir(self.path):
                if name.startswith(".") and _ID.fullmatch(name[1:]):
                    teardown.remove_tree(str(self.path / name))
            for name in os.listdir(self._names):
                if not (self.path / os.readlink(self._names / name)).is_dir():
                    (self._names / name).unlink()

    @contextmanager
    def _removing(self, operation: int) -> Iterator[None]:
        descriptor = os.open(self.path / "removing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, operation)
            yield
        finally:
            os.close(descriptor)

    def _existing(self, identity: str) -> str:
        path = self.path / identity
        if not path.is_dir():
            raise NoSuchContainerError(identity[:12])
        return str(path)

    def _ids(self) -> list[str]:
        return sorted(name for name in os.listdir(self.path) if _ID.fullmatch(name))

    def _locked(self) -> files.Lock:
        return files.Lock(str(self.path / "lock"))

    def _take(self, name: str, identity: str) -> str:
        if name:
            name = check_name(name)
            if owner := self._link(name, identity):
                raise NameTakenError(name, owner)
            return name
        attempt = 0
        while self._link(name := words.generate(attempt), identity):
            attempt += 1
        return name

    def _link(self, name: str, identity: str) -> str:
        """Take a name; the id of the one that has it, empty when it was free."""
        link = self._names / name
        try:
            link.symlink_to(identity)
        except FileExistsError:
            owner = os.readlink(link)
            if (self.path / owner).is_dir() and Record(str(self.path / owner)).name == name:
                return owner
            # A process was killed between taking the name and making the container, or renaming it.
            link.unlink()
            link.symlink_to(identity)
        return ""

    def _release(self, name: str, identity: str) -> None:
        link = self._names / name
        with suppress(FileNotFoundError):
            if os.readlink(link) == identity:
                link.unlink()
