"""All volumes of a state, kept on disk without a daemon, for any number of processes at a time."""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from runtime import teardown
from runtime.lifecycle import codec, files
from runtime.lifecycle.directory import Directory
from runtime.lifecycle.logs import timestamp
from runtime.volumes import filling
from runtime.volumes.volume import (
    ANONYMOUS,
    Volume,
    VolumeError,
    anonymous_name,
    check_name,
    check_options,
    is_anonymous_name,
    is_name,
)
from tare.state import State

_Names = tuple[str, ...]
_RECORD = "volume.json"
_DATA = "_data"


class Volumes:
    """The volumes of one state: a directory each with `volume.json` and `_data`, what containers see.

    Args:
        state: where they are.
    """

    def __init__(self, state: State) -> None:
        self._directory = state.directory("volumes")
        self._containers = Directory(state.directory("containers2"))
        self._thread = threading.RLock()
        self._is_locked = False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """A context in which nobody else makes or removes volumes."""
        with self._thread:
            if self._is_locked:
                yield
                return
            with files.Lock(str(self._directory / ".lock")):
                self._is_locked = True
                try:
                    yield
                finally:
                    self._is_locked = False

    def create(
        self,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Volume:
        """Make a volume; one that is there stays as it is.

        Args:
            name: anonymous when empty.
            labels: free text by name.
            options: of the driver; see Volume.

        Raises:
            UsageError: the name or the options have no meaning.
        """
        labels, options = dict(labels or {}), dict(options or {})
        check_options(options)
        name = check_name(name) if name else anonymous_name()
        if is_anonymous_name(name):
            labels = {**labels, ANONYMOUS: ""}
        with self.locked():
            if self.has(name):
                return self.get(name)
            volume = Volume(name, time.time_ns(), labels, options)
            new = self._directory / f".new-{name}"
            teardown.remove_tree(str(new))
            (new / _DATA).mkdir(parents=True, mode=0o755)
            (new / _DATA).chmod(0o755)
            files.write_json(str(new / _RECORD), codec.encode(volume))
            new.rename(self._directory / name)
            return volume

    def has(self, name: str) -> bool:
        """Whether there is a volume of this name."""
        return is_name(name) and (self._directory / name).is_dir()

    def get(self, name: str) -> Volume:
        """A volume.

        Raises:
            VolumeError: there is none of this name.
        """
        values = files.read_json(str(self._directory / name / _RECORD)) if self.has(name) else {}
        if not values:
            raise VolumeError(f"no such volume: {name}", "see `tarebox volume ls`")
        return codec.decode(Volume, values)

    def list(self) -> list[Volume]:
        """All volumes by name."""
        found = []
        for name in sorted(path.name for path in self._directory.iterdir()):
            # Another process may remove it meanwhile.
            with suppress(VolumeError):
                found.append(self.get(name))
        return found

    def inspect(self, name: str) -> dict[str, Any]:
        """What is known of a volume, in the form of `docker volume inspect`.

        Raises:
            VolumeError: there is none of this name.
        """
        volume = self.get(name)
        return {
            "CreatedAt": timestamp(volume.created_at),
            "Driver": "local",
            "Labels": dict(volume.labels),
            "Mountpoint": str(self.path(name)),
            "Name": volume.name,
            "Options": dict(volume.options) or None,
            "Scope": "local",
        }

    def path(self, name: str) -> Path:
        """What a container sees of a volume.

        Raises:
            VolumeError: there is none of this name.
        """
        options = self.get(name).options
        return Path(options["device"]) if options else self._directory / name / _DATA

    def users(self, name: str) -> _Names:
        """Ids of the containers that have a volume, whether they run or not."""
        return tuple(record.id for record in self._containers if name in record.volumes())

    def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a volume with all in it.

        Args:
            name: the volume.
            force: whether a missing one is no fault.

        Raises:
            VolumeError: there is none of this name, or a container has it.
        """
        with self.locked():
            if force and not self.has(name):
                return
            self.get(name)
            if users := self.users(name):
                raise VolumeError(
                    f"the volume {name} is in use by container {', '.join(user[:12] for user in users)}",
                    "remove that first",
                )
            old = self._directory / f".old-{name}"
            teardown.remove_tree(str(old))
            (self._directory / name).rename(old)
            teardown.remove_tree(str(old))

    def prune(self, *, every: bool = False) -> _Names:
        """Remove the volumes that no container has; their names.

        Args:
            every: also those that somebody named.
        """
        removed = []
        for volume in self.list():
            if every or volume.is_anonymous:
                # A container may have come to it, or somebody else be faster.
                with suppress(VolumeError):
                    self.remove(volume.name)
                    removed.append(volume.name)
        return tuple(removed)

    def remove_anonymous(self, names: Iterable[str]) -> None:
        """Remove those of the volumes that nobody named and no container has."""
        for name in names:
            with suppress(VolumeError):
                if self.get(name).is_anonymous:
                    self.remove(name)

    def is_empty(self, name: str) -> bool:
        """Whether there is nothing in a volume that the state keeps."""
        if self.get(name).options:
            return False
        with os.scandir(self.path(name)) as entries:
            return not any(entries)

    def fill(self, name: str, root: int, target: str) -> None:
        """Give an empty volume what an image has at the place where it will be, with owner and mode.

        Args:
            name: the volume.
            root: descriptor of the image's root.
            target: where in there.

        Raises:
            VolumeError: it can't be read or written.
        """
        with self.locked():
            if not self.get(name).options and len(self.users(name)) <= 1:
                filling.fill(self._directory / name, _DATA, root, target)

    def sweep(self) -> _Names:
        """Remove what killed processes left half made, half filled or half removed; what it was."""
        with self.locked():
            left = [path for path in self._directory.iterdir() if path.name.startswith((".new-", ".old-"))]
            left += self._directory.glob(f"*/{filling.NEW}")
            for path in left:
                teardown.remove_tree(str(path))
        return tuple(map(os.fspath, left))
