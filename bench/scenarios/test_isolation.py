"""What does the workload see of the host, and what of a kernel can it reach?"""

import re
from pathlib import Path

from bench import leaks
from bench.questions import ask
from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Instance, Prepared, RunSpec, Subject, SubjectError
from bench.system_calls import numbers, outcomes
from results import Better, Kind
from runtime.capabilities import NUMBERS

_CALLS = f"syscalls {' '.join(map(str, numbers()))}"
_TRIED = "/tmp/syscalls"
_TRY = ("sh", "-c", f"{_CALLS} > {_TRIED}; echo ready; exec sleep 100000")
_PATIENCE = 60.0


def test_isolation(subject: Subject, payload: Prepared, recorder: Recorder) -> None:
    with running(subject, RunSpec(payload, _TRY)) as instance:
        calls = outcomes(_asked(instance, "cat", _TRIED).splitlines())
        for phase, names in (
            ("reached", calls.reached),
            ("refused", calls.refused),
            ("absent", calls.absent),
        ):
            shown = "" if phase == "reached" else " ".join(names)
            better = Better.LOWER if phase == "reached" else Better.HIGHER
            recorder.add("syscalls", "1", [len(names)], phase=phase, better=better, notes=shown)
        # The host's chroot has no /proc, and the host is what the others are compared with.
        if subject.kind is not Kind.HOST:
            _see(instance, recorder)


def _see(instance: Instance, recorder: Recorder) -> None:
    host, inside = (ask(where, leaks.QUESTIONS) for where in (None, instance))
    harness = Path("/proc/self/cmdline").read_text()
    findings = leaks.compare(inside, host, harness)
    seen = {finding.name: finding for finding in findings}
    recorder.add(
        "shared-kernel",
        "bool",
        [float(seen["boot-id"].leaks)],
        better=Better.HIGHER,
        notes=inside["kernel-release"],
    )
    recorder.add(
        "leaks",
        "1",
        [sum(finding.leaks for finding in findings)],
        facts={finding.name: str(finding) for finding in findings},
    )
    status = _asked(instance, "cat", "/proc/self/status")
    found = re.search(r"^CapEff:\s+([0-9a-f]+)$", status, re.M)
    if not found:
        raise SubjectError("the instance does not tell its capabilities")
    held = int(found[1], 16)
    names = [name for name, number in NUMBERS.items() if held & 1 << number]
    recorder.add("capabilities", "1", [held.bit_count()], notes=" ".join(names).lower().replace("cap_", ""))


def _asked(instance: Instance, *argv: str) -> str:
    done = instance.exec(argv, timeout=_PATIENCE)
    if done.returncode:
        raise SubjectError(f"{argv[0]} failed inside", done.stderr.decode(errors="replace").strip())
    return done.stdout.decode(errors="replace")
