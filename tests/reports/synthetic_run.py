"""A run that looks like a real one, made from a seed; its figures mean nothing."""

from dataclasses import replace

import numpy as np

from results import Better, Kind, Record, Run, SubjectInfo
from results.schema import SCHEMA_VERSION
from results.vocabulary import VOCABULARY

MIB = 2.0**20
SUBJECTS = (
    SubjectInfo("host", Kind.HOST, "Linux 6.18.0", available=True),
    SubjectInfo("tarebox", Kind.CONTAINER, "0.1.0", available=True),
    SubjectInfo("runc", Kind.CONTAINER, "1.1.5", available=True),
    SubjectInfo("crun", Kind.CONTAINER, "1.8.1", available=True),
    SubjectInfo("docker", Kind.CONTAINER, "", available=False, reason="the daemon is not running"),
    SubjectInfo("vm-micro", Kind.VM, "QEMU 7.2.22", available=True),
    SubjectInfo("vm-q35", Kind.VM, "QEMU 7.2.22", available=True),
)
_PHASES = {
    "created": {"tarebox": 0.0021, "runc": 0.017, "crun": 0.006, "vm-micro": 0.35, "vm-q35": 0.41},
    "first-output": {
        "host": 0.0011,
        "tarebox": 0.0032,
        "runc": 0.02,
        "crun": 0.0075,
        "vm-micro": 2.4,
        "vm-q35": 3.3,
    },
    "exit": {
        "host": 0.0012,
        "tarebox": 0.0036,
        "runc": 0.022,
        "crun": 0.0081,
        "vm-micro": 2.5,
        "vm-q35": 3.4,
    },
    "removed": {"tarebox": 0.0051, "runc": 0.031, "crun": 0.012, "vm-micro": 2.7, "vm-q35": 3.6},
}
_PARTS = {"defined": 0.02, "waiting": 0.11, "running": 0.03, "kernel": 0.05, "init": 1.9, "ready": 0.3}
_MEMORY = {"guest-ram": 0.6, "qemu": 0.39, "kernel": 0.01}
_CPU = {"host": 1.52, "tarebox": 1.54, "runc": 1.53, "crun": 1.55, "vm-micro": 14.1, "vm-q35": 13.8}
_PSS = {"tarebox": 1.9, "runc": 2.1, "crun": 2.0, "vm-micro": 168.0, "vm-q35": 191.0}
_DEPLOY = {"tarebox": 0.04, "runc": 0.11, "crun": 0.08, "vm-micro": 4.8, "vm-q35": 6.1}
_SIZES = {
    "tarebox": {"files": 2.4, "oci-layer": 1.1},
    "vm-micro": {"raw": 4.2, "qcow2": 3.9, "vmdk": 3.9, "vdi": 6.0, "boot": 9.3},
}
_FACTS = (
    ("hardware", "devices", "1", 6, 11),
    ("hardware", "configuration", "lines", 38, 61),
    ("portability", "bytes-to-move", "B", 1.1 * MIB, 13.2 * MIB),
    ("portability", "couplings", "1", 3, 4),
)
_KINDS = {subject.name: subject.kind for subject in SUBJECTS}


def synthetic_run(accelerator: str = "tcg", passes: int = 3, samples: int = 4, seed: int = 1) -> Run:
    """All scenarios but a person's own, one failed measurement and one unavailable subject."""
    generator = np.random.default_rng(seed)
    records: list[Record] = []

    def add(subject, scenario, metric, unit, value, phase="", noise=0.06, index=1, count=1, notes=""):
        better = Better.HIGHER if unit == "bool" else Better.LOWER
        drawn = tuple(float(sample) for sample in value * generator.lognormal(0, noise, count))
        mark = accelerator if _KINDS[subject] is Kind.VM else None
        records.append(
            Record(
                subject,
                scenario,
                metric,
                unit,
                better,
                phase=phase,
                pass_=index,
                samples=drawn,
                accelerator=mark,
                notes=notes,
            )
        )

    for index in range(1, passes + 1):
        for phase, values in _PHASES.items():
            for subject, value in values.items():
                add(subject, "startup", "time", "s", value, phase, index=index, count=samples)
        for subject in ("vm-micro", "vm-q35"):
            for phase, value in _PARTS.items():
                add(subject, "startup", "part", "s", value, phase, index=index, count=samples)
            for phase, part in _MEMORY.items():
                add(subject, "memory", "part", "B", _PSS[subject] * part * MIB, phase, index=index)
        for subject, value in _CPU.items():
            add(subject, "cpu", "time", "s", value, "gzip", 0.02, index)
            add(subject, "cpu", "host-cpu", "s", value * 0.98, "", 0.01, index)
        for subject, value in _PSS.items():
            add(subject, "memory", "pss", "B", value * MIB, index=index)
            add(subject, "memory", "cgroup", "B", value * 0.6 * MIB, index=index)
            for count in (1, 2, 4, 8):
                for metric in ("total", "memavailable"):
                    add(subject, "memory", metric, "B", value * count * 1.1 * MIB, str(count), index=index)
            add(subject, "memory", "marginal", "B", value * 1.1 * MIB, index=index)
        for subject, value in _DEPLOY.items():
            for phase, part in (("prepared", 0.4), ("created", 0.5), ("answered", 1.0)):
                add(subject, "deploy", "time", "s", value * part, phase, index=index)
    for subject, sizes in _SIZES.items():
        for metric, value in sizes.items():
            add(subject, "image-size", metric, "B", value * MIB, noise=0)
    for scenario, metric, unit, container, vm in _FACTS:
        add("tarebox", scenario, metric, unit, container, noise=0)
        add("vm-micro", scenario, metric, unit, vm, noise=0)
    add("tarebox", "isolation", "shared-kernel", "bool", 1, noise=0, notes="6.18.0-amd64")
    add("vm-micro", "isolation", "shared-kernel", "bool", 0, noise=0, notes="6.1.0-40-amd64")
    given = {record.scenario for record in records} | {"own"}
    for metric in VOCABULARY:
        if metric.scenario in given:
            continue
        for phase, _ in metric.phases or (("", ""),):
            values, noise = ((1.0, 0.0), 0) if metric.unit == "bool" else ((2.0, 3.0), 0.06)
            for subject, value in zip(("tarebox", "vm-micro"), values, strict=True):
                add(subject, metric.scenario, metric.name, metric.unit, value, phase, noise)
    records.append(
        Record(
            "vm-q35",
            "image-size",
            "qcow2",
            "B",
            Better.LOWER,
            pass_=1,
            samples=(),
            accelerator=accelerator,
            valid=False,
            notes="qemu-img ended with status 1: no space left on device",
        )
    )
    return Run(
        id="20261124-080000",
        schema=SCHEMA_VERSION,
        started="2026-11-24T08:00:00Z",
        finished="2026-11-24T08:05:12Z",
        complete=True,
        profile="quick",
        seed=20261124,
        plan={"image": "busybox:1.35", "passes": passes, "memory": "256 MiB", "cpus": 1},
        host={
            "kernel": "6.18.0 #1 SMP <unsafe>",
            "cpu": {"model": "Example CPU @ 2.5 GHz", "cores": 2},
            "memory": "24 GiB",
            "versions": {"qemu": "7.2.22", "libvirt": "9.0.0", "python": "3.11.2"},
        },
        subjects=SUBJECTS,
        records=tuple(records),
    )


def without(run: Run, *subjects: str) -> Run:
    """The run as if those subjects had not been asked for."""
    return replace(
        run,
        subjects=tuple(subject for subject in run.subjects if subject.name not in subjects),
        records=tuple(record for record in run.records if record.subject not in subjects),
    )


def only(run: Run, *scenarios: str) -> Run:
    """The run as if no other scenarios had been asked."""
    return replace(run, records=tuple(record for record in run.records if record.scenario in scenarios))
