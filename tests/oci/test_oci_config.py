"""Reading and checking config.json; a table of what the specification forbids."""

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import pytest
from oci_configs import FULL, MAPPINGS, MISSING, changed

from runtime import seccomp
from runtime.oci import config
from runtime.oci.commands import spec
from runtime.oci.config_linux import LINUX, sysctl_path
from runtime.oci.config_resources import RESOURCES
from runtime.oci.errors import ConfigError

WRONG: list[tuple[str, Any, str]] = [
    ("ociVersion", MISSING, "ociVersion: is missing"),
    *(
        ("ociVersion", version, f'ociVersion: "{version}" is no version')
        for version in ("1.0", "v1.0.0", "1.00.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0-a..b", "")
    ),
    ("ociVersion", "1.²0.0", "ociVersion: "),
    ("ociVersion", "2.0.0", 'ociVersion: version "2.0.0" is not supported'),
    ("ociVersion", "0.5.0", 'ociVersion: version "0.5.0" is not supported'),
    ("ociVersion", 1, "ociVersion: 1 is not a string"),
    ("root", MISSING, "root: is missing"),
    ("root", [], "root: an array is not an object"),
    ("root/path", MISSING, "root.path: is missing"),
    ("root/path", "", "root.path: is empty"),
    ("root/readonly", 1, "root.readonly: 1 is neither true nor false"),
    ("hostname", "x" * 65, "hostname: "),
    ("hostname", "a\0", 'hostname: "a\\u0000" contains a NUL'),
    ("domainname", "ä" * 33, "domainname: "),
    ("mounts", {}, "mounts: an object is not an array"),
    ("mounts/0/destination", MISSING, "mounts[0].destination: is missing"),
    ("mounts/0/destination", "", "mounts[0].destination: is empty"),
    ("mounts/0/type", 5, "mounts[0].type: 5 is not a string"),
    ("mounts/0/options", ["ro", 5], "mounts[0].options[1]: 5 is not a string"),
    ("mounts/0/options", "ro", 'mounts[0].options: "ro" is not an array'),
    ("mounts/1/source", MISSING, "mounts[1].source: is missing"),
    ("mounts/0", {"destination": "/a", "type": "bind"}, "mounts[0].source: is missing"),
    ("mounts/1/gidMappings", MISSING, "mounts[1]: uidMappings and gidMappings need each other"),
    ("mounts/1/uidMappings", [{}], "mounts[1].uidMappings[0].containerID: is missing"),
    ("process/cwd", MISSING, "process.cwd: is missing"),
    ("process/cwd", "x", 'process.cwd: "x" is relative; it must be absolute'),
    ("process/args", MISSING, "process.args: is missing"),
    ("process/args", [], "process.args: names no program"),
    ("process/args/1", "\ud800", 'process.args[1]: "\\ud800" contains half a surrogate pair'),
    ("process/terminal", "yes", 'process.terminal: "yes" is neither'),
    ("process/consoleSize", {"height": 5}, "process.consoleSize.width: is missing"),
    ("process/consoleSize/width", 1 << 16, "process.consoleSize.width: 65536 is not within"),
    ("process/env/0", "PATH", 'process.env[0]: "PATH" is not of the form'),
    ("process/env/0", "=x", 'process.env[0]: "=x" is not of the form'),
    ("process/env/0", "A=\0", "process.env[0]: "),
    ("process/user/uid", MISSING, "process.user.uid: is missing"),
    ("process/user/uid", -1, "process.user.uid: -1 is not within"),
    ("process/user/uid", (1 << 32) - 1, "process.user.uid: 4294967295 is not within"),
    ("process/user/gid", True, "process.user.gid: true is not a whole number"),
    ("process/user/gid", 1.0, "process.user.gid: 1.0 is not a whole number"),
    ("process/user/umask", 0o1000, "process.user.umask: "),
    ("process/user/additionalGids", ["x"], "process.user.additionalGids[0]: "),
    ("process/capabilities", ["CAP_KILL"], "process.capabilities: an array is not an object"),
    ("process/capabilities/ambient", [5], "process.capabilities.ambient[0]: "),
    ("process/rlimits/0/type", "RLIMIT_X", 'process.rlimits[0].type: "RLIMIT_X" is unknown'),
    ("process/rlimits/0/type", "NOFILE", "process.rlimits[0].type: "),
    ("process/rlimits/0/soft", MISSING, "process.rlimits[0].soft: is missing"),
    ("process/rlimits/0/hard", 5, "process.rlimits[0].soft: 1024 is above the hard limit"),
    ("process/rlimits/0/hard", 1 << 64, "process.rlimits[0].hard: "),
    ("process/rlimits", FULL["process"]["rlimits"] * 2, "process.rlimits[1].type: a second RLIMIT_NOFILE"),
    ("process/oomScoreAdj", 1001, "process.oomScoreAdj: "),
    ("process/scheduler/policy", "SCHED_ISO", "process.scheduler.policy: "),
    ("process/scheduler/policy", "SCHED_OTHER", "process.scheduler.priority: SCHED_OTHER has none"),
    ("process/scheduler/policy", MISSING, "process.scheduler.policy: is missing"),
    ("process/scheduler/runtime", 5, "process.scheduler.runtime: SCHED_FIFO has none"),
    ("process/scheduler/nice", 20, "process.scheduler.nice: "),
    ("process/scheduler/flags/0", "X", "process.scheduler.flags[0]: "),
    ("process/ioPriority/class", "X", "process.ioPriority.class: "),
    ("process/ioPriority/priority", 8, "process.ioPriority.priority: "),
    *(
        ("process/execCPUAffinity/initial", text, "process.execCPUAffinity.initial: ")
        for text in ("x", "3-1", "1-", "1,,2", "-1", "1-2-3", "²", "9" * 5000)
    ),
    ("hooks", [], "hooks: "),
    ("hooks/poststop/0/path", "hook", 'hooks.poststop[0].path: "hook" is relative'),
    ("hooks/poststop/0/path", MISSING, "hooks.poststop[0].path: is missing"),
    ("hooks/prestart/0/timeout", 0, "hooks.prestart[0].timeout: 0 is not within"),
    ("hooks/prestart/0/env", ["A"], "hooks.prestart[0].env[0]: "),
    ("annotations", {"": "x"}, 'annotations[""]: is empty'),
    ("annotations", {"a": 5}, 'annotations["a"]: 5 is not a string'),
    ("linux/namespaces/0/type", "pids", 'linux.namespaces[0].type: "pids" is unknown'),
    ("linux/namespaces/0", {}, "linux.namespaces[0].type: is missing"),
    ("linux/namespaces/0/path", "proc/1/ns/pid", "linux.namespaces[0].path: "),
    ("linux/namespaces/1/type", "pid", "linux.namespaces[1]: a second namespace of type pid"),
    ("linux/uidMappings/0/size", 0, "linux.uidMappings[0].size: 0 is not within"),
    ("linux/gidMappings/0/size", (1 << 32) - 1, "linux.gidMappings[0]: hostID 100000 and size"),
    ("linux/timeOffsets/monotonic/nanosecs", 10**9, 'linux.timeOffsets["monotonic"].nanosecs: '),
    ("linux/timeOffsets/realtime", {}, 'linux.timeOffsets: "realtime" has no offset'),
    ("linux/devices/0/type", "a", "linux.devices[0].type: "),
    ("linux/devices/0/path", "fuse", "linux.devices[0].path: "),
    ("linux/devices/0/major", MISSING, "linux.devices[0].major: is missing"),
    ("linux/devices/0/minor", 1 << 20, "linux.devices[0].minor: "),
    ("linux/devices/0/fileMode", -1, "linux.devices[0].fileMode: "),
    *(
        ("linux/netDevices/eth7/name", name, 'linux.netDevices["eth7"].name: ')
        for name in ("", "..", "a/b", "a:b", "a b", "x" * 16, "a%", "%d%d")
    ),
    ("linux/netDevices/eth7/name", "eth8", 'linux.netDevices["eth8"].name: a second interface'),
    ("linux/netDevices/a b", {}, 'linux.netDevices["a b"]: '),
    ("linux/cgroupsPath", "/a/../../b", "linux.cgroupsPath: "),
    ("linux/resources", [], "linux.resources: "),
    ("linux/resources/devices/0/allow", MISSING, "linux.resources.devices[0].allow: is missing"),
    ("linux/resources/devices/0/type", "p", "linux.resources.devices[0].type: "),
    ("linux/resources/devices/1/access", "rx", "linux.resources.devices[1].access: "),
    ("linux/resources/memory/limit", -2, "linux.resources.memory.limit: "),
    ("linux/resources/memory/limit", 1 << 63, "linux.resources.memory.limit: "),
    ("linux/resources/memory/swappiness", 101, "linux.resources.memory.swappiness: "),
    ("linux/resources/cpu/burst", 100001, "linux.resources.cpu.burst: 100001 is above the quota"),
    ("linux/resources/cpu/cpus", "a", "linux.resources.cpu.cpus: "),
    ("linux/resources/cpu/idle", 2, "linux.resources.cpu.idle: "),
    ("linux/resources/blockIO/weight", 1 << 16, "linux.resources.blockIO.weight: "),
    ("linux/resources/blockIO/weightDevice/0/weight", MISSING, "linux.resources.blockIO.weightDevice[0]: "),
    ("linux/resources/hugepageLimits/0/pageSize", "2M", "linux.resources.hugepageLimits[0].pageSize: "),
    ("linux/resources/hugepageLimits/0/limit", MISSING, "linux.resources.hugepageLimits[0].limit: "),
    ("linux/resources/network/priorities/0/name", MISSING, "linux.resources.network.priorities[0].name: "),
    ("linux/resources/pids/limit", MISSING, "linux.resources.pids.limit: is missing"),
    ("linux/resources/rdma/mlx5_1", {}, 'linux.resources.rdma["mlx5_1"]: has neither'),
    ("linux/resources/unified/..", "x", 'linux.resources.unified[".."]: '),
    ("linux/resources/unified/a", 5, 'linux.resources.unified["a"]: '),
    ("linux/rootfsPropagation", "public", "linux.rootfsPropagation: "),
    ("linux/seccomp/defaultAction", MISSING, "linux.seccomp.defaultAction: is missing"),
    ("linux/seccomp/defaultAction", "SCMP_ACT_X", "linux.seccomp.defaultAction: "),
    ("linux/seccomp/defaultAction", "SCMP_ACT_KILL", "linux.seccomp.defaultErrnoRet: "),
    ("linux/seccomp/architectures/0", "X86", "linux.seccomp.architectures[0]: "),
    ("linux/seccomp/flags/0", "X", "linux.seccomp.flags[0]: "),
    ("linux/seccomp/listenerPath", MISSING, "linux.seccomp.listenerMetadata: is set without"),
    ("linux/seccomp/syscalls", {}, "linux.seccomp.syscalls: "),
    *(
        (f"linux/sysctl/{name}", "1", f'linux.sysctl["{name}"]: ')
        for name in ("kernel.hostname", "vm.swappiness", "kernel.", "net..x", "kernel")
    ),
    ("linux/sysctl/net.ipv4.ip_forward", 1, 'linux.sysctl["net.ipv4.ip_forward"]: '),
    ("linux/maskedPaths/0", "proc", "linux.maskedPaths[0]: "),
    ("linux/readonlyPaths/0", 5, "linux.readonlyPaths[0]: "),
    ("linux/intelRdt", {}, "linux.intelRdt: Intel RDT is not supported"),
    ("linux/personality/domain", MISSING, "linux.personality.domain: is missing"),
    ("linux/personality/flags", ["X"], "linux.personality.flags: "),
    ("linux/memoryPolicy/mode", "MPOL_X", "linux.memoryPolicy.mode: "),
    ("linux/memoryPolicy/nodes", MISSING, "linux.memoryPolicy.nodes: MPOL_BIND needs nodes"),
    ("linux/memoryPolicy/mode", "MPOL_LOCAL", "linux.memoryPolicy.nodes: MPOL_LOCAL takes no nodes"),
    (
        "linux/memoryPolicy/flags",
        ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"],
        "linux.memoryPolicy.flags: ",
    ),
]


def without(kind: str) -> tuple[str, Any]:
    """FULL's namespaces but one."""
    return "linux/namespaces", [entry for entry in FULL["linux"]["namespaces"] if entry["type"] != kind]


def at(kind: str, path: str) -> tuple[str, Any]:
    """FULL's namespaces with one joined instead of made."""
    return "linux/namespaces", [
        entry | ({"path": path} if entry["type"] == kind else {}) for entry in FULL["linux"]["namespaces"]
    ]


NO_MAPPINGS = (("linux/uidMappings", MISSING), ("linux/gidMappings", MISSING))


def test_an_unknown_set_of_capabilities_is_ignored() -> None:
    assert config.check(changed(("process/capabilities/invented", 5))) == []


def test_a_configuration_with_every_field_is_valid() -> None:
    assert config.check(changed()) == []
    seccomp.compile_filter(FULL["linux"]["seccomp"])
    config.check_resources(FULL["linux"]["resources"])
    assert config.check_process(FULL["process"]) == []


def test_every_field_of_the_tables_is_in_the_full_configuration() -> None:
    """So that the table of wrong values can't leave out a field unseen."""

    def fields(check: Any) -> set[str]:
        return set(
            dict(zip(check.__code__.co_freevars, check.__closure__, strict=True))["fields"].cell_contents
        )

    assert fields(LINUX) - set(FULL["linux"]) == {"intelRdt"}
    assert fields(RESOURCES) == set(FULL["linux"]["resources"])
    assert fields(config._PROCESS) | {"consoleSize"} == set(FULL["process"])
    assert fields(config._CONFIG) == set(FULL)


@pytest.mark.parametrize(("path", "value", "message"), WRONG)
def test_wrong_values_are_refused_by_path(path: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.check(changed((path, value)))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ((without("uts"), ("domainname", MISSING)), "hostname: would change the host's own name"),
        ((without("uts"), ("hostname", MISSING)), "domainname: would change"),
        ((without("user"),), "linux.uidMappings: id mappings need a user namespace"),
        (NO_MAPPINGS[:1], "linux.uidMappings: is missing"),
        (NO_MAPPINGS[1:], "linux.gidMappings: is missing"),
        ((without("time"),), "linux.timeOffsets: offsets need a new time namespace"),
        ((at("time", "/run/time"),), "linux.timeOffsets: offsets need a new time namespace"),
        ((without("network"),), "linux.netDevices: network devices need a network namespace"),
        ((without("ipc"),), 'linux.sysctl["kernel.shmmax"]: needs a namespace of its own of type ipc'),
        (
            (at("ipc", "/proc/self/ns/ipc"),),
            'linux.sysctl["kernel.shmmax"]: needs a namespace of its own of type ipc',
        ),
        ((at("network", "/proc/self/ns/net"),), 'linux.sysctl["net.ipv4.ip_forward"]: needs'),
    ],
)
def test_settings_need_their_namespaces(changes: tuple[tuple[str, Any], ...], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.check(changed(*changes))
    assert str(caught.value).startswith(message)


def test_id_mapped_mounts_need_mappings_of_their_own_without_a_user_namespace() -> None:
    plain = (without("user"), *NO_MAPPINGS, ("linux/sysctl", MISSING))
    assert config.check(changed(*plain)) == []
    mount = {"destination": "/a", "source": "/b", "options": ["bind", "idmap"]}
    with pytest.raises(ConfigError, match=r"^mounts\[0\].uidMappings: "):
        config.check(changed(*plain, ("mounts", [mount])))
    config.check(changed(*plain, ("mounts", [mount | {"uidMappings": MAPPINGS, "gidMappings": MAPPINGS}])))


@pytest.mark.parametrize(
    "changes",
    [
        [("process", MISSING)],
        [("linux", MISSING), ("hostname", MISSING), ("domainname", MISSING), ("mounts", MISSING)],
        [("ociVersion", "1.0.2-dev")],
        [("ociVersion", "1.0.0-rc.1+build.5")],
        [("process/terminal", False), ("process/consoleSize", "ignored without a terminal")],
        [("process/user", MISSING)],
        [
            ("windows", 5),
            ("solaris", []),
            ("vm", None),
            ("zos", "x"),
            ("freebsd", 1),
            ("x-unknown", {"a": [1]}),
        ],
        [("hooks/unknown", 5), ("linux/unknown", 5), ("process/unknown", 5), ("mounts/0/unknown", 5)],
        [at("network", "/run/netns/x"), ("linux/rootfsPropagation", "rshared")],
        [at("user", "/run/user"), *NO_MAPPINGS],
        [("linux/netDevices", {"a": {"name": "x%d"}, "b": {"name": "x%d"}})],
        [("linux/memoryPolicy", {"mode": "MPOL_DEFAULT"})],
        [("linux/namespaces/0/path", "")],
    ],
)
def test_what_the_specification_allows_or_ignores(changes: list[tuple[str, Any]]) -> None:
    assert config.check(changed(*changes)) == []


@pytest.mark.parametrize(
    ("path", "value", "warning"),
    [
        ("process/capabilities/bounding", ["CAP_X"], 'process.capabilities: "CAP_X" is unknown'),
        ("mounts/0/destination", "proc", 'mounts[0].destination: "proc" is relative'),
        ("ociVersion", "1.99.0", "ociVersion: 1.99.0 is newer than"),
    ],
)
def test_warnings(path: str, value: Any, warning: str) -> None:
    (text,) = config.check(changed((path, value)))
    assert text.startswith(warning)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON: no value"),
        (b"{", "is not JSON: "),
        (b"{}{}", "is not JSON: more than one value"),
        (b'{"a": NaN}', "is not JSON: NaN is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON: "),
        (b"\xff{}", "is not UTF-8 at byte 0"),
        (b"[1]", "holds an array; it must hold an object"),
        (b"null", "holds null"),
        (b"[" * 100_000, "is nested too deep"),
        (b'{"a":' * 100_000, "is nested too deep"),
    ],
)
def test_files_that_hold_no_configuration(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        config.load(str(tmp_path))
    assert str(caught.value).startswith(f"{path} {message}")
    assert "\n" not in str(caught.value)


def test_bundles_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no config.json"):
        config.load(str(tmp_path))
    with pytest.raises(ConfigError, match="there is no bundle"):
        config.load(str(tmp_path / "absent"))
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ConfigError, match="can't read .*Is a directory"):
        config.load(str(tmp_path))


def test_null_counts_as_left_out(tmp_path: Path) -> None:
    content = json.dumps(changed(("process/env", None), ("linux/intelRdt", None), ("mounts/0/options", None)))
    (tmp_path / "config.json").write_text(content)
    loaded, raw = config.load(str(tmp_path))
    assert raw == content.encode()
    assert "env" not in loaded["process"]
    assert config.check(loaded) == []
    with pytest.raises(ConfigError, match="process.cwd: is missing"):
        config.check(config.parse(json.dumps(changed(("process/cwd", None))).encode(), "x"))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"),
        ("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding"),
    ],
)
def test_kernel_parameters_are_files(name: str, path: str) -> None:
    assert sysctl_path(name) == path


@pytest.mark.parametrize("name", ["net/../vm/x", ".", "", "net...x", "/etc/passwd", "net.//.x"])
def test_kernel_parameters_stay_below_their_directory(name: str) -> None:
    with pytest.raises(ConfigError):
        sysctl_path(name)


def test_checking_costs_a_small_multiple_of_parsing() -> None:
    raw = json.dumps(spec.default()).encode()
    parsing = checking = sys.maxsize
    for _ in range(100):
        begin = perf_counter_ns()
        parsed = config.parse(raw, "x")
        middle = perf_counter_ns()
        config.check(parsed)
        parsing = min(parsing, middle - begin)
        checking = min(checking, perf_counter_ns() - middle)
    assert checking < 10 * parsing


def test_the_modules_are_light() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from runtime.oci import config, mount_options;"
        "print(*sorted({'dataclasses', 'enum', 'json', 'pathlib', 're', 'typing'} & set(sys.modules)))"
    )
    root = str(Path(config.__file__).parents[2])
    shown = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code, root], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == ""
