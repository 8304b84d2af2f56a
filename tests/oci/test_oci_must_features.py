"""What features.md and features-linux.md ask of the structure that names what the runtime can do."""

import errno
import json
from contextlib import nullcontext

import pytest
from oci_seccomp_agent import Agent, serving

SPECIFIED = {
    "ociVersionMin",
    "ociVersionMax",
    "hooks",
    "mountOptions",
    "linux",
    "annotations",
    "potentiallyUnsafeConfigAnnotations",
}
HOOKS = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}


@pytest.fixture
def features(oci) -> dict:
    return json.loads(oci.ok("features"))


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.partition("-")[0].split("."))


def test_versions_are_there_and_in_order(features):
    """Specification version: ociVersionMin and ociVersionMax are required, the latter not less."""
    assert version(features["ociVersionMin"]) <= version(features["ociVersionMax"])


@pytest.mark.parametrize("bound", ["ociVersionMin", "ociVersionMax"])
def test_version_is_accepted_in_a_configuration(oci, bundle, features, bound):
    """Specification version: both values are accepted as ociVersion of config.json."""
    bundle.config["ociVersion"] = features[bound]
    assert oci.inside(bundle, "echo on") == "on\n"


def test_properties_are_those_of_the_specification(features):
    """Specification version: no property that isn't defined in the version."""
    assert set(features) <= SPECIFIED


def test_hooks_are_supported(oci, bundle, features):
    """Hooks: all elements are supported as hooks in config.json."""
    assert set(features["hooks"]) == HOOKS
    share = bundle.share()
    for kind in features["hooks"]:
        place = "/mnt" if kind == "startContainer" else share
        bundle.hook(kind, f"echo {kind} >> {place}/log")
    oci.inside(bundle)
    assert set((share / "log").read_text().split()) == HOOKS


def test_mount_options_are_recognized(oci, bundle, features):
    """Mount Options: all elements are recognized as options of mounts in config.json."""
    special = {
        "idmap",
        "ridmap",
        "bind",
        "rbind",
        "remount",
        "mand",
        "acl",
        "noacl",
        "unbindable",
        "runbindable",
    }
    bundle.mount("/tmp", "tmpfs", "tmpfs")
    for option in set(features["mountOptions"]) - special:
        bundle.mount(f"/tmp/{option}", "tmpfs", "tmpfs", option)
    seen = oci.inside(bundle, "cat /proc/self/mountinfo")
    assert all(f" /tmp/{option} " in seen for option in set(features["mountOptions"]) - special)


def test_namespaces_are_recognized(oci, bundle, features):
    """Linux, Namespaces: all elements are recognized as types of namespaces."""
    assert {"cgroup", "ipc", "mount", "network", "pid", "user", "uts"} <= set(features["linux"]["namespaces"])
    bundle.map_ids()
    for kind in features["linux"]["namespaces"]:
        bundle.namespace(kind)
    assert oci.inside(bundle, "echo on") == "on\n"


def test_capabilities_are_recognized(oci, bundle, features):
    """Linux, Capabilities: all elements are recognized: there is no warning of an unknown one."""
    for kind in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][kind] = ["CAP_CHOWN"]
    bundle.process["capabilities"]["inheritable"] = []
    known = features["linux"]["capabilities"]
    assert len(known) >= 41
    assert len(set(known)) == len(known)
    bundle.process["capabilities"]["bounding"] = [name for name in known if name != "CAP_SYS_RESOURCE"]
    bundle.shell("echo on")
    ended = oci.execute(bundle)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "on\n", "")


def test_seccomp_actions_are_recognized(oci, bundle, features):
    """Linux, Seccomp: all actions are recognized in the rules of config.json."""
    actions = features["linux"]["seccomp"]["actions"]
    rules = [{"names": ["mkdir"], "action": action} for action in actions if action != "SCMP_ACT_NOTIFY"]
    for rule in rules:
        bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
        oci.create(bundle)
        oci.delete("", "--force")


def test_seccomp_operators_are_recognized(oci, bundle, features):
    """Linux, Seccomp: all operators are recognized in the rules of config.json."""
    rules = [
        {
            "names": ["personality"],
            "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 0, "value": 99, "valueTwo": 99, "op": operator}],
        }
        for operator in features["linux"]["seccomp"]["operators"]
    ]
    assert len(rules) == 7
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}
    assert oci.inside(bundle, "echo on") == "on\n"


def test_seccomp_architectures_are_recognized(oci, bundle, features):
    """Linux, Seccomp: all architectures are recognized in config.json."""
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": features["linux"]["seccomp"]["archs"],
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}],
    }
    assert oci.inside(bundle, "echo on") == "on\n"


def test_seccomp_flags_are_recognized_and_supported(oci, bundle, features, tmp_path):
    """Linux, Seccomp: all known flags are recognized in config.json, the supported ones work."""
    seccomp = features["linux"]["seccomp"]
    assert set(seccomp["supportedFlags"]) <= set(seccomp["knownFlags"])
    for number, flag in enumerate(seccomp["supportedFlags"]):
        # A call is waited for uninterrupted only while an agent decides about it.
        asks = flag == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
        agent = Agent(tmp_path / f"agent{number}", errno.EPERM)
        bundle.linux["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "flags": [flag],
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY" if asks else "SCMP_ACT_ERRNO"}],
            "listenerPath": str(agent.path),
        }
        with serving(agent) if asks else nullcontext():
            assert "not permitted" in oci.inside(bundle, "mkdir /dev/shm/x 2>&1 || true")


def test_memory_policies_are_recognized(oci, bundle, features):
    """Linux, MemoryPolicy: all modes and flags are recognized in config.json."""
    policy = features["linux"]["memoryPolicy"]
    assert len(policy["modes"]) == 7
    assert len(policy["flags"]) == 3
    for mode in policy["modes"]:
        bundle.linux["memoryPolicy"] = {"mode": mode}
        if mode not in ("MPOL_DEFAULT", "MPOL_LOCAL"):
            bundle.linux["memoryPolicy"]["nodes"] = "0"
        oci.create(bundle)
        oci.delete("", "--force")


def test_idmap_is_said_to_be_enabled(features):
    """Linux, MountExtensions: true for a runtime that recognizes the mappings of mounts, even in part."""
    assert features["linux"]["mountExtensions"]["idmap"]["enabled"] is True


def test_network_devices_are_said_to_be_enabled(features):
    """Linux, NetDevices: whether devices are moved, which the tests of devices show."""
    assert features["linux"]["netDevices"]["enabled"] is True


def test_intel_rdt_is_said_to_be_missing(features):
    """Linux, Intel RDT: enabled says whether the runtime supports it, which this one doesn't."""
    assert not (features["linux"].get("intelRdt") or {}).get("enabled")


def test_annotations_are_strings_by_nonempty_keys(features):
    """Annotations: a key-value map with the convention of those in config.json."""
    annotations = features.get("annotations") or {}
    assert all(key and isinstance(value, str) for key, value in annotations.items())
