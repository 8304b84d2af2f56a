"""How far a pull or push is: bars at a terminal, else a line for each layer that is done."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runtime.image.model import CONFIGS

if TYPE_CHECKING:
    from runtime.image.model import Descriptor
    from runtime.image.registry_upload import Progress


@contextmanager
def progress(done: str, was_there: str, *, quiet: bool) -> "Iterator[Progress]":
    """What is told of the bytes that are there of each blob, by several threads.

    Args:
        done: what is said of a layer that has come or gone.
        was_there: of one that needn't.
        quiet: whether nothing is said.
    """
    if quiet:
        yield lambda *_: None
    elif sys.stderr.isatty():
        from runtime.image.registry_progress import bars

        with bars() as tell:
            yield tell
    else:
        yield _Lines(done, was_there)


class _Lines:
    def __init__(self, done: str, was_there: str) -> None:
        self._done = done
        self._was_there = was_there
        self._begun: set[str] = set()
        self._over: set[str] = set()

    def __call__(self, blob: "Descriptor", size: int) -> None:
        digest = blob.digest
        if digest in self._over or blob.media_type in CONFIGS:
            return
        if size == blob.size:
            self._over.add(digest)
            what = self._done if digest in self._begun else self._was_there
            print(f"{digest.partition(':')[2][:12]}: {what}", flush=True)
        self._begun.add(digest)
