"""How fast do known programs compute on one processor and on all, and what does the host spend on it?

sysbench counts events, each of which looks for prime numbers; openssl hashes with SHA-256; zstd compresses.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Instance, Prepared, RunSpec, Subject, SubjectError
from results import Better, Kind

MAIN = ("rate", "sysbench-one")

_INPUT = 8_000_000
_START = (
    "bash",
    "-c",
    f"cat /usr/bin/* 2>/dev/null | head -c {_INPUT} > /tmp/input; echo ready; exec sleep 100000",
)
_COMPRESS = """
begun=${EPOCHREALTIME/./}
for ((i = 0; i < $1; i++)); do zstd -q -3 -T$2 -c /tmp/input > /dev/null; done
echo $((${EPOCHREALTIME/./} - begun))
"""
_TIMEOUT = 120.0


@dataclass(frozen=True)
class Work:
    """What a program did: units of work, and the seconds it took for them."""

    units: float
    seconds: float


@dataclass(frozen=True)
class Program:
    """One program: its command for a number of threads and repetitions, and what its output says it did."""

    name: str
    unit: str
    command: Callable[[int, int], tuple[str, ...]]
    work: Callable[[str, int], Work]


def _sysbench(output: str, _: int) -> Work:
    return Work(
        _number(r"total number of events: +(\d+)", output), _number(r"total time: +([\d.]+)s", output)
    )


def _openssl(output: str, _: int) -> Work:
    return Work(_number(r"^\+F:\d+:sha256:([\d.]+)", output), 1.0)


def _zstd(output: str, repetitions: int) -> Work:
    return Work(repetitions * _INPUT, _number(r"^(\d+)$", output) / 1e6)


def _number(pattern: str, output: str) -> float:
    found = re.search(pattern, output, re.MULTILINE)
    if not found:
        raise SubjectError(f"no line of a program's output is like {pattern!r}")
    return float(found[1])


PROGRAMS = (
    Program(
        "sysbench", "1/s", lambda n, _: ("sysbench", "cpu", "--time=1", f"--threads={n}", "run"), _sysbench
    ),
    Program(
        "openssl",
        "B/s",
        lambda n, _: (
            *("openssl", "speed", "-elapsed", "-mr", "-seconds", "1", "-bytes", "16384"),
            *(("-multi", str(n)) if n > 1 else ()),
            *("-evp", "sha256"),
        ),
        _openssl,
    ),
    Program("zstd", "B/s", lambda n, again: ("bash", "-c", _COMPRESS, "zstd", str(again), str(n)), _zstd),
)


def test_cpu_programs(subject: Subject, tools: Prepared, recorder: Recorder) -> None:
    processors = len(os.sched_getaffinity(0))
    with running(subject, RunSpec(tools, _START, cpus=processors)) as instance:
        for program in PROGRAMS:
            _measure(program, 1, "one", instance, subject, recorder)
            if processors > 1:
                _measure(program, processors, "all", instance, subject, recorder)


def _measure(
    program: Program, count: int, extent: str, instance: Instance, subject: Subject, recorder: Recorder
) -> None:
    repetitions = 1 if subject.kind is Kind.VM else 4
    before = instance.footprint().cpu
    done = instance.exec(program.command(count, repetitions), timeout=_TIMEOUT)
    spent = instance.footprint().cpu - before
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"]
        raise SubjectError(f"{program.name} failed: {said[-1]}")
    work = program.work(done.stdout.decode(errors="replace"), repetitions)
    phase = f"{program.name}-{extent}"
    recorder.add("rate", program.unit, [work.units / work.seconds], phase=phase, better=Better.HIGHER)
    recorder.add("host-cpu", "s", [spent / work.units], phase=phase)
