"""How many requests does redis answer, asked by redis-benchmark over eight connections?"""

import csv
from collections.abc import Callable
from typing import Any

from bench.application import weigh_application
from bench.generator import LoadGenerator
from bench.ready import Ready
from bench.recorder import Recorder
from bench.subject import Prepared, RunSpec, Subject

MAIN = ("requests", "get")

_PORT = 6379
_SERVE = ("redis-server", "--save", "", "--appendonly", "no", "--protected-mode", "no")
_REQUESTS, _EMULATED_REQUESTS = 50_000, 5_000


def test_redis(
    weigh: Callable[..., Any], subject: Subject, tools: Prepared, generator: LoadGenerator, recorder: Recorder
) -> None:
    count = _EMULATED_REQUESTS if subject.accelerator == "tcg" else _REQUESTS
    ask = ("-p", str(_PORT), "-t", "set,get", "-c", "8", "-n", str(count), "--csv")

    def read(printed: str) -> dict[str, tuple[float, float]]:
        table = csv.DictReader(line for line in printed.splitlines() if line.startswith('"'))
        return {row["test"].lower(): (float(row["rps"]), float(row["p50_latency_ms"]) / 1e3) for row in table}

    weigh_application(
        weigh,
        subject,
        recorder,
        RunSpec(tools, _SERVE, network=True),
        Ready("tcp", _PORT),
        lambda address: generator("redis-benchmark", "-h", str(address), *ask),
        read,
    )
