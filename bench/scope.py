"""An instance that is removed when its block ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.subject import Instance, RunSpec, Subject


@contextmanager
def running(subject: Subject, spec: RunSpec, timeout: float = 120.0) -> Iterator[Instance]:
    """Start, wait for the first output, and remove on every path."""
    instance = subject.start(spec)
    try:
        instance.wait_ready(timeout)
        yield instance
    finally:
        instance.remove()
