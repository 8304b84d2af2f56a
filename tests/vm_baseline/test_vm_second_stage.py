"""Which control group tells of a guest's second-level page tables, with real groups of real processes."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vm_baseline.second_stage import own_group, second_stage

TABLES = 2_236_416


@pytest.fixture
def root() -> Path:
    """Where version 2 is mounted."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return next(Path(place) for _, place, kind, *_ in mounts if kind == "cgroup2")


@pytest.fixture
def group(root) -> Iterator[Path]:
    """A new one, with one in it for threads alone, as libvirt has them for a machine."""
    group = root / f"tare-test-{os.getpid()}"
    (group / "threads").mkdir(parents=True)
    (group / "threads/cgroup.type").write_text("threaded")
    yield group
    (group / "threads").rmdir()
    group.rmdir()


@contextmanager
def process(group: Path) -> Iterator[int]:
    with subprocess.Popen(["sleep", "999"]) as sleeper:
        try:
            (group / "cgroup.procs").write_text(str(sleeper.pid))
            yield sleeper.pid
        finally:
            sleeper.kill()


def test_a_group_counts_for_the_only_process_in_it_and_its_helpers(root, group) -> None:
    with process(group) as qemu:
        assert own_group(qemu, (), root) == group
        with process(group) as other:
            assert own_group(qemu, (), root) is None
            assert own_group(qemu, (other,), root) == group
    assert own_group(os.getpid(), (), root) != group


def test_a_process_whose_threads_have_groups_of_their_own_is_found_above_them(root, group) -> None:
    with process(group) as qemu:
        (group / "threads/cgroup.threads").write_text(str(qemu))
        assert Path(f"/proc/{qemu}/cgroup").read_text().splitlines()[-1].endswith("/threads")
        assert own_group(qemu, (), root) == group


def test_a_process_in_the_root_has_none(root) -> None:
    with process(root) as qemu:
        assert own_group(qemu, (), root) is None
        assert second_stage(qemu, (), root) is None


def test_the_kernels_number_is_taken(group, tmp_path) -> None:
    """The memory controller may be one of version 1 here, so what it says is in a tree of plain files."""
    kept = tmp_path / group.name
    (kept / "threads").mkdir(parents=True)
    with process(group) as qemu:
        (kept / "cgroup.type").write_text("domain\n")
        (kept / "cgroup.procs").write_text(f"{qemu}\n")
        assert second_stage(qemu, (), tmp_path) is None
        (kept / "memory.stat").write_text("anon 4096\npagetables 12288\n")
        assert second_stage(qemu, (), tmp_path) is None
        (kept / "memory.stat").write_text(f"anon 4096\npagetables 12288\nsec_pagetables {TABLES}\n")
        assert second_stage(qemu, (), tmp_path) == TABLES
