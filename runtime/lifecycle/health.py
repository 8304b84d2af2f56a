"""Checking a container's health, as its monitor asks for it at intervals."""

import time
from typing import Any

from runtime.engine import Engine
from runtime.lifecycle import executing, files
from runtime.lifecycle.record import Record
from tare.errors import TareError

_KEPT = 5
_OUTPUT = 4096


def check(engine: Engine, record: Record) -> str:
    """Run the check once; the new status where it has changed, else an empty string."""
    health = record.settings.health
    if not health or record.status() != "running":
        return ""
    run = record.run
    started = time.time_ns()
    code, output = _outcome(engine, record, health.argv, health.timeout)
    with record.lock():
        if record.run != run:
            return ""
        values = read(record)
        before = values["status"]
        in_start = started - int(record.state["started_at"]) < health.start_period * 1e9
        if code == 0:
            values |= {"status": "healthy", "failing": 0}
        elif before != "starting" or not in_start:
            failing = values["failing"] + 1
            values |= {"failing": failing, "status": "unhealthy" if failing >= health.retries else before}
        entry = {"start": started, "end": time.time_ns(), "exit_code": code, "output": output}
        values["log"] = [*values["log"], entry][-_KEPT:]
        files.write_json(f"{record.path}/health.json", values)
    return str(values["status"]) if values["status"] != before else ""


def read(record: Record) -> dict[str, Any]:
    """The state of the current start: `status`, `failing` checks in a row, and a `log` of the last checks."""
    values = files.read_json(f"{record.path}/health.json")
    if values.get("run") == record.run:
        return values
    return {"run": record.run, "status": "starting", "failing": 0, "log": []}


def _outcome(engine: Engine, record: Record, argv: tuple[str, ...], timeout: float) -> tuple[int, str]:
    try:
        completed = executing.output(engine, record, argv, timeout=timeout)
    except TimeoutError:
        return -1, f"health check exceeded its timeout of {timeout:g} s"
    except TareError as error:
        return error.exit_code, str(error)
    written = completed.stdout + completed.stderr
    return completed.returncode, written[:_OUTPUT].decode(errors="replace")
