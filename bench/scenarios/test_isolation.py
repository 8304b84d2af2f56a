"""Whose operating system does the workload see: the host's kernel, or its own?"""

from pathlib import Path

from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Prepared, RunSpec, Subject, SubjectError, Unsupported
from results import Better, Kind

_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def test_isolation(subject: Subject, prepared: Prepared, recorder: Recorder) -> None:
    if subject.kind is Kind.HOST:
        raise Unsupported("the host is what the others are compared with")
    with running(subject, RunSpec(prepared, _IDLE)) as instance:
        done = instance.exec(("cat", _BOOT_ID), timeout=30)
        kernel = instance.exec(("uname", "-r"), timeout=30)
    if done.returncode or kernel.returncode:
        raise SubjectError(f"{subject.name} gave no boot id or kernel release", done.stderr.decode().strip())
    shared = done.stdout.strip() == Path(_BOOT_ID).read_bytes().strip()
    release = kernel.stdout.decode().strip()
    recorder.add("shared-kernel", "bool", [float(shared)], better=Better.HIGHER, notes=release)
