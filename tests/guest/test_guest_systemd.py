"""The systemd driver: scopes with their limits, made and removed by the real systemd."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from guest_inside import inside, inside_as_user, refused

from runtime.cgroups import systemd

RESOURCES = {
    "memory": {"limit": 64 << 20, "reservation": 32 << 20, "swap": 80 << 20},
    "cpu": {"shares": 2048, "quota": 25_001, "period": 50_000, "cpus": "0-1", "mems": "0"},
    "pids": {"limit": 42},
}
SHOWN = {
    "MemoryMax": str(64 << 20),
    "MemoryLow": str(32 << 20),
    "MemorySwapMax": str(16 << 20),
    "CPUWeight": "174",
    "CPUQuotaPerSecUSec": "510ms",
    "CPUQuotaPeriodUSec": "50ms",
    "AllowedCPUs": "0-1",
    "AllowedMemoryNodes": "0",
    "TasksMax": "42",
    "Delegate": "yes",
}


@contextlib.contextmanager
def sleeper() -> Iterator[int]:
    """A process to put into a scope."""
    with subprocess.Popen(("sleep", "60")) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def shown(unit: str, *names: str) -> dict[str, str]:
    """Properties of a unit as `systemctl show` prints them."""
    who = ("--user",) if os.geteuid() else ()
    command = ("systemctl", *who, "show", unit, *(f"--property={name}" for name in names))
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in output.splitlines())


def group_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::")


@inside
def test_a_scope_shows_its_limits_and_holds_the_process():
    scope = systemd.parse("tare-test.slice:app:limits", "limits")
    with sleeper() as pid:
        group = scope.start(pid, RESOURCES)
        assert group == "/tare.slice/tare-test.slice/app-limits.scope"
        assert group_of(pid) == group
        assert shown(scope.unit, *SHOWN) == SHOWN
        directory = Path(f"/sys/fs/cgroup{group}")
        written = {
            name: (directory / name).read_text().strip() for name in ("memory.max", "pids.max", "cpu.max")
        }
        assert written == {"memory.max": str(64 << 20), "pids.max": "42", "cpu.max": "25500 50000"}


@inside
def test_an_update_changes_what_it_names_only():
    scope = systemd.parse("", "updated")
    with sleeper() as pid:
        assert scope.start(pid, RESOURCES) == "/system.slice/tarebox-updated.scope"
        scope.update({"memory": {"limit": 32 << 20}, "cpu": {"quota": -1}, "pids": {"limit": -1}})
        changed = {"MemoryMax": str(32 << 20), "CPUQuotaPerSecUSec": "infinity", "TasksMax": "infinity"}
        assert shown(scope.unit, *SHOWN) == SHOWN | changed


@inside
def test_stopping_ends_the_processes_and_the_unit_and_may_be_repeated():
    scope = systemd.parse("system.slice:app:stopped", "stopped")
    process = subprocess.Popen(("sleep", "60"))
    group = scope.start(process.pid, {})
    scope.stop()
    assert process.wait(10) == -15
    assert not Path(f"/sys/fs/cgroup{group}").exists()
    assert shown(scope.unit, "LoadState") == {"LoadState": "not-found"}
    scope.stop()


@inside
def test_a_failed_scope_leaves_its_name_to_the_next():
    scope = systemd.parse("::again", "again")
    command = (
        "systemd-run",
        "--scope",
        f"--unit={scope.unit}",
        "--property=RuntimeMaxSec=100ms",
        "sleep",
        "60",
    )
    subprocess.run(command, capture_output=True, check=False)
    assert shown(scope.unit, "Result") == {"Result": "timeout"}
    with sleeper() as pid:
        scope.start(pid, {})
        assert shown(scope.unit, "ActiveState", "Result") == {"ActiveState": "active", "Result": "success"}
    scope.stop()


@inside
def test_a_name_in_use_is_refused():
    scope = systemd.parse("system.slice:app:twice", "twice")
    with sleeper() as first, sleeper() as second:
        scope.start(first, {})
        with refused("already"):
            scope.start(second, {})
        assert group_of(first) != group_of(second)


@inside
def test_what_systemd_does_not_take_is_one_line():
    with sleeper() as pid:
        with refused("slice"):
            systemd.parse("no/slice:app:1", "1").start(pid, {})
        with refused("memory"):
            systemd.parse("", "1").start(pid, {"memory": {"limit": 2 << 20, "swap": 1 << 20}})
    with refused("does not exist"):
        systemd.parse("", "1").start(1 << 22, {})


@inside
def test_without_a_bus_the_error_says_so():
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nowhere"
    with refused("can't reach systemd's message bus at unix:path=/nowhere: No such file"):
        systemd.parse("", "1").start(1, {})


@inside_as_user
def test_a_user_makes_scopes_in_their_own_systemd():
    scope = systemd.parse("user.slice:app:mine", "mine")
    with sleeper() as pid:
        group = scope.start(pid, {"memory": {"limit": 64 << 20}, "pids": {"limit": 9}})
        assert group == "/user.slice/user-1000.slice/user@1000.service/user.slice/app-mine.scope"
        assert group_of(pid) == group
        assert Path(f"/sys/fs/cgroup{group}/memory.max").read_text() == f"{64 << 20}\n"
    scope.stop()


@inside_as_user
def test_a_user_who_is_root_in_a_namespace_reaches_their_own_systemd():
    code = (
        "import os; from runtime.cgroups import systemd;"
        "print(systemd.parse('', 'mapped').start(os.getpid(), {}))"
    )
    done = subprocess.run(
        ("unshare", "--map-root-user", "python3", "-c", code), capture_output=True, text=True, check=False
    )
    assert done.stdout.endswith("user@1000.service/user.slice/tarebox-mapped.scope\n"), done.stderr
