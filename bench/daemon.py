"""A daemon of a subject's own, on a private socket, that ends with us."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from inotify_simple import INotify, flags

from bench.peer import Peer
from bench.subject import SubjectError

_START_TIMEOUT = 30.0


@contextmanager
def daemon(peer: Peer, argv: Sequence[str], socket: Path, strangers: Sequence[str] = ()) -> Iterator[None]:
    """Run a daemon until the context ends, and clear its place then.

    Args:
        peer: where it keeps its things; entered and left here.
        argv: its command line; it is sent SIGTERM if we are killed (setpriv(1), --pdeathsig).
        socket: what it makes in `peer.run` once it listens.
        strangers: directories it makes elsewhere, innermost first, removed when they weren't there.

    Raises:
        SubjectError: it does not start.
    """
    new = [path for path in map(Path, strangers) if not path.exists()]
    log = peer.run / "log"
    try:
        with peer, log.open("wb") as output, INotify(inheritable=False) as inotify:
            inotify.add_watch(socket.parent, flags.CREATE | flags.MOVED_TO)
            command = ("setpriv", "--pdeathsig", "TERM", *argv)
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            try:
                _await(inotify, socket.name, process, argv[0], log)
                yield
            finally:
                process.terminate()
                process.wait()
    finally:
        for path in new:
            with suppress(OSError):
                path.rmdir()


def _await(inotify: INotify, name: str, process: "subprocess.Popen[bytes]", program: str, log: Path) -> None:
    while True:
        events = inotify.read(timeout=int(_START_TIMEOUT * 1000))
        if any(event.name == name for event in events):
            return
        if not events or process.poll() is not None:
            last = (log.read_text(errors="replace").strip().splitlines() or ["it says nothing"])[-1]
            raise SubjectError(f"{program} did not start: {last}")
