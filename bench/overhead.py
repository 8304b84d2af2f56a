"""What the harness itself costs: rounds without a subject, and its own memory."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from bench.output import Output
from bench.subject import Timeline

_ROUNDS = 200
_WARM_UP = 20
_TIMEOUT = 1.0
_KIB = 1024


class NullInstance:
    """Nothing that was started: its output was there before, its end needs no waiting."""

    def __init__(self) -> None:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        os.write(write_end, b"ready\n")
        os.close(write_end)
        self._output = Output(read_end, "nothing")
        self.timeline = Timeline(started=time.monotonic_ns())

    def wait_ready(self, timeout: float) -> None:
        """Wait for the first byte, as every subject's is waited for."""
        self.timeline.first_output = self._output.wait_first(timeout)

    def wait(self) -> None:
        """It has ended."""
        self.timeline.exited = time.monotonic_ns()

    def remove(self) -> None:
        """Release the pipe."""
        self._output.close()


def overhead() -> list[float]:
    """Seconds from start to exit of rounds without a subject: what is the harness's in every such time."""
    return list(_rounds(_ROUNDS + _WARM_UP))[_WARM_UP:]


def _rounds(count: int) -> Iterable[float]:
    for _ in range(count):
        instance = NullInstance()
        instance.wait_ready(_TIMEOUT)
        instance.wait()
        instance.remove()
        yield instance.timeline.seconds()["exit"]


def peak_memory(status: Path = Path("/proc/self/status")) -> int:
    """Bytes of memory that this process had at most (VmHWM of proc_pid_status(5))."""
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * _KIB
