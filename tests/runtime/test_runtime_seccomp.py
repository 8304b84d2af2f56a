"""What the programs of seccomp filters decide."""

import errno
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seccomp_profiles import OPERATORS, compare, described, rule

from runtime import seccomp, seccomp_cache, syscalls
from runtime.capabilities import DEFAULT
from runtime.seccomp import ProfileError, compile_filter, filter_flags
from tare.errors import TareError

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers of x86_64")

X86_64, X86, AARCH64 = 0xC000003E, 0x40000003, 0xC00000B7
IOCTL, GETPGID = 16, 121
ALLOW, KILL, KILL_PROCESS, TRAP, LOG = 0x7FFF0000, 0, 0x80000000, 0x00030000, 0x7FFC0000
EPERM, ENOSYS = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
WORD = 2**32 - 1
LONG = 2**64 - 1


def verdict(program: bytes, number: int, *arguments: int, architecture: int = X86_64) -> int:
    """What a classic BPF program returns; an interpreter for the instructions seccomp filters use."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *(arguments + (0,) * 6)[:6])
    code = list(struct.iter_unpack("=HBBI", program))
    place = accumulator = 0
    while True:
        operation, yes, no, value = code[place]
        place += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x54:
                accumulator &= value
            case 0x05:
                place += value
            case 0x15:
                place += yes if accumulator == value else no
            case 0x25:
                place += yes if accumulator > value else no
            case 0x35:
                place += yes if accumulator >= value else no
            case 0x06:
                return value
            case _:
                raise AssertionError(f"unknown instruction {operation:#x}")


NEAR = st.builds(lambda high, low: high << 32 | low, *[st.sampled_from([0, 1, 5, WORD - 1, WORD])] * 2)
WORDS = NEAR | st.integers(0, LONG)
ARGUMENTS = st.lists(
    st.builds(compare, st.integers(0, 5), st.sampled_from(sorted(OPERATORS)), WORDS, WORDS),
    min_size=1,
    max_size=6,
    unique_by=lambda argument: argument["index"],
)
RULES = st.lists(st.builds(lambda args: rule("ioctl", args=args), ARGUMENTS), min_size=1, max_size=4)


def meets(argument: dict, words: tuple[int, ...], limit: int) -> bool:
    operator = OPERATORS[argument["op"].removeprefix("SCMP_CMP_")]
    return operator(words[argument["index"]] & limit, argument["value"] & limit, argument["valueTwo"] & limit)


@given(RULES, st.tuples(*[WORDS] * 6))
def test_a_rule_needs_all_its_comparisons_and_a_call_one_of_its_rules(rules, words):
    program = compile_filter(described(*rules, architectures=["SCMP_ARCH_X86"]))
    for architecture, number, limit in ((X86_64, IOCTL, LONG), (X86, 54, WORD)):
        passes = any(all(meets(argument, words, limit) for argument in entry["args"]) for entry in rules)
        expected = ALLOW if passes else KILL_PROCESS
        assert verdict(program, number, *words, architecture=architecture) == expected


NUMBERS = {"read": 0, "write": 1, "ioctl": IOCTL, "getpgid": GETPGID, "clone3": 435, "openat2": 437}


@given(st.lists(st.sampled_from(sorted(NUMBERS))), st.integers(0, 500))
def test_calls_without_a_rule_get_the_default(names, number):
    program = compile_filter(described(*(rule(name) for name in names), default="TRAP"))
    assert verdict(program, number) == (ALLOW if number in {NUMBERS[name] for name in names} else TRAP)


@pytest.mark.parametrize(
    ("action", "fields", "expected"),
    [
        ("KILL", {}, KILL),
        ("KILL_THREAD", {}, KILL),
        ("KILL_PROCESS", {}, KILL_PROCESS),
        ("TRAP", {}, TRAP),
        ("ERRNO", {}, EPERM),
        ("ERRNO", {"errnoRet": 0}, 0x50000),
        ("ERRNO", {"errnoRet": 4095}, 0x50000 | 4095),
        ("TRACE", {}, 0x7FF00000 | errno.EPERM),
        ("TRACE", {"errnoRet": 7}, 0x7FF00007),
        ("ALLOW", {}, ALLOW),
        ("ALLOW", {"errnoRet": None}, ALLOW),
        ("LOG", {}, LOG),
        ("NOTIFY", {}, 0x7FC00000),
    ],
)
def test_actions(action, fields, expected):
    program = compile_filter(described(rule("ioctl", action=action, **fields), default="LOG"))
    assert verdict(program, IOCTL) == expected


A = compare(1, "EQ", 5)


@pytest.mark.parametrize(
    ("rules", "five", "six"),
    [
        ([rule("ioctl", args=[A]), rule("ioctl", action="TRAP")], TRAP, TRAP),
        ([rule("ioctl", action="TRAP"), rule("ioctl", args=[A])], TRAP, TRAP),
        ([rule("ioctl", action="TRAP"), rule("ioctl")], TRAP, TRAP),
        ([rule("ioctl", args=[A]), rule("ioctl", args=[A])], ALLOW, KILL_PROCESS),
        ([rule("ioctl", action="KILL_PROCESS"), rule("ioctl")], ALLOW, ALLOW),
        ([rule("ioctl", args=[A, compare(1, "EQ", 6)])], ALLOW, ALLOW),
        ([rule("ioctl", args=[compare(1, "MASKED_EQ", 0, 1)])], ALLOW, ALLOW),
        ([rule("nosuchcall", "read\0x", "é"), rule("ioctl", args=[A])], ALLOW, KILL_PROCESS),
    ],
)
def test_several_rules_of_one_call_are_as_in_libseccomp(rules, five, six):
    program = compile_filter(described(*rules))
    assert (verdict(program, IOCTL, 0, 5), verdict(program, IOCTL, 0, 6)) == (five, six)
    assert verdict(program, 0) == KILL_PROCESS


def test_rules_that_contradict_each_other_are_an_error():
    with pytest.raises(ProfileError, match="ioctl"):
        compile_filter(described(rule("ioctl", args=[A]), rule("ioctl", action="TRAP", args=[A])))


def test_more_rules_than_the_kernel_takes_are_an_error():
    rules = [rule("ioctl", args=[compare(1, "EQ", value)]) for value in range(1000)]
    with pytest.raises(ProfileError, match="longer"):
        compile_filter(described(*rules))


def test_the_own_architecture_is_always_there_and_no_other_unless_listed():
    program = compile_filter(described(rule("read"), default="ERRNO"))
    assert verdict(program, 0) == ALLOW
    assert verdict(program, 3, architecture=X86) == KILL
    assert verdict(program, 63, architecture=AARCH64) == KILL
    assert verdict(program, 0x40000000) == KILL
    assert verdict(program, 2**32 - 1) == EPERM
    listed = ["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_S390X", "SCMP_ARCH_MIPS64N32"]
    program = compile_filter(described(rule("read"), default="TRAP", architectures=listed))
    assert verdict(program, 0) == verdict(program, 0x40000000) == ALLOW
    assert verdict(program, 3, architecture=X86) == verdict(program, 63, architecture=AARCH64) == ALLOW
    assert verdict(program, 3, architecture=0x80000016) == ALLOW
    assert verdict(program, 6000, architecture=0xA0000008) == ALLOW
    assert (
        verdict(program, 1) == verdict(program, 0x40000001) == verdict(program, 4, architecture=X86) == TRAP
    )


def test_all_architectures_compile():
    for name in seccomp.supported()["archs"]:
        compile_filter(seccomp.profile(DEFAULT) | {"architectures": [name]})


def test_calls_behind_a_multiplexer_are_found_both_ways():
    args = [compare(0, "EQ", 40), compare(1, "EQ", 7)]
    rules = [rule("socket", args=args), rule("semget")]
    program = compile_filter(described(*rules, architectures=["SCMP_ARCH_X86"]))
    assert verdict(program, 359, 40, 7, architecture=X86) == ALLOW
    assert verdict(program, 359, 41, 7, architecture=X86) == KILL_PROCESS
    assert verdict(program, 102, 1, 7, architecture=X86) == ALLOW
    assert verdict(program, 102, 2, 7, architecture=X86) == KILL_PROCESS
    assert verdict(program, 393, architecture=X86) == verdict(program, 117, 2, architecture=X86) == ALLOW
    assert verdict(program, 117, 1, architecture=X86) == KILL_PROCESS


@pytest.mark.parametrize(
    ("default", "beyond"),
    [
        ({"default": "ERRNO"}, ENOSYS),
        ({"default": "ERRNO", "defaultErrnoRet": errno.EACCES}, 0x50000 | errno.EACCES),
        ({"default": "KILL_PROCESS"}, KILL_PROCESS),
        ({"default": "ALLOW"}, ALLOW),
    ],
)
def test_calls_newer_than_a_profile_that_denies_are_unknown(default, beyond):
    listed = ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    program = compile_filter(
        described(rule("read", "getpgid", action="LOG"), architectures=listed, **default)
    )
    assert verdict(program, GETPGID) == verdict(program, 132, architecture=X86) == LOG
    assert verdict(program, GETPGID + 1) == verdict(program, 133, architecture=X86) == beyond
    assert verdict(program, 0x40000000 + GETPGID + 1) == beyond
    assert verdict(program, GETPGID - 1) == (EPERM if beyond == ENOSYS else beyond)


@pytest.mark.parametrize(
    ("fields", "mask"),
    [
        ({}, 4),
        ({"flags": None}, 4),
        ({"flags": []}, 0),
        ({"flags": ["SECCOMP_FILTER_FLAG_TSYNC"]}, 0),
        ({"flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]}, 6),
    ],
)
def test_flags(fields, mask):
    assert filter_flags(described(rule("read"), **fields)) == mask
    listening = fields | {"listenerPath": "/agent"}
    assert filter_flags(described(rule("read", action="NOTIFY"), **listening)) == mask | 8


def test_a_listener_may_be_waited_for():
    flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
    notifying = described(rule("read", action="NOTIFY"), listenerPath="/agent", flags=flags)
    assert filter_flags(notifying) == 0x28
    with pytest.raises(ProfileError, match="WAIT_KILLABLE_RECV"):
        filter_flags(described(rule("read"), flags=flags))


INVALID = [
    {"syscalls": []},
    described(default="NOTIFY"),
    described(default="KILLS"),
    described(default="ALLOW", defaultErrnoRet=1),
    described(default="ERRNO", defaultErrnoRet=4096),
    described(architectures=["SCMP_ARCH_Z80"]),
    described(architectures="SCMP_ARCH_X86"),
    described(flags=["SECCOMP_FILTER_FLAG_NEW_LISTENER"]),
    described(flags=[3]),
    described(listenerMetadata="data"),
    described(rule("read", action="NOTIFY")),
    described(rule("read", "write", action="NOTIFY"), listenerPath="/agent"),
    described(rule("read", action="PANIC")),
    described(rule("read", errnoRet=1)),
    described(rule("read", action="ERRNO", errnoRet=-1)),
    described(rule("read", action="ERRNO", errnoRet=True)),
    described(rule()),
    described(rule("")),
    described({"names": [None], "action": "SCMP_ACT_ALLOW"}),
    described({"names": "read", "action": "SCMP_ACT_ALLOW"}),
    described({"names": ["read"]}),
    described([]),
    described(rule("read", args=[compare(6, "EQ", 0)])),
    described(rule("read", args=[compare(0, "EQUAL", 0)])),
    described(rule("read", args=[compare(0, "EQ", 2**64)])),
    described(rule("read", args=[compare(0, "EQ", 0, -1)])),
    described(rule("read", args=[{"index": 0, "op": "SCMP_CMP_EQ"}])),
    described(rule("read", args=[7])),
]


@pytest.mark.parametrize("profile", INVALID, ids=repr)
def test_what_has_no_meaning_is_one_line(profile, tmp_path):
    with pytest.raises(ProfileError) as raised:
        seccomp_cache.compiled(profile, str(tmp_path))
    assert "linux.seccomp" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats(allow_nan=False),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=4), values, max_size=2),
    max_leaves=4,
)


@given(st.data())
def test_any_value_in_any_place_compiles_or_is_a_clear_error(data):
    profile = described(rule("read", action="ERRNO", errnoRet=2, args=[compare(0, "EQ", 1)]), flags=[])
    entry = profile["syscalls"][0]
    place = data.draw(st.sampled_from([profile, entry, entry["args"][0]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    try:
        filter_flags(profile)
        assert compile_filter(profile)
    except TareError as error:
        assert "\n" not in str(error)


def test_the_default_profile_stays_small():
    program = compile_filter(seccomp.profile(DEFAULT))
    assert len(program) // 8 < 600


def test_the_default_profile_tells_a_process_its_session():
    assert verdict(compile_filter(seccomp.profile(DEFAULT)), 124) == verdict(
        compile_filter(seccomp.profile(DEFAULT)), 39
    ), "getsid is as harmless as getpid"


def test_profiles_share_nothing():
    seccomp.profile(DEFAULT)["syscalls"][0]["names"].clear()
    assert "read" in seccomp.profile(DEFAULT)["syscalls"][0]["names"]


def test_supported_is_what_this_kernel_says():
    found = seccomp.supported()
    available = Path("/proc/sys/kernel/seccomp/actions_avail").read_text().split()
    assert {f"SCMP_ACT_{name.upper()}" for name in available} - {"SCMP_ACT_USER_NOTIF"} <= {*found["actions"]}
    assert {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"} <= {*found["archs"]}
    assert {*found["supportedFlags"]} <= {*found["knownFlags"]}
    assert len(found["operators"]) == 7
    assert not syscalls.seccomp_has_action(0x12340000)
    assert not syscalls.seccomp_has_flags(1 << 20)
    for flag in found["supportedFlags"]:
        filter_flags(described(rule("read", action="NOTIFY"), flags=[flag], listenerPath="/agent"))
