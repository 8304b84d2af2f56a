import json
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import ContainerSpec, Limits, Namespace, light, write_bundle
from runtime import bpf as assembler
from runtime.bpf import Check, Rule
from runtime.capabilities import DEFAULT, NUMBERS, mask
from runtime.seccomp import compile_filter, profile
from runtime.users import lookup
from tare.errors import TareError, UsageError
from tare.sizes import parse_size

ALLOW = 0x7FFF0000


def verdict(program: bytes, architecture: int, number: int, arguments: tuple[int, ...]) -> int:
    """What a classic BPF program returns; an interpreter for the instructions seccomp filters use."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *(arguments + (0,) * 6)[:6])
    code = list(struct.iter_unpack("=HBBI", program))
    place = accumulator = 0
    while True:
        operation, yes, no, value = code[place]
        place += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x05:
                place += value
            case 0x15:
                place += yes if accumulator == value else no
            case 0x35:
                place += yes if accumulator >= value else no
            case 0x54:
                accumulator &= value
            case 0x06:
                return value
            case _:
                raise AssertionError(f"unknown instruction {operation:#x}")


def meets(check: Check | None, arguments: tuple[int, ...]) -> bool:
    return (
        check is None
        or ((arguments[check.argument] & check.mask) == (check.value & check.mask)) == check.equal
    )


WORDS = st.integers(0, 2**64 - 1) | st.integers(0, 3)
CHECKS = st.builds(
    lambda argument, value, mask, equal: Check(argument, value & mask, mask, equal),
    st.integers(0, 5),
    WORDS,
    st.sampled_from([2**64 - 1, 0x7E020000, 0xFFFFFFFF, 1 << 40 | 2]),
    st.booleans(),
)
RULES = st.lists(
    st.builds(Rule, st.sampled_from([ALLOW, 0x50001, 0x50026]), st.none() | CHECKS), min_size=1, max_size=3
)
TABLES = st.dictionaries(st.integers(0, 500), RULES, max_size=60)


@given(TABLES, st.integers(0, 600), st.tuples(*[WORDS] * 6))
def test_filters_decide_as_their_rules_do(table, number, arguments):
    program = assembler.assemble({62: {0: [Rule(ALLOW)]}, 3: table}, default=0x50026)
    expected = next((rule.verdict for rule in table.get(number, ()) if meets(rule.check, arguments)), 0x50026)
    assert verdict(program, 3, number, arguments) == expected
    assert verdict(program, 62, 0, arguments) == ALLOW
    assert verdict(program, 99, number, arguments) == 0x50026


def test_the_profile_lets_mounts_through_with_the_capability_only():
    without, having = (compile_filter(profile(granted)) for granted in (DEFAULT, DEFAULT | {"CAP_SYS_ADMIN"}))
    if "SCMP_ARCH_X86_64" in profile(DEFAULT)["architectures"]:
        native, mount, clone = 0xC000003E, 165, 56
        assert verdict(without, native, mount, ()) == 0x50001
        assert verdict(having, native, mount, ()) == ALLOW
        assert verdict(without, native, clone, (0x10000000,)) == 0x50001
        assert verdict(without, native, clone, (0x1200011,)) == ALLOW
        assert verdict(having, native, clone, (0x10000000,)) == ALLOW
    assert len(without) // 8 < 4096


SUFFIXES = {"": 0, "b": 0, "k": 10, "K": 10, "m": 20, "MB": 20, "g": 30, "GiB": 30, "t": 40}


@given(st.integers(1, 10**6), st.sampled_from(sorted(SUFFIXES)))
def test_sizes(count, suffix):
    assert parse_size(f"{count}{suffix}") == count << SUFFIXES[suffix]


@given(st.text(max_size=8))
def test_any_text_is_a_size_or_a_usage_error(text):
    try:
        assert parse_size(text) > 0
    except UsageError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "fields",
    [
        {"argv": ()},
        {"argv": ("a\0b",)},
        {"cwd": "relative"},
        {"hostname": "-"},
        {"uid": -1},
        {"capabilities": frozenset({"CAP_NONSENSE"})},
        {"namespaces": frozenset({Namespace.PID})},
        {"namespaces": frozenset(Namespace)},
    ],
)
def test_specifications_without_meaning(fields):
    with pytest.raises(UsageError):
        ContainerSpec(**{"rootfs": Path("/"), "argv": ("true",), **fields})


def test_users(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nweb:x:33:34::/:/bin/sh\nbroken\nodd:x:y:z\n")
    (tmp_path / "etc/group").write_text("staff:x:50:\n")
    for user, ids in {
        "web": (33, 34),
        "33": (33, 34),
        "7": (7, 0),
        "web:staff": (33, 50),
        "7:8": (7, 8),
        "": (0, 0),
    }.items():
        assert lookup(tmp_path, user) == ids
    for user in ("stranger", "web:strangers", "odd", "broken"):
        with pytest.raises(UsageError):
            lookup(tmp_path, user)


def test_a_hostile_passwd_link_stays_inside(tmp_path):
    (tmp_path / "etc").symlink_to("/etc")
    with pytest.raises(UsageError):
        lookup(tmp_path, "daemon")


def test_bundle_says_what_the_specification_does(tmp_path, image):
    spec = ContainerSpec(image, ("true",), limits=Limits(64 << 20, 0.5, 10), read_only=True, uid=5)
    config = json.loads(write_bundle(spec, tmp_path / "bundle", cgroups_path="/x").read_text())
    assert config["root"] == {"path": str(image), "readonly": True}
    assert config["process"]["capabilities"]["bounding"] == sorted(DEFAULT)
    assert config["process"]["capabilities"]["effective"] == []
    assert {entry["type"] for entry in config["linux"]["namespaces"]} == {
        "pid", "network", "ipc", "mount", "uts", "cgroup",
    }  # fmt: skip
    assert config["linux"]["resources"]["cpu"] == {"quota": 50000, "period": 100000}
    assert config["linux"]["seccomp"] == profile(DEFAULT)


def test_another_runtime_takes_the_bundle(state, image):
    script = "id -u; hostname; grep -E '^(Cap(Bnd|Eff)|NoNewPrivs|Seccomp):' /proc/self/status; touch /x"
    limits = Limits(64 << 20, 0.5, 100)
    spec = ContainerSpec(image, ("sh", "-c", script), limits=limits, read_only=True, hostname="named")
    bundle = write_bundle(spec, state.directory("bundle")).parent
    argv = (
        "runc",
        "--root",
        str(state.directory("runc")),
        "run",
        "--bundle",
        str(bundle),
        f"tare{state.tag}",
    )
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    granted = f"{mask(DEFAULT):016x}"
    assert ended.stdout.split() == [
        "0", "named", "CapEff:", granted, "CapBnd:", granted, "NoNewPrivs:", "1", "Seccomp:", "2",
    ]  # fmt: skip
    assert "Read-only file system" in ended.stderr
    assert ended.returncode == 1


def test_capability_numbers_are_the_kernels():
    header = Path("/usr/include/linux/capability.h")
    if header.exists():
        for line in header.read_text().splitlines():
            fields = line.split()
            if (
                fields[:1] == ["#define"]
                and len(fields) == 3
                and fields[1].startswith("CAP_")
                and fields[2].isdecimal()
            ):
                assert NUMBERS[fields[1]] == int(fields[2])


@pytest.mark.parametrize("rootfs", ["", "x" * 300])
def test_errors_are_one_line(engine, rootfs):
    with pytest.raises(TareError) as raised:
        engine.start(ContainerSpec(Path("/no/such", rootfs), ("true",)))
    assert "\n" not in str(raised.value)


def test_what_has_no_place_in_json_is_refused():
    assert light.loads(light.dumps({"a": [1, "\u00e9", None]})) == {"a": [1, "\u00e9", None]}
    with pytest.raises(TypeError, match="can't be in a JSON text"):
        light.dumps({"path": Path("/")})
