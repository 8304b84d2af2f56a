from dataclasses import replace

import pytest
from compared_runs import HOST, SUBJECTS, measured_run

from results.comparability import NotComparable, Obstacle, check

BASE = measured_run("a", 1, passes=1)
NEW = measured_run("b", 2, passes=1)


def with_subject(position, **change):
    subjects = list(SUBJECTS)
    subjects[position] = replace(subjects[position], **change)
    return tuple(subjects)


def test_runs_that_differ_in_nothing_else_can_be_compared():
    assert check(BASE, NEW) == ()


@pytest.mark.parametrize(
    ("obstacle", "change", "told"),
    [
        (
            "machine",
            {"host": {**HOST, "machine": "f" * 16}},
            f"the host's machine was 0123456789abcdef and is {'f' * 16}",
        ),
        ("machine", {"host": {}}, "not both tell which machine"),
        ("kernel", {"host": {**HOST, "kernel": "6.2.0"}}, "the host's kernel was 6.1.0 and is 6.2.0"),
        (
            "settings",
            {"host": {**HOST, "governor": "powersave"}},
            "governor was performance and is powersave",
        ),
        ("plan", {"plan": {"image": "alpine"}}, "of the plan, image was busybox and is alpine"),
        ("version", {"subjects": with_subject(2, version="1.2")}, "runc was 1.1 and is 1.2"),
        (
            "accelerator",
            {"records": tuple(replace(each, accelerator=each.accelerator and "kvm") for each in NEW.records)},
            "vm-micro ran on tcg and runs on kvm",
        ),
        (
            "missing",
            {"subjects": with_subject(3, available=False, reason="QEMU is not installed")},
            "vm-micro is missing: QEMU is not installed",
        ),
        ("incomplete", {"complete": False}, "b was ended before its plan was done"),
    ],
)
def test_what_differs_is_told_in_one_line_unless_it_is_allowed(obstacle, change, told):
    other = replace(NEW, **change)
    with pytest.raises(NotComparable) as caught:
        check(BASE, other)
    message = str(caught.value)
    assert told in message
    assert message.endswith(f"--allow {obstacle} compares them anyway")
    assert "\n" not in message
    assert caught.value.exit_code == 3
    assert [each.obstacle for each in check(BASE, other, [Obstacle(obstacle)])] == [obstacle]


def test_all_that_differs_is_told_at_once():
    other = replace(NEW, host={**HOST, "kernel": "6.2.0"}, subjects=with_subject(2, version="1.2"))
    with pytest.raises(NotComparable, match=r"kernel was .*; runc was .*; --allow kernel,version "):
        check(BASE, other)
    with pytest.raises(NotComparable, match="runc was"):
        check(BASE, other, [Obstacle.KERNEL])


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (BASE, "that is run a twice"),
        (replace(NEW, id="a"), "two different runs with one id, a"),
        (replace(BASE, id="b"), "a and b have the very same samples"),
    ],
)
def test_one_run_is_not_compared_with_itself(other, told):
    with pytest.raises(NotComparable, match=told):
        check(BASE, other, list(Obstacle))


def test_who_was_not_asked_is_not_missing():
    assert check(BASE, replace(NEW, subjects=SUBJECTS[:2])) == ()
    assert check(replace(BASE, subjects=SUBJECTS[:2]), NEW) == ()
