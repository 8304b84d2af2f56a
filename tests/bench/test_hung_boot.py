"""A guest that never gets ready, through the whole harness: ended at its limit, and a failed sample."""

from results.store import Store

HARNESS = """
import sys
from dataclasses import replace
from bench import cli, profile
from bench.subjects.vm import VirtualMachine

specification = VirtualMachine._spec
VirtualMachine._spec = lambda self, spec: replace(specification(self, spec), hold=True)
effort = {"startup": profile.Effort(passes=2, rounds=1, vm_rounds=3)}
profile.PROFILES["hung"] = profile.Profile("hung", "guests that hang", effort, limit=2.0)
sys.exit(cli.main(sys.argv[1:]))
"""


def test_a_boot_that_hangs_is_killed_and_counted_as_failed(call, tmp_path, nothing_left) -> None:
    arguments = (
        "--profile",
        "hung",
        "--subjects",
        "vm-micro,tarebox",
        "--scenarios",
        "startup",
        "--no-report",
    )
    done = call("python", "-c", HARNESS, "run", *arguments, cwd=tmp_path)
    assert "Traceback" not in done.stderr
    store = Store(tmp_path / "results/runs")
    run = store.load(store.latest())
    assert run.complete
    machines = [record for record in run.records if record.subject == "vm-micro"]
    assert [(record.valid, record.samples, record.pass_) for record in machines] == [
        (False, (), 1),
        (False, (), 2),
    ]
    for record in machines:
        assert record.notes.startswith("round 1 of 3, the last that was run: the guest tare-")
        assert "was not ready within 2 s and has been ended" in record.notes
    assert {record.valid for record in run.records if record.subject == "tarebox"} == {True}
