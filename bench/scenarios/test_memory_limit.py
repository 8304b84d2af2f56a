"""What becomes of a program that takes more memory than it may: how far it gets, who ends it, what stays?"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bench.payload_samples import IDLE
from bench.recorder import Recorder
from bench.scope import running
from bench.subject import MIB, Prepared, RunSpec, Subject, SubjectError, Unsupported
from results import Better, Kind

_LIMIT = 128 * MIB
_MOST = 4 * _LIMIT
_KILLED = 128 + 9
_FILL = "/bin/fill"
_KILL = b"(fill)"
"""In the host's message of a process that it killed for want of memory, "Killed process 7 (fill)"."""
_LONGEST = 8192
_TIMEOUT = 60.0


def test_memory_limit(subject: Subject, payload: Prepared, recorder: Recorder) -> None:
    if subject.kind is Kind.HOST:
        raise Unsupported(
            "a bare process has no limit of its own, and the host's memory is not to be used up"
        )
    with running(subject, RunSpec(payload, IDLE, memory=_LIMIT)) as instance:
        with _kernel_log() as log:
            begun = time.monotonic()
            done = instance.exec((_FILL, str(_MOST // MIB)), timeout=_TIMEOUT)
            taken = time.monotonic() - begun
            kills = sum(_KILL in message for message in _messages(log))
        goes_on = instance.exec(("/bin/true",), timeout=_TIMEOUT).returncode == 0
    if done.returncode != _KILLED:
        message = done.stderr.decode(errors="replace").strip() or "no message"
        raise SubjectError(f"the limit did not end a program that takes four times as much: {message}")
    reached = len(done.stdout.splitlines()) * MIB
    killer = "the host's kernel" if kills else "the guest's kernel"
    recorder.add("reached", "B", [reached], better=Better.HIGHER, notes=f"of {_LIMIT // MIB} MiB")
    recorder.add("time", "s", [taken])
    recorder.add("host-kills", "bool", [float(kills > 0)], notes=f"killed by {killer}")
    recorder.add("goes-on", "bool", [float(goes_on)], better=Better.HIGHER)


@contextmanager
def _kernel_log() -> Iterator[int]:
    """The host's kernel messages from now on. Raises: Unsupported for who may not read them."""
    try:
        log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unsupported(f"the host's kernel messages can't be read: {error.strerror}") from error
    try:
        os.lseek(log, 0, os.SEEK_END)
        yield log
    finally:
        os.close(log)


def _messages(log: int) -> Iterator[bytes]:
    """Those that have come, one a read(2); see Documentation/ABI/testing/dev-kmsg of the kernel."""
    with suppress(BlockingIOError):
        while True:
            # An overrun is told once, and goes on with what is still there.
            with suppress(BrokenPipeError):
                yield os.read(log, _LONGEST)
