"""What config-linux.md asks of namespaces, of user mappings and of time offsets."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from oci_bundle import link

LINKS = {
    "pid": "pid",
    "network": "net",
    "mount": "mnt",
    "ipc": "ipc",
    "uts": "uts",
    "user": "user",
    "cgroup": "cgroup",
    "time": "time",
}
JOINABLE = ("network", "ipc", "uts", "cgroup", "user", "time", "pid")


def inside(oci, bundle, kind: str) -> str:
    return oci.inside(bundle, f"readlink /proc/self/ns/{LINKS[kind]}").strip()


def own(kind: str) -> str:
    return link(f"/proc/self/ns/{LINKS[kind]}")


@contextmanager
def holder(kind: str) -> Iterator[str]:
    """The path of a namespace that another process of the host has made."""
    flag = {"network": "--net"}.get(kind, f"--{kind}")
    fork = ["--fork", "--kill-child"] if kind in ("pid", "time") else []
    command = ["unshare", flag, *fork, "sh", "-c", "echo $$; exec sleep 1000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        process.stdout.readline()
        if kind == "user":
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{process.pid}/{name}").write_text("0 0 65536")
        link = {"pid": "pid_for_children", "time": "time_for_children"}.get(kind, LINKS[kind])
        yield f"/proc/{process.pid}/ns/{link}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("kind", LINKS)
def test_namespace_without_a_path_is_new(oci, bundle, kind):
    """Namespaces: without path a new container namespace of the type is created."""
    if kind == "user":
        bundle.map_ids()
    bundle.namespace(kind)
    assert inside(oci, bundle, kind) != own(kind)


@pytest.mark.parametrize("kind", [kind for kind in LINKS if kind not in ("mount", "user")])
def test_namespace_not_specified_is_the_runtimes(oci, bundle, kind):
    """Namespaces: a type that isn't specified is inherited from the runtime."""
    bundle.without_namespace(kind)
    if kind == "uts":
        del bundle.config["hostname"]
    if kind == "network":
        bundle.unmount("/sys")
    assert inside(oci, bundle, kind) == own(kind)


def test_user_namespace_not_specified_is_the_runtimes(oci, bundle):
    """Namespaces: a user namespace that isn't specified is inherited from the runtime."""
    assert inside(oci, bundle, "user") == own("user")


def test_mount_namespace_not_specified_is_the_runtimes(oci, bundle):
    """Namespaces: a mount namespace that isn't specified is inherited; here from a runtime in its own."""
    bundle.without_namespace("mount")
    bundle.shell("readlink /proc/self/ns/mnt")
    command = oci.command("run", "--bundle", str(bundle.write()), oci.name)
    oci.asked.add(oci.name)
    script = 'readlink /proc/self/ns/mnt; exec "$0" "$@"'
    wrapped = ["unshare", "--mount", "sh", "-c", script, *command]
    seen = subprocess.run(wrapped, capture_output=True, text=True, check=False, timeout=20)
    assert seen.returncode == 0, seen.stderr
    first, second = seen.stdout.split()
    assert first == second


@pytest.mark.parametrize("kind", JOINABLE)
def test_namespace_with_a_path_is_joined(oci, bundle, kind):
    """Namespaces: the process is placed in the namespace that path is associated with."""
    if kind == "uts":
        del bundle.config["hostname"]
    with holder(kind) as path:
        bundle.namespace(kind, path)
        assert inside(oci, bundle, kind) == link(path)


def test_several_namespaces_of_one_process_are_joined(oci, bundle):
    """Namespaces: the process is placed in each namespace that has a path."""
    del bundle.config["hostname"]
    with holder("network") as network, holder("ipc") as ipc, holder("uts") as uts:
        bundle.namespace("network", network)
        bundle.namespace("ipc", ipc)
        bundle.namespace("uts", uts)
        script = "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts"
        assert oci.inside(bundle, script).split() == [link(path) for path in (network, ipc, uts)]


def test_namespaces_of_another_container_are_joined(oci, bundle, bundles):
    """Namespaces: what a container has made can be another's, as a pod's containers have it."""
    pid = oci.running(bundle)
    second = bundles("second")
    del second.config["hostname"]
    for kind in ("network", "ipc", "uts", "pid"):
        second.namespace(kind, f"/proc/{pid}/ns/{LINKS[kind]}")
    second.shell("hostname; ps | grep -c '[s]leep 1000'; readlink /proc/self/ns/net")
    ended = oci.execute(second, name=f"{oci.name}-second")
    assert ended.stdout.split() == ["box", "1", link(f"/proc/{pid}/ns/net")]


@pytest.mark.parametrize("kind", JOINABLE)
def test_namespace_path_of_another_type_is_an_error(oci, bundle, kind):
    """Namespaces: an error if path isn't associated with a namespace of the type."""
    other = "/proc/self/ns/uts" if kind != "uts" else "/proc/self/ns/net"
    if kind == "uts":
        del bundle.config["hostname"]
    bundle.namespace(kind, other)
    oci.refuses(bundle)


@pytest.mark.parametrize("place", ["/no/such/file", "/etc/passwd", "/"])
def test_namespace_path_that_is_none_is_an_error(oci, bundle, place):
    """Namespaces: an error if path isn't associated with a namespace at all."""
    bundle.namespace("network", place)
    oci.refuses(bundle)


def test_namespace_path_that_isnt_absolute_is_an_error(oci, bundle):
    """Namespaces: path is absolute in the runtime's mount namespace."""
    bundle.namespace("network", "proc/self/ns/net")
    oci.refuses(bundle)


@pytest.mark.parametrize("kind", ["pid", "network", "uts"])
def test_duplicated_namespace_is_an_error(oci, bundle, kind):
    """Namespaces: two entries of one type are an error."""
    bundle.linux["namespaces"].append({"type": kind})
    oci.refuses(bundle)


@pytest.mark.parametrize("entry", [{}, {"type": "net"}, {"type": "nosuch"}, {"path": "/proc/self/ns/net"}])
def test_namespace_type_is_required_and_known(oci, bundle, entry):
    """Namespaces: type is required, an unknown one an invalid value."""
    bundle.linux["namespaces"].append(entry)
    oci.refuses(bundle)


def test_pid_namespace_hides_other_processes(oci, bundle):
    """Namespaces, pid: only processes of the container are seen inside."""
    assert oci.inside(bundle, "exec ls -d /proc/[0-9]*") == "/proc/1\n"


def test_network_namespace_has_its_own_stack(oci, bundle):
    """Namespaces, network: the container has its own network stack."""
    names = {line.split(":")[1].strip() for line in oci.inside(bundle, "ip -o link").splitlines()}
    assert "lo" in names
    assert not names & {path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith("e")}


def test_cgroup_namespace_hides_the_path_of_the_hierarchy(oci, bundle):
    """Namespaces, cgroup: the container has an isolated view of the hierarchy."""
    bundle.namespace("cgroup")
    paths = {line.split(":", 2)[2] for line in oci.inside(bundle, "cat /proc/self/cgroup").splitlines()}
    assert not any(oci.name in path for path in paths)


def test_user_mappings_are_those_of_the_namespace(oci, bundle):
    """User namespace mappings: from containerID to hostID, so many of them, for users and for groups."""
    bundle.map_ids(inside=0, outside=100_000, size=1000)
    bundle.linux["gidMappings"] = [
        {"containerID": 0, "hostID": 200_000, "size": 10},
        {"containerID": 10, "hostID": 300_000, "size": 20},
    ]
    script = "cat /proc/self/uid_map /proc/self/gid_map"
    lines = oci.inside(bundle, script).splitlines()
    assert [list(map(int, line.split())) for line in lines] == [
        [0, 100_000, 1000],
        [0, 200_000, 10],
        [10, 300_000, 20],
    ]


def test_mapped_process_is_the_mapped_user_on_the_host(oci, bundle):
    """User namespace mappings: the user of the process is in the container's namespace."""
    bundle.map_ids()
    bundle.process["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}
    pid = oci.running(bundle)
    status = Path(f"/proc/{pid}/status").read_text()
    assert "\nUid:\t100005\t100005\t100005\t100005\n" in status
    assert "\nGid:\t100006\t100006\t100006\t100006\n" in status
    assert "\nGroups:\t100007" in status


def test_mappings_dont_change_the_owners_of_the_root(oci, bundle, image):
    """User namespace mappings: the ownership of referenced filesystems isn't modified."""
    bundle.map_ids()
    oci.inside(bundle)
    assert {path.lstat().st_uid for path in (image, image / "bin", image / "bin/busybox")} == {0}


def test_mapped_container_has_its_default_devices_and_mounts(oci, bundle):
    """User namespace mappings: all that is configured is applied with mappings too."""
    bundle.map_ids()
    share = bundle.share()
    share.chmod(0o777)
    bundle.mount("/tmp", "tmpfs", "tmpfs", "mode=1777")
    script = "echo x > /dev/null && touch /tmp/x && stat -c %u /tmp/x && hostname && echo on > /mnt/log"
    assert oci.inside(bundle, script) == "0\nbox\n"
    assert (share / "log").stat().st_uid == 100_000


@pytest.mark.parametrize("kind", ["uidMappings", "gidMappings"])
def test_mappings_without_a_user_namespace_are_an_error(oci, bundle, kind):
    """User namespace mappings: without the namespace they can't be applied, which is an error."""
    bundle.linux[kind] = [{"containerID": 0, "hostID": 100_000, "size": 1}]
    oci.refuses(bundle)


@pytest.mark.parametrize("field", ["containerID", "hostID", "size"])
def test_field_of_a_mapping_is_required(oci, bundle, field):
    """User namespace mappings: containerID, hostID and size are required."""
    bundle.map_ids()
    entry = {"containerID": 0, "hostID": 100_000, "size": 65_536}
    del entry[field]
    bundle.linux["uidMappings"] = [entry]
    oci.refuses(bundle)


@pytest.mark.parametrize("clock", ["monotonic", "boottime"])
def test_time_offset_is_that_of_the_namespace(oci, bundle, clock):
    """Offset for Time Namespace: secs and nanosecs are added to the clock in the container."""
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {clock: {"secs": 86_400, "nanosecs": 5}}
    lines = oci.inside(bundle, "cat /proc/self/timens_offsets").splitlines()
    offsets = {line.split()[0]: line.split()[1:] for line in lines}
    other = {"monotonic": "boottime", "boottime": "monotonic"}[clock]
    assert (offsets[clock], offsets[other]) == (["86400", "5"], ["0", "0"])


def test_time_offset_without_a_time_namespace_is_an_error(oci, bundle):
    """Offset for Time Namespace: without the namespace it can't be applied, which is an error."""
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 1}}
    oci.refuses(bundle)


def test_time_offset_of_an_unknown_clock_is_an_error(oci, bundle):
    """Offset for Time Namespace: a clock that has no offset is an invalid value."""
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"realtime": {"secs": 1}}
    oci.refuses(bundle)
