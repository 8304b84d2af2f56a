"""Runs whose noise and truth are known, for comparing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from unfinished_run import unfinished_run

from results import Better, Kind, Record, Run, SubjectInfo

SUBJECTS = (
    SubjectInfo("host", Kind.HOST, "6.1", available=True),
    SubjectInfo("tarebox", Kind.CONTAINER, "0.1", available=True),
    SubjectInfo("runc", Kind.CONTAINER, "1.1", available=True),
    SubjectInfo("vm-micro", Kind.VM, "QEMU 7.2", available=True),
)
HOST = {"machine": "0123456789abcdef", "kernel": "6.1.0", "system": "Debian 12", "governor": "performance"}
PHASES = {"created": 0.5, "first-output": 0.9, "exit": 1.0}
SECONDS = {"host": 0.001, "tarebox": 0.005, "runc": 0.04, "vm-micro": 1.6}
SIZES = {"files": 2_400_000.0, "oci-layer": 1_100_000.0}


def measured_run(
    name: str,
    seed: int,
    *,
    slower: Mapping[str, float] | None = None,
    passes: int = 10,
    rounds: int = 10,
    noise: float = 0.03,
    weather: float = 0.0,
    **fields: Any,
) -> Run:
    """A run of startup, requests and sizes.

    Args:
        slower: factors of the times, and of requests not answered, by subject.
        noise: of a subject's passes and of samples, in logarithms.
        weather: the noise that all subjects have alike, by pass.
        fields: of the run, in place of others.
    """
    generator = np.random.default_rng(seed)
    slow = dict(enumerate(np.exp(generator.normal(0, weather, passes)), start=1))
    factors = {subject: (slower or {}).get(subject, 1.0) for subject in SECONDS}
    records = [
        record
        for number in range(1, passes + 1)
        for subject in SECONDS
        for record in _visit(subject, number, factors[subject] * slow[number], rounds, noise, generator)
    ]
    records += [
        Record("tarebox", "image-size", metric, "B", Better.LOWER, pass_=1, samples=(size,))
        for metric, size in SIZES.items()
    ]
    run = {"complete": True, "subjects": SUBJECTS, "host": HOST, "plan": {"image": "busybox"}}
    return unfinished_run(**{"id": name, "records": tuple(records), **run, **fields})


def _visit(
    subject: str, number: int, factor: float, rounds: int, noise: float, generator: np.random.Generator
) -> list[Record]:
    accelerator = "tcg" if subject.startswith("vm-") else None
    own = generator.normal(0, noise)
    samples = np.exp(own + generator.normal(0, noise, rounds))
    requests = 5000 / factor * np.exp(own + generator.normal(0, noise))
    times = [
        Record(
            subject,
            "startup",
            "time",
            "s",
            Better.LOWER,
            phase=phase,
            pass_=number,
            samples=tuple(float(sample) for sample in SECONDS[subject] * factor * part * samples),
            accelerator=accelerator,
        )
        for phase, part in PHASES.items()
    ]
    rate = Record(
        subject,
        "nginx",
        "requests",
        "1/s",
        Better.HIGHER,
        pass_=number,
        samples=(float(requests),),
        accelerator=accelerator,
    )
    return [*times, rate]
