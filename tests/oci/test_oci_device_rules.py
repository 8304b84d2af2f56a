"""Device rules: what they mean, on version 1 as exceptions and on version 2 as a program."""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runtime.cgroups import device_program, device_rules
from runtime.cgroups.device_rules import ANY
from runtime.errors import CgroupError

ACCESS = st.sampled_from(["r", "w", "m", "rw", "rm", "wm", "rwm"])
RULES = st.lists(
    st.fixed_dictionaries(
        {"allow": st.booleans()},
        optional={
            "type": st.sampled_from(["a", "b", "c"]),
            "major": st.integers(0, 3) | st.none(),
            "minor": st.integers(0, 3) | st.none(),
            "access": ACCESS,
        },
    ),
    max_size=8,
)
DEVICES = st.tuples(st.sampled_from("bc"), st.sampled_from([0, 1, 2, 3, 136]), st.integers(0, 9), ACCESS)
Rule = tuple[bool, str, int, int, str]
Device = tuple[str, int, int, str]


def matches(rule: Rule, device: Device) -> bool:
    return all(wanted in ("a", ANY, found) for wanted, found in zip(rule[1:4], device, strict=False))


def is_allowed(rules: Sequence[Rule], device: Device) -> bool:
    """The specification's words: the rules are applied in their order."""
    allowed = {"r": False, "w": False, "m": False}
    for rule in rules:
        if matches(rule, device):
            allowed |= dict.fromkeys(rule[4], rule[0])
    return all(allowed[mode] for mode in device[3])


def executed(program: bytes, device: Device) -> bool:
    """What the kernel makes of the program."""
    kind, major, minor, access = device
    bits = sum({"m": 1, "r": 2, "w": 4}[mode] for mode in access)
    context = {0: bits << 16 | {"b": 1, "c": 2}[kind], 4: major, 8: minor}
    code = [struct.unpack_from("=BBhi", program, place) for place in range(0, len(program), 8)]
    registers = [0] * 11
    place = 0
    while True:
        operation, which, offset, value = code[place]
        target, source = which & 15, which >> 4
        place += 1
        match operation:
            case 0x61:
                registers[target] = context[offset]
            case 0x57:
                registers[target] &= value
            case 0x77:
                registers[target] >>= value
            case 0xB7:
                registers[target] = value
            case 0xBF:
                registers[target] = registers[source]
            case 0x15:
                place += offset if registers[target] == value else 0
            case 0x55:
                place += offset if registers[target] != value else 0
            case 0x95:
                return bool(registers[0])
            case _:
                raise AssertionError(operation)


@given(RULES, DEVICES)
def test_the_program_decides_as_the_rules_say(given_rules, device):
    rules = device_rules.ordered(given_rules)
    assert executed(device_program.instructions(rules), device) == is_allowed(rules, device)


@given(RULES, DEVICES)
def test_exceptions_decide_as_the_rules_say(given_rules, device):
    rules = device_rules.ordered(given_rules)
    try:
        allow_all, lines = device_rules.exceptions(rules)
    except CgroupError:
        assume(False)
    excepted = set()
    for line in lines:
        kind, numbers, access = line.split()
        major, minor = (ANY if number == "*" else int(number) for number in numbers.split(":"))
        if matches((True, kind, major, minor, access), device):
            excepted |= set(access)
    decided = not excepted & set(device[3]) if allow_all else excepted >= set(device[3])
    assert decided == is_allowed(rules, device)


def test_default_devices_are_always_allowed():
    rules = device_rules.ordered([{"allow": False, "access": "rwm"}])
    for device in (("c", 1, 3, "rwm"), ("c", 136, 7, "rw"), ("b", 8, 0, "m"), ("c", 10, 200, "rw")):
        assert is_allowed(rules, device)
    assert not is_allowed(rules, ("b", 8, 0, "r"))
    assert device_rules.exceptions(rules)[0] is False
    assert "c 136:* rwm" in device_rules.exceptions(rules)[1]


def test_an_exception_from_an_exception_is_an_error_on_version_1():
    rules = [
        {"allow": True, "type": "c", "major": 10},
        {"allow": False, "type": "c", "major": 10, "minor": 1},
    ]
    with pytest.raises(CgroupError, match=r"can't except device c 10:1 rwm from c 10:\* rwm"):
        device_rules.exceptions(device_rules.ordered(rules))


@pytest.mark.parametrize("wrong", [{"major": -2}, {"minor": 1 << 31}, {"type": "u"}, {"access": "x"}])
def test_impossible_rules_are_an_error(wrong):
    with pytest.raises(CgroupError, match="no device"):
        device_rules.ordered([{"allow": True, "type": "c", "major": 1, "minor": 0, "access": "r"} | wrong])


def test_the_kernel_takes_long_programs_of_every_kind(tmp_path):
    """Two hundred rules, each with modes of its own, on the real version 2 tree."""
    modes = ("r", "w", "m", "rw", "rm", "wm", "rwm")
    rules = [
        {"allow": bool(number % 3), "type": "cb"[number % 2], "major": number, "minor": 1, "access": mode}
        for number in range(200)
        for mode in [modes[number % 7]]
    ] + [{"allow": True, "type": "b", "major": 254, "minor": 0, "access": "r"}]
    group = Path("/sys/fs/cgroup/unified", f"tareoci{os.urandom(4).hex()}")
    group.mkdir()
    disk = tmp_path / "disk"
    os.mknod(disk, 0o660 | 0o060000, os.makedev(254, 0))
    try:
        device_program.attach(str(group), device_rules.ordered(rules))
        pid = os.fork()
        if pid == 0:
            try:
                (group / "cgroup.procs").write_text("0")
                os.close(os.open(disk, os.O_RDONLY))
                os.close(os.open(disk, os.O_RDWR))
            except PermissionError:
                os._exit(7)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    finally:
        group.rmdir()
