"""How many requests does nginx answer, asked by wrk over eight connections?"""

import re
from collections.abc import Callable
from typing import Any

from bench.application import weigh_application
from bench.generator import LoadGenerator
from bench.ready import Ready
from bench.recorder import Recorder
from bench.subject import Prepared, RunSpec, Subject, SubjectError

MAIN = ("requests", "")

_SERVE = ("sh", "-c", "echo ready; exec nginx -g 'daemon off;'")
_WRK = ("wrk", "--threads", "1", "--connections", "8", "--duration", "2s", "--latency")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def test_nginx(
    weigh: Callable[..., Any], subject: Subject, tools: Prepared, generator: LoadGenerator, recorder: Recorder
) -> None:
    def read(printed: str) -> dict[str, tuple[float, float]]:
        requests = re.search(r"Requests/sec: +([\d.]+)", printed)
        median = re.search(r"50% +([\d.]+)(us|ms|s)", printed)
        assert requests, printed
        assert median, printed
        if failed := re.search(r"Non-2xx.*|Socket errors.*", printed):
            raise SubjectError(f"nginx: {failed[0].strip()}")
        return {"": (float(requests[1]), float(median[1]) * _UNITS[median[2]])}

    weigh_application(
        weigh,
        subject,
        recorder,
        RunSpec(tools, _SERVE, network=True),
        Ready("http", 80, "/"),
        lambda address: generator(*_WRK, f"http://{address}/"),
        read,
    )
