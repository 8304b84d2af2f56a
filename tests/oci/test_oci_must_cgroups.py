"""What config-linux.md asks of control groups: their path, the allowed devices and the resources."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers").exists()
FUSE = {"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229}
RULE = {"type": "c", "major": 10, "minor": 229}
DISK = next((Path("/dev", name).stat().st_rdev for name in sorted(os.listdir("/sys/block"))), 0)
MAJOR, MINOR = os.major(DISK), os.minor(DISK)

# Resources -> controller and file, with the value that is then in it, of version 1 and of version 2.
RESOURCES = {
    "memory limit": (
        {"memory": {"limit": 64 << 20}},
        ("memory", "memory.limit_in_bytes", 64 << 20),
        "memory.max",
    ),
    "memory unlimited": (
        {"memory": {"limit": -1}},
        ("memory", "memory.limit_in_bytes", "9223372036854771712"),
        "",
    ),
    "memory reservation": (
        {"memory": {"reservation": 32 << 20}},
        ("memory", "memory.soft_limit_in_bytes", 32 << 20),
        "memory.low",
    ),
    "memory swap": (
        {"memory": {"limit": 64 << 20, "swap": 128 << 20}},
        ("memory", "memory.memsw.limit_in_bytes", 128 << 20),
        "",
    ),
    "memory swappiness": ({"memory": {"swappiness": 10}}, ("memory", "memory.swappiness", 10), ""),
    "memory kernelTCP": (
        {"memory": {"kernelTCP": 1 << 20}},
        ("memory", "memory.kmem.tcp.limit_in_bytes", 1 << 20),
        "",
    ),
    "cpu shares": ({"cpu": {"shares": 2048}}, ("cpu", "cpu.shares", 2048), ""),
    "cpu quota": ({"cpu": {"quota": 50_000, "period": 100_000}}, ("cpu", "cpu.cfs_quota_us", 50_000), ""),
    "cpu period": ({"cpu": {"quota": 50_000, "period": 200_000}}, ("cpu", "cpu.cfs_period_us", 200_000), ""),
    "cpu burst": (
        {"cpu": {"quota": 50_000, "period": 100_000, "burst": 10_000}},
        ("cpu", "cpu.cfs_burst_us", 10_000),
        "cpu.max.burst",
    ),
    "cpu idle": ({"cpu": {"idle": 1}}, ("cpu", "cpu.idle", 1), "cpu.idle"),
    "cpu cpus": ({"cpu": {"cpus": "0"}}, ("cpuset", "cpuset.cpus", "0"), "cpuset.cpus"),
    "cpu mems": ({"cpu": {"mems": "0"}}, ("cpuset", "cpuset.mems", "0"), "cpuset.mems"),
    "pids limit": ({"pids": {"limit": 50}}, ("pids", "pids.max", 50), "pids.max"),
    "pids unlimited": ({"pids": {"limit": -1}}, ("pids", "pids.max", "max"), "pids.max"),
    "blockIO rate": (
        {"blockIO": {"throttleReadBpsDevice": [{"major": MAJOR, "minor": MINOR, "rate": 1 << 20}]}},
        ("blkio", "blkio.throttle.read_bps_device", f"{MAJOR}:{MINOR} {1 << 20}"),
        "",
    ),
    "blockIO operations": (
        {"blockIO": {"throttleWriteIOPSDevice": [{"major": MAJOR, "minor": MINOR, "rate": 300}]}},
        ("blkio", "blkio.throttle.write_iops_device", f"{MAJOR}:{MINOR} 300"),
        "",
    ),
}


@pytest.mark.parametrize("name", RESOURCES)
def test_resource_is_applied(oci, bundle, name):
    """Control groups: what is configured for a controller is in its file before the program runs."""
    resources, (controller, file, value), unified = RESOURCES[name]
    bundle.resources.update(resources)
    oci.create(bundle)
    group = oci.cgroup("" if UNIFIED else controller)
    if not UNIFIED or unified:
        assert (group / (unified if UNIFIED else file)).read_text().strip() == str(value)


def test_disabled_oom_killer(oci, bundle):
    """Memory: disableOOMKiller disables the killer of the control group, which version 2 doesn't have."""
    bundle.resources["memory"] = {"limit": 64 << 20, "disableOOMKiller": True}
    if UNIFIED:
        oci.create(bundle)
    else:
        oci.create(bundle)
        assert "oom_kill_disable 1" in (oci.cgroup("memory") / "memory.oom_control").read_text()


def test_program_that_takes_too_much_memory_is_killed(oci, bundle):
    """Memory: tasks that attempt to consume more memory than allowed are killed by the OOM killer."""
    bundle.resources["memory"] = {"limit": 16 << 20, "swap": 16 << 20}
    assert "137" in oci.inside(bundle, "sh -c 'tail /dev/zero' 2> /dev/null; echo $?")


def test_program_that_takes_too_many_tasks_fails(oci, bundle):
    """PIDs: limit is the maximum number of tasks."""
    bundle.resources["pids"] = {"limit": 3}
    script = "(sleep 0 & sleep 0 & sleep 0 & sleep 0 & wait) 2>&1; true"
    assert "fork" in oci.inside(bundle, script)


def test_absolute_path_is_relative_to_the_mount_point(oci, bundle):
    """Cgroups Path: an absolute path is taken as relative to the mount point of the hierarchy."""
    bundle.linux["cgroupsPath"] = f"/{oci.name}-own"
    oci.create(bundle)
    assert oci.cgroup("" if UNIFIED else "memory").name == f"{oci.name}-own"
    assert Path("/sys/fs/cgroup", "" if UNIFIED else "memory", f"{oci.name}-own/cgroup.procs").exists()


def test_container_is_in_the_same_place_given_the_same_path(oci, bundle):
    """Cgroups Path: the container is attached to the same place each time, of every controller."""
    seen = []
    for path in (f"/{oci.name}-own", f"/{oci.name}-own", f"{oci.name}-own", f"{oci.name}-own"):
        bundle.linux["cgroupsPath"] = path
        oci.create(bundle)
        seen.append(Path(f"/proc/{oci.pid()}/cgroup").read_text())
        oci.delete("", "--force")
    assert (seen[0], seen[2]) == (seen[1], seen[3])


def test_group_that_was_there_before_stays(oci, bundle):
    """Delete: resources that belong to the container and weren't created by it aren't deleted."""
    group = Path("/sys/fs/cgroup", "" if UNIFIED else "pids", f"{oci.name}-own")
    bundle.linux["cgroupsPath"] = f"/{group.name}"
    group.mkdir()
    try:
        oci.inside(bundle)
        assert group.exists()
    finally:
        with suppress(FileNotFoundError):
            group.rmdir()


def test_container_is_in_every_group_that_its_resources_need(oci, bundle):
    """Control groups: the process is restricted by each controller that has a setting."""
    bundle.resources.update({"memory": {"limit": 64 << 20}, "pids": {"limit": 9}, "cpu": {"shares": 512}})
    pid = oci.running(bundle)
    for controller in ("",) if UNIFIED else ("memory", "pids", "cpu", "devices"):
        assert str(pid) in (oci.cgroup(controller) / "cgroup.procs").read_text().split()


@pytest.mark.parametrize("path", ["/../../escape", "../escape", "/a/../../../escape"])
def test_path_doesnt_lead_out_of_the_hierarchy(oci, bundle, path):
    """Cgroups Path: a value is taken as relative to the mount point, or is an error if it is invalid."""
    bundle.linux["cgroupsPath"] = f"{path}-{oci.name}"
    oci.asked.add(oci.name)
    if oci.run("create", "--bundle", str(bundle.write()), oci.name).returncode == 0:
        assert oci.cgroup("" if UNIFIED else "memory").is_relative_to("/sys/fs/cgroup")
    assert not Path("/sys/fs", f"escape-{oci.name}").exists()


def opened(oci, bundle, *rules: dict) -> str:
    """How the container may open a device that isn't a default one, by the rules after the first."""
    bundle.linux["devices"] = [FUSE]
    bundle.resources["devices"] = [{"allow": False, "access": "rwm"}, *rules]
    return oci.inside(
        bundle,
        "(exec 3< /dev/fuse) 2> /dev/null && printf r; (exec 3>> /dev/fuse) 2> /dev/null && printf w; true",
    )


def test_device_that_isnt_allowed_is_denied(oci, bundle):
    """Allowed Device list: what was denied to all and isn't allowed can't be opened."""
    assert opened(oci, bundle) == ""


@pytest.mark.parametrize(("access", "seen"), [("rw", "rw"), ("r", "r"), ("w", "w"), ("m", ""), ("rwm", "rw")])
def test_device_is_allowed_with_its_access(oci, bundle, access, seen):
    """Allowed Device list: access is a composition of r, w and m."""
    assert opened(oci, bundle, RULE | {"allow": True, "access": access}) == seen


@pytest.mark.parametrize(
    "rule", [{}, {"type": "a"}, {"type": "c"}, {"type": "c", "major": 10}, {"type": "c", "minor": 229}]
)
def test_unset_values_mean_all(oci, bundle, rule):
    """Allowed Device list: type, major and minor that are unset mean all."""
    assert opened(oci, bundle, rule | {"allow": True, "access": "rw"}) == "rw"


def test_device_entries_are_applied_in_order(oci, bundle):
    """Allowed Device list: entries are applied in the listed order."""
    allow, deny = RULE | {"allow": True, "access": "rw"}, RULE | {"allow": False, "access": "w"}
    assert opened(oci, bundle, allow, deny) == "r"
    assert opened(oci, bundle, deny, allow) == "rw"


@pytest.mark.parametrize("entry", [{"access": "rw"}, {"allow": "yes", "access": "rw"}])
def test_allow_is_required(oci, bundle, entry):
    """Allowed Device list: allow is required."""
    bundle.resources["devices"] = [RULE | entry]
    oci.refuses(bundle)


@pytest.mark.parametrize(
    "resources",
    [
        {"blockIO": {"weightDevice": [{"major": MAJOR, "minor": MINOR}]}},
        {"blockIO": {"weightDevice": [{"minor": MINOR, "weight": 10}]}},
        {"blockIO": {"throttleReadBpsDevice": [{"major": MAJOR, "minor": MINOR}]}},
        {"hugepageLimits": [{"limit": 1}]},
        {"hugepageLimits": [{"pageSize": "2MB"}]},
        {"hugepageLimits": [{"pageSize": "3XB", "limit": 0}]},
        {"network": {"priorities": [{"name": "lo"}]}},
        {"rdma": {"mlx5_1": {}}},
        {"memory": {"swappiness": 101}},
        {"memory": {"limit": 64 << 20, "swap": 32 << 20}},
        {"cpu": {"cpus": "99999"}},
        {"cpu": {"cpus": "x"}},
        {"cpu": {"quota": 1000, "period": 100_000, "burst": 999_999_999}},
    ],
    ids=lambda resources: next(iter(resources)),
)
def test_setting_that_lacks_a_field_or_cant_be_is_an_error(oci, bundle, resources):
    """Control groups: required fields are there, and what the kernel can't apply is an error."""
    bundle.resources.update(resources)
    oci.refuses(bundle)


@pytest.mark.parametrize(
    "resources",
    [
        {"network": {"classID": 1_048_577}},
        {"rdma": {"mlx5_1": {"hcaHandles": 3}}},
        {"unified": {"nosuchcontroller.max": "1"}},
        {"unified": {"memory.nosuchfile": "1"}},
    ],
    ids=["network", "rdma", "controller", "file"],
)
def test_setting_of_a_controller_that_isnt_there_is_an_error(oci, bundle, resources):
    """Unified and Control groups: a controller that isn't present or can't be enabled is an error."""
    bundle.resources.update(resources)
    oci.refuses(bundle)


def test_unified_setting_is_written_or_an_error(oci, bundle):
    """Unified: even what the runtime doesn't know is written; where there is no such hierarchy it fails."""
    bundle.resources["unified"] = {"pids.max": "33", "memory.high": str(64 << 20)}
    if UNIFIED:
        oci.create(bundle)
        group = oci.cgroup("")
        assert (group / "pids.max").read_text() == "33\n"
        assert (group / "memory.high").read_text() == f"{64 << 20}\n"
    else:
        oci.refuses(bundle)
