import os
from pathlib import Path

import pytest

from bench.command import Command
from bench.pinning import Division, apart, divided, waiting

READ = ("grep", "-m1", "Cpus_allowed_list", "/proc/self/status")


def topology(root: Path, **siblings: str) -> Path:
    for cpu, text in siblings.items():
        (root / cpu / "topology").mkdir(parents=True)
        (root / cpu / "topology/thread_siblings_list").write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("cpus", "siblings", "harness"),
    [
        ({0, 1, 2, 3}, "0", {0}),
        ({0, 1, 2, 3}, "0-1", {0, 1}),
        ({0, 1, 2, 3}, "0,2", {0, 2}),
        ({2, 3, 4, 5}, "2,6", {2}),
        ({0, 1, 2}, "0", None),
        ({0, 1, 2, 3}, "0-3", None),
    ],
)
def test_the_harness_has_a_core_where_there_are_enough(tmp_path, cpus, siblings, harness) -> None:
    root = topology(tmp_path, **{f"cpu{min(cpus)}": siblings})
    division = divided(frozenset(cpus), root)
    assert division == (Division(frozenset(harness), frozenset(cpus - harness)) if harness else None)


def test_a_host_without_topology_has_cores_of_one_thread(tmp_path) -> None:
    assert str(divided(frozenset(range(4)), tmp_path)) == "harness on CPU 0, subjects on 1 2 3"


def test_what_is_started_never_runs_where_the_harness_waits() -> None:
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("one CPU can't be divided")
    first, second = sorted(before)[:2]
    with apart(Division(frozenset({first}), frozenset({second}))) as told:
        assert told == f"harness on CPU {first}, subjects on {second}"
        with waiting():
            assert os.sched_getaffinity(0) == {first}
        for _ in range(2):
            command = Command(READ, "test")
            command.wait_ready(10)
            command.wait(10)
            assert bytes(command.output.data).split() == [b"Cpus_allowed_list:", str(second).encode()]
            command.close()
        assert os.sched_getaffinity(0) == {second}
    assert os.sched_getaffinity(0) == before


def test_too_few_cpus_are_shared_and_that_is_said() -> None:
    before = os.sched_getaffinity(0)
    with apart(None) as told, waiting():
        assert told.startswith("none: harness and subjects share ")
        assert os.sched_getaffinity(0) == before
