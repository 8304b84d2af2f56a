"""Commands, directories, hooks, capabilities, devices and knobs that would lead out of a container."""

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oci_bundle import Bundle
from oci_escapes import MARKER, compile_helper, grant

from runtime.oci.commands import spec

DESCRIPTORS = range(14)
DIRECTORIES = ("/proc/self/fd/{}", "/proc/self/fd/{}/../../../../../../../..{}")
BOUNDING = 0x400E3
"""CAPABILITIES of oci_bundle as a mask."""


@pytest.fixture(scope="module")
def helper(tmp_path_factory) -> Path:
    return compile_helper(tmp_path_factory.mktemp("helper"))


@pytest.fixture
def decoy(tmp_path, helper) -> Path:
    path = tmp_path / "decoy"
    path.mkdir()
    (path / "secret").write_text(MARKER)
    shutil.copy(helper, path / "tool")
    return path


@pytest.fixture
def careless(decoy) -> Iterator[dict[str, Any]]:
    """How a caller makes a call who leaves a directory of the host open."""
    descriptor = os.open(decoy, os.O_RDONLY | os.O_DIRECTORY)
    os.set_inheritable(descriptor, True)
    yield {"pass_fds": [descriptor], "cwd": decoy}
    os.close(descriptor)


def outside(decoy: Path) -> list[str]:
    """Directories that lead out, if anything does."""
    return [text.format(number, decoy) for text in DIRECTORIES for number in DESCRIPTORS]


def test_working_directory_is_inside(oci, bundle, decoy, careless):
    """CVE-2024-21626: process.cwd leads to no descriptor of the runtime or its caller."""
    bundle.shell("cat secret; pwd")
    for directory in outside(decoy):
        bundle.process["cwd"] = directory
        ended = oci.execute(bundle, **careless)
        assert MARKER not in ended.stdout, directory
        assert ended.returncode != 0


def test_working_directory_of_an_exec_is_inside(oci, bundle, decoy, careless):
    """CVE-2024-21626: nor does that of an exec, not even through what is preserved on purpose."""
    oci.running(bundle)
    (descriptor,) = careless["pass_fds"]
    preserved = f"--preserve-fds={descriptor - 2}"
    seen = oci.ok("exec", preserved, oci.name, "cat", f"/proc/self/fd/{descriptor}/secret", **careless)
    assert seen == MARKER, "it would lead out"
    for directory in outside(decoy):
        command = ("exec", preserved, "--cwd", directory, oci.name, "cat", "secret")
        ended = oci.run(*command, **careless)
        assert MARKER not in ended.stdout, directory
        assert ended.returncode != 0


def test_working_directory_of_the_image_leads_nowhere_else(oci, bundle, decoy, careless):
    """CVE-2024-21626: nor is a directory made or entered where a link of the image leads on the host."""
    root = bundle.own_root()
    bundle.config["root"]["readonly"] = False
    (root / "first").symlink_to(decoy)
    (root / "second").symlink_to("/proc/self/cwd/made")
    bundle.shell("cat secret; pwd")
    for directory in ("/first", "/first/made", "/second", "/proc/self/cwd/../..", "/proc/1/cwd/made"):
        bundle.process["cwd"] = directory
        assert MARKER not in oci.execute(bundle, **careless).stdout
    assert sorted(entry.name for entry in decoy.iterdir()) == ["secret", "tool"]


def test_command_is_none_of_the_host(oci, bundle, decoy, careless):
    """CVE-2024-21626, attack 3: nor is a command taken from a directory of the host that is still open."""
    oci.running(bundle)
    for number in DESCRIPTORS[1:]:
        ended = oci.run("exec", oci.name, f"/proc/self/fd/{number}/tool", "who", **careless)
        assert (ended.stdout, ended.returncode) == ("", 255)


def capabilities(text: str) -> dict[str, int]:
    return {line[3:6]: int(line.split()[1], 16) for line in text.splitlines()}


def test_capabilities_are_inherited_by_nobody(oci, bundle):
    """CVE-2022-29162: none are inheritable or ambient unless asked for, and others are gone for good."""
    oci.running(bundle)
    container = capabilities(oci.ok("exec", oci.name, "grep", "^Cap", "/proc/1/status"))
    assert container == {"Inh": 0, "Amb": 0, "Bnd": BOUNDING, "Prm": BOUNDING, "Eff": BOUNDING}
    assert capabilities(oci.ok("exec", oci.name, "grep", "^Cap", "/proc/self/status")) == container


def test_exec_has_no_more_capabilities_than_the_container(oci, bundle):
    """CVE-2016-8867, CVE-2022-29162: whoever's they are, and those added are not inheritable."""
    bundle.process["user"]["uid"] = 1000
    bundle.process["capabilities"] = {}
    oci.running(bundle)
    command = ("grep", "^Cap", "/proc/self/status")
    for user in ("0", "1000"):
        found = capabilities(oci.ok("exec", "--user", user, oci.name, *command))
        assert set(found.values()) == {0}
    found = capabilities(oci.ok("exec", "--user", "1000", "--cap", "CAP_KILL", oci.name, *command))
    assert (found["Inh"], found["Amb"], found["Eff"] & ~(1 << 5)) == (0, 0, 0)


@pytest.mark.parametrize("forbidden", [True, False])
def test_setuid_program_gains_nothing_without_new_privileges(oci, bundle, helper, forbidden):
    """no_new_privs: a setuid program of the image stays the user's, in the container and in an exec."""
    program = bundle.own_root() / "who"
    shutil.copy(helper, program)
    program.chmod(0o4755)
    bundle.process["user"]["uid"] = 1000
    bundle.process["noNewPrivileges"] = forbidden
    assert oci.inside(bundle, "/who who") == ("1000\n" if forbidden else "0\n")
    oci.running(bundle)
    assert oci.ok("exec", oci.name, "/who", "who") == ("1000\n" if forbidden else "0\n")


@pytest.mark.parametrize("is_listed", [False, True])
def test_device_of_the_host_is_opened_only_when_listed(oci, bundle, is_listed):
    """A node that the container makes, with CAP_MKNOD, or that its image has, opens nothing of the host."""
    grant(bundle, "CAP_MKNOD", "CAP_SYSLOG")
    root = bundle.own_root()
    os.mknod(root / "kmsg", stat.S_IFCHR | 0o666, os.makedev(1, 11))
    bundle.mount("/tmp", "tmpfs", "tmpfs")
    nodes = {"disk": "b 7 0", "mem": "c 1 1", "port": "c 1 4", "kmsg": "c 1 11", "fuse": "c 10 229"}
    if is_listed:
        bundle.resources["devices"].append({"allow": True, "type": "c", "major": 1, "access": "rwm"})
    made = "".join(
        f"mknod /tmp/{name} {node}; (: < /tmp/{name}) && echo {name}; " for name, node in nodes.items()
    )
    script = f"{{ {made} }} 2>/dev/null; (: < /kmsg) 2>/dev/null && echo image; ls /dev/fuse /dev/kmsg; true"
    opened = oci.inside(bundle, script, stderr=None).split()
    assert ({"kmsg", "image"} <= {*opened}) == is_listed
    assert not {"disk", "fuse", "/dev/fuse", "/dev/kmsg"} & {*opened}
    assert is_listed or not opened


KNOBS = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sysrq-trigger",
    "/proc/irq/default_smp_affinity",
    "/sys/kernel/uevent_helper",
    "/sys/kernel/profiling",
]


@pytest.fixture
def default(bundle) -> Bundle:
    """The bundle of `spec`, with a root and a share."""
    config = spec.default()
    config["root"]["path"] = str(bundle.root)
    config["process"]["terminal"] = False
    bundle.config = config
    return bundle


@pytest.mark.parametrize("is_default", [True, False])
def test_knobs_of_the_kernel_cant_be_written_to(oci, default, is_default):
    """CVE-2022-0492 and others: what would run programs of the container on the host is read-only."""
    if not is_default:
        default.linux.update(readonlyPaths=[], maskedPaths=[])
    # Opened, and left alone, as it may be the host's.
    script = "".join(f"(: >> {knob}) 2>/dev/null && echo {knob}; " for knob in KNOBS)
    opened = oci.inside(default, f"{script} true").split()
    assert (not opened) if is_default else (KNOBS[0] in opened)


@pytest.mark.parametrize("namespace", [True, False])
def test_control_groups_cant_be_written_to(oci, default, namespace):
    """CVE-2022-0492, CVE-2023-25809: no group can be made or changed, and no release agent be named."""
    if not namespace:
        default.without_namespace("cgroup")
    names = "release_agent notify_on_release cgroup.procs tasks devices.allow"
    script = f"""cd /sys/fs/cgroup; mkdir new && echo new
        for group in . */; do
            mkdir $group/new && echo $group/new
            for name in {names}; do test -e $group/$name && (: >> $group/$name) && echo $group/$name; done
        done; ls | grep -q . && echo seen"""
    assert oci.inside(default, script) == "seen\n"


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "startContainer"])
def test_hook_gets_no_descriptors(oci, bundle, careless, kind):
    """Hooks have their standard streams and nothing else of the runtime or its caller."""
    share = bundle.share()
    place = "/mnt" if kind == "startContainer" else share
    bundle.hook(
        kind,
        f"ls /proc/self/fd > {place}/seen; readlink /proc/self/fd/* >> {place}/seen; pwd >> {place}/seen",
    )
    oci.inside(bundle, "true", **careless)
    # The listing has a descriptor of its own.
    assert (share / "seen").read_text().split()[:4] == ["0", "1", "2", "3"]
    assert "decoy" not in (share / "seen").read_text() or kind != "startContainer"


def test_start_container_hook_runs_inside(oci, bundle, decoy):
    """config.md, startContainer: its path and its root are the container's."""
    share = bundle.share()
    shutil.copy(decoy / "tool", share / "tool")
    bundle.config["hooks"] = {"startContainer": [{"path": "/mnt/tool", "args": ["tool", "who"]}]}
    bundle.hook("startContainer", f"ls {decoy} > /mnt/seen 2>&1; grep ^CapBnd /proc/self/status > /mnt/caps")
    oci.inside(bundle, "true")
    assert "No such file" in (share / "seen").read_text()


def test_keys_of_the_caller_are_out_of_reach(oci, bundle, helper):
    """The session keyring is the container's own, also in an exec."""
    shutil.copy(helper, bundle.share())
    bundle.process["args"] = find = ["/mnt/escape_helper", "find"]

    def with_key(*arguments: str) -> str:
        command = [helper, "keep", *oci.command(*arguments)]
        return subprocess.run(command, check=True, timeout=20, capture_output=True, text=True).stdout

    oci.asked.add(oci.name)
    path = str(bundle.write())
    assert with_key("run", "--no-new-keyring", "--bundle", path, oci.name) == "0\n"
    assert with_key("run", "--bundle", path, oci.name) == f"{errno.ENOKEY}\n"
    oci.running(bundle)
    assert with_key("exec", oci.name, *find) == f"{errno.ENOKEY}\n"
