"""A daemon of the tests' own: started, awaited by its socket, ended, and the host as it was before."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from inotify_simple import INotify, flags

_TIMEOUT = 30.0


@contextmanager
def daemon(argv: Sequence[str], socket: Path) -> Iterator[psutil.Process]:
    """Run a daemon until the context ends.

    Args:
        argv: its command line.
        socket: the socket it makes once it listens; its log is written next to it.
    """
    log = socket.with_suffix(".log")
    with log.open("wb") as output, INotify(inheritable=False) as inotify:
        inotify.add_watch(socket.parent, flags.CREATE | flags.MOVED_TO)
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _await(inotify, process, socket, log)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(_TIMEOUT)


@contextmanager
def removed(paths: Sequence[str]) -> Iterator[None]:
    """Remove files and then empty directories at the end, in this order, that were not there at the start."""
    new = [path for path in map(Path, paths) if not path.exists()]
    try:
        yield
    finally:
        for path in new:
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()


def _await(inotify: INotify, process: subprocess.Popen, socket: Path, log: Path) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not socket.exists():
        inotify.read(timeout=500)
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
