"""The file that says which images there are and how they are called."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.image.fields import Fields
from runtime.image.model import Descriptor

Names = dict[Descriptor, set[str]]
"""Each image's root, and its names."""


class NamesFile:
    """Reads at any time; changes one process at a time, and never half.

    Args:
        directory: where the file is.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "names.json"
        self._lock = directory / "lock"

    def read(self) -> Names:
        """All images.

        Raises:
            ImageError: the file is broken.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        images = Fields.parse(data, str(self._path)).values("images")
        names: Names = {}
        for image in images:
            fields = Fields(image, f"an image in {self._path}")
            names.setdefault(Descriptor.read(fields.mapping("root")), set()).update(fields.texts("names"))
        return names

    @contextmanager
    def change(self) -> Iterator[Names]:
        """What is there, to be changed; it is written when the context ends well."""
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            names = self.read()
            yield names
            self._write(names)
        finally:
            os.close(lock)

    def _write(self, names: Names) -> None:
        import json

        images = [{"root": root.fields(), "names": sorted(texts)} for root, texts in names.items()]
        new = self._path.with_suffix(".new")
        with new.open("w") as file:
            json.dump({"images": images}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
