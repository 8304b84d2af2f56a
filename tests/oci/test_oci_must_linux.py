"""What config-linux.md and runtime-linux.md ask of the rest: sysctl, propagation, paths, descriptors."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def own_root(bundle) -> Iterator[Path]:
    """A root filesystem on a shared mount of the host."""
    bundle.write()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(bundle.path)], check=True)
    subprocess.run(["mount", "--make-shared", str(bundle.path)], check=True)
    try:
        yield bundle.own_root()
    finally:
        subprocess.run(["umount", "--recursive", str(bundle.path)], check=True)


def root_mount(oci, bundle) -> list[str]:
    """The optional fields of the root's mount inside; see proc_pid_mountinfo(5)."""
    lines = oci.inside(bundle, "cat /proc/self/mountinfo").splitlines()
    fields = next(line for line in lines if line.split()[4] == "/").split()
    return [field.split(":")[0] for field in fields[6 : fields.index("-")]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("net.ipv4.ip_forward", "1"),
        ("net.core.somaxconn", "256"),
        ("kernel.msgmax", "9000"),
        ("kernel.shm_rmid_forced", "1"),
        ("fs.mqueue.queues_max", "77"),
    ],
)
def test_sysctl_is_modified_for_the_container(oci, bundle, name, value):
    """Sysctl: kernel parameters are modified for the container, and not for the host."""
    place = Path("/proc/sys", name.replace(".", "/"))
    before = place.read_text()
    bundle.linux["sysctl"] = {name: value}
    assert oci.inside(bundle, f"cat {place}").strip() == value
    assert place.read_text() == before


@pytest.mark.parametrize(
    "name", ["vm.swappiness", "kernel.panic", "net.nosuch.parameter", "../../etc/passwd", ""]
)
def test_sysctl_that_cant_be_the_containers_alone_is_an_error(oci, bundle, name):
    """Sysctl: one that can't be applied to the container, but only to the host or not at all, is an error."""
    bundle.linux["sysctl"] = {name: "1"}
    oci.refuses(bundle)


def test_sysctl_of_the_runtimes_namespace_is_an_error(oci, bundle):
    """Sysctl: a parameter of a namespace that the container shares with the host is an error."""
    before = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    bundle.without_namespace("network")
    bundle.unmount("/sys")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": str(1 - int(before))}
    oci.refuses(bundle)
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == before


@pytest.mark.parametrize("kind", ["shared", "slave", "private", "unbindable"])
def test_propagation_of_the_root(oci, bundle, own_root, kind):
    """Rootfs Mount Propagation: shared, slave, private or unbindable is that of the root's mount."""
    bundle.linux["rootfsPropagation"] = kind
    wanted = {"shared": "shared", "slave": "master", "private": "", "unbindable": "unbindable"}[kind]
    seen = root_mount(oci, bundle)
    assert wanted in seen if wanted else seen == []


def test_slave_root_receives_mounts_of_the_host(oci, bundle, own_root):
    """Rootfs Mount Propagation: what the host mounts below a slave appears inside."""
    bundle.linux["rootfsPropagation"] = "slave"
    pid = oci.running(bundle)
    subprocess.run(["mount", "-t", "tmpfs", "late", str(own_root / "www")], check=True)
    assert " /www " in Path(f"/proc/{pid}/mountinfo").read_text()


def test_private_root_doesnt_receive_mounts_of_the_host(oci, bundle, own_root):
    """Rootfs Mount Propagation: what the host mounts below a private root doesn't appear inside."""
    bundle.linux["rootfsPropagation"] = "private"
    pid = oci.running(bundle)
    subprocess.run(["mount", "-t", "tmpfs", "late", str(own_root / "www")], check=True)
    assert " /www " not in Path(f"/proc/{pid}/mountinfo").read_text()


def test_shared_root_isnt_shared_with_the_host(oci, bundle, own_root):
    """Rootfs Mount Propagation: a shared root belongs to a new peer group, not to the host's."""
    bundle.linux["rootfsPropagation"] = "shared"
    for kind in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][kind].append("CAP_SYS_ADMIN")
    oci.inside(bundle, "mount -t tmpfs inner /www")
    assert " inner " not in Path("/proc/self/mountinfo").read_text()


def test_unknown_propagation_is_an_error(oci, bundle):
    """Rootfs Mount Propagation: its value is one of four."""
    bundle.linux["rootfsPropagation"] = "nosuch"
    oci.refuses(bundle)


def test_masked_file_and_directory_cant_be_read(oci, bundle):
    """Masked Paths: the provided paths are masked so that they can't be read."""
    bundle.linux["maskedPaths"] = ["/etc/passwd", "/www", "/proc/timer_list", "/proc/acpi"]
    script = (
        "cat /etc/passwd /proc/timer_list; ls /www /proc/acpi 2> /dev/null;"
        " cat /www/index.html 2> /dev/null || echo none"
    )
    seen = oci.inside(bundle, script)
    assert "root" not in seen
    assert seen.endswith("none\n")
    assert "index.html" not in seen


def test_masked_path_that_is_missing_is_fine(oci, bundle):
    """Masked Paths: what isn't there can't be read."""
    bundle.linux["maskedPaths"] = ["/no/such/path", "/proc/nosuch"]
    bundle.linux["readonlyPaths"] = ["/no/such/path"]
    assert oci.inside(bundle, "echo on") == "on\n"


def test_readonly_path_cant_be_written(oci, bundle):
    """Readonly Paths: the provided paths are read-only inside, with what is below them."""
    bundle.own_root()
    bundle.linux["readonlyPaths"] = ["/etc", "/proc/sys", "/www/index.html"]
    script = (
        "for path in /etc/new /www/index.html /proc/sys/kernel/domainname; do"
        " (echo x > $path) 2> /dev/null && echo $path; done; echo x > /www/new && echo fine"
    )
    assert oci.inside(bundle, script) == "fine\n"


@pytest.mark.parametrize("field", ["maskedPaths", "readonlyPaths"])
@pytest.mark.parametrize("path", ["etc/passwd", "", "../etc"])
def test_masked_or_readonly_path_that_isnt_absolute_is_an_error(oci, bundle, field, path):
    """Masked Paths, Readonly Paths: the values are absolute paths in the container's namespace."""
    bundle.linux[field] = [path]
    oci.refuses(bundle)


def test_mount_label_the_host_doesnt_know_is_an_error(oci, bundle):
    """Create: mountLabel can't be applied without SELinux, nor can one that it doesn't know."""
    bundle.linux["mountLabel"] = "nosuch:label"
    oci.refuses(bundle)


@pytest.mark.parametrize(("domain", "seen"), [("LINUX", "00000000"), ("LINUX32", "00000008")])
def test_personality_is_the_execution_domain(oci, bundle, domain, seen):
    """Personality: domain is the execution domain of the process."""
    bundle.linux["personality"] = {"domain": domain}
    assert oci.inside(bundle, "cat /proc/self/personality") == f"{seen}\n"


@pytest.mark.parametrize("personality", [{}, {"domain": "BSD"}, {"domain": "LINUX", "flags": ["NOSUCH"]}])
def test_personality_that_isnt_of_the_list_is_an_error(oci, bundle, personality):
    """Personality: domain is required and of the list; no values of flags are supported."""
    bundle.linux["personality"] = personality
    oci.refuses(bundle)


@pytest.mark.parametrize(
    ("policy", "seen"),
    [
        ({"mode": "MPOL_DEFAULT"}, "default"),
        ({"mode": "MPOL_BIND", "nodes": "0"}, "bind:0"),
        ({"mode": "MPOL_INTERLEAVE", "nodes": "0"}, "interleave:0"),
        ({"mode": "MPOL_WEIGHTED_INTERLEAVE", "nodes": "0"}, "weighted interleave:0"),
        ({"mode": "MPOL_PREFERRED", "nodes": "0"}, "prefer:0"),
        ({"mode": "MPOL_PREFERRED_MANY", "nodes": "0"}, "prefer (many):0"),
        ({"mode": "MPOL_LOCAL"}, "local"),
        ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}, "bind=static:0"),
        ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"]}, "bind=relative:0"),
    ],
    ids=lambda value: value["mode"] + "".join(value.get("flags", "")) if isinstance(value, dict) else "",
)
def test_memory_policy_is_that_of_the_process(oci, bundle, policy, seen):
    """Memory policy: mode, nodes and flags are given to set_mempolicy(2)."""
    bundle.linux["memoryPolicy"] = policy
    assert f" {seen} " in oci.inside(bundle, "head -n 1 /proc/self/numa_maps")


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"mode": "MPOL_NOSUCH"},
        {"mode": "MPOL_BIND"},
        {"mode": "MPOL_BIND", "nodes": "1000"},
        {"mode": "MPOL_BIND", "nodes": "x"},
        {"mode": "MPOL_DEFAULT", "nodes": "0"},
        {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_NOSUCH"]},
    ],
    ids=["empty", "mode", "nodes", "far", "text", "default", "flag"],
)
def test_memory_policy_the_kernel_doesnt_take_is_an_error(oci, bundle, policy):
    """Memory policy: mode is required; what isn't of the lists or can't be applied is an error."""
    bundle.linux["memoryPolicy"] = policy
    oci.refuses(bundle)


@pytest.mark.parametrize(
    "rdt", [{}, {"closID": "guaranteed"}, {"memBwSchema": "L3:0=1"}, {"schemata": ["a\nb"]}]
)
def test_intel_rdt_without_its_filesystem_is_an_error(oci, bundle, rdt):
    """IntelRdt: an error if no resctrl is mounted, whatever is asked of it."""
    assert "resctrl" not in Path("/proc/self/mountinfo").read_text()
    bundle.linux["intelRdt"] = rdt
    oci.refuses(bundle)


def test_only_standard_streams_are_open(oci, bundle):
    """File descriptors: by default only the standard streams are kept open."""
    reading, writing = os.pipe()
    try:
        for descriptor in (reading, writing):
            os.set_inheritable(descriptor, True)
        seen = oci.inside(bundle, "exec ls /proc/self/fd", close_fds=False)
    finally:
        os.close(reading)
        os.close(writing)
    # The last one is the directory that `ls` reads.
    assert seen.split() == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ],
)
def test_symbolic_link_in_dev_is_made(oci, bundle, name, target):
    """Dev symbolic links: fd, stdin, stdout and stderr point to the process's descriptors."""
    assert oci.inside(bundle, f"readlink /dev/{name}") == f"{target}\n"


def test_symbolic_links_in_a_dev_of_the_image_are_made_too(oci, bundle):
    """Dev symbolic links: they are made after the mounts, also where /dev isn't a mount."""
    bundle.own_root()
    for place in ("/dev/pts", "/dev/shm", "/dev"):
        bundle.unmount(place)
    assert oci.inside(bundle, "readlink /dev/fd; ls -d /dev/null") == "/proc/self/fd\n/dev/null\n"
