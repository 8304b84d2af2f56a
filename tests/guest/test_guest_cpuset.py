"""CPUs for the subjects alone, on the unified hierarchy: what is handed down for it is taken back."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from guest_groups import ROOT
from guest_inside import inside

from bench import cpuset

PEER = "tarebench-tests-peer"


@contextlib.contextmanager
def top() -> Iterator[Path]:
    """A group in place of the hierarchy's top, whose controllers systemd hands down to a user's own here."""
    path = ROOT / "tests"
    path.mkdir()
    try:
        yield path
    finally:
        for group in path.glob("*/"):
            group.rmdir()
        path.rmdir()


def handed_down(parent: Path) -> bool:
    return "cpuset" in (parent / "cgroup.subtree_control").read_text().split()


@inside
def test_the_controller_is_handed_down_only_as_long_as_a_peer_needs_it():
    with top() as parent:
        one, other = parent / PEER, parent / f"{PEER}-2"
        for path in (one, other):
            cpuset.restrict_below(str(parent), path.name, {1})
            assert (path / "cpuset.cpus.effective").read_text() == "1\n"
        one.rmdir()
        assert not cpuset.take_back(str(parent))
        assert (other / "cpuset.cpus").read_text() == "1\n"
        other.rmdir()
        assert cpuset.take_back(str(parent))
        assert not handed_down(parent)
        assert not cpuset.take_back(str(parent))


@inside
def test_what_a_process_that_is_gone_had_handed_down_is_taken_back():
    with top() as parent:
        if os.fork() == 0:
            cpuset.restrict_below(str(parent), PEER, {0})
            os._exit(9)
        os.wait()
        assert handed_down(parent)
        assert not cpuset.take_back(str(parent))
        (parent / PEER).rmdir()
        assert cpuset.take_back(str(parent))
        assert not handed_down(parent)


@inside
def test_what_another_had_handed_down_stays():
    with top() as parent:
        (parent / "cgroup.subtree_control").write_text("+cpuset")
        cpuset.restrict_below(str(parent), PEER, {0})
        (parent / PEER).rmdir()
        assert not cpuset.take_back(str(parent))
        assert handed_down(parent)


@inside
def test_what_another_has_come_to_use_stays_until_they_do_not():
    with top() as parent:
        another = parent / "another"
        another.mkdir()
        cpuset.restrict_below(str(parent), PEER, {0})
        (parent / PEER).rmdir()
        (another / "cpuset.cpus").write_text("0")
        assert not cpuset.take_back(str(parent))
        assert (another / "cpuset.cpus").read_text() == "0\n"
        (another / "cpuset.cpus").write_text("\n")
        (another / "cgroup.subtree_control").write_text("+cpuset")
        assert not cpuset.take_back(str(parent))
        (another / "cgroup.subtree_control").write_text("-cpuset")
        assert cpuset.take_back(str(parent))
        assert not handed_down(parent)


@inside
def test_the_top_of_the_hierarchy_is_the_one_that_is_mounted():
    cpuset.restrict(PEER, {0})
    try:
        assert (ROOT / PEER / "cpuset.cpus").read_text() == "0\n"
    finally:
        (ROOT / PEER).rmdir()
    assert not cpuset.release()
    assert handed_down(ROOT)
