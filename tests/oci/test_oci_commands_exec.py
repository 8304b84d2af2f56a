"""`exec` and `update` as callers of runc use them."""

import json
import os
import signal
from pathlib import Path

import pytest


@pytest.fixture
def box(oci, bundle) -> int:
    """A running container."""
    return oci.running(bundle)


def test_exec_runs_in_the_container(oci, box):
    assert oci.ok("exec", oci.name, "hostname") == "box\n"
    names = ("mnt", "net", "uts", "ipc", "pid")
    script = "; ".join(f"readlink /proc/self/ns/{name}" for name in names)
    seen = oci.ok("exec", oci.name, "sh", "-c", script).split()
    assert seen == [str(Path(f"/proc/{box}/ns/{name}").readlink()) for name in names]


def test_exec_is_in_the_containers_groups(oci, box):
    def paths(text: str) -> set[str]:
        return {line.split(":", 1)[1] for line in text.splitlines()}

    inside = oci.ok("exec", oci.name, "cat", "/proc/self/cgroup")
    assert paths(inside) == paths(Path(f"/proc/{box}/cgroup").read_text())


@pytest.mark.parametrize("status", [0, 1, 42, 255])
def test_exec_returns_the_exit_status(oci, box, status):
    assert oci.run("exec", oci.name, "sh", "-c", f"exit {status}").returncode == status


def test_exec_returns_the_signal(oci, box):
    ended = oci.run("exec", oci.name, "sh", "-c", "kill -9 $$")
    assert ended.returncode == 128 + signal.SIGKILL


def test_exec_of_a_missing_program_fails(oci, box):
    ended = oci.run("exec", oci.name, "/no/such/program")
    assert ended.returncode in (127, 255)
    assert "/no/such/program" in ended.stderr
    assert oci.status() == "running"


def test_exec_of_what_isnt_executable_fails(oci, box):
    ended = oci.run("exec", oci.name, "/etc/passwd")
    assert ended.returncode in (126, 255)
    assert "/etc/passwd" in ended.stderr


def test_exec_has_the_callers_streams(oci, box):
    ended = oci.run("exec", oci.name, "sh", "-c", "cat; echo error >&2", text="input\n")
    assert (ended.stdout, ended.stderr) == ("input\n", "error\n")


def test_exec_without_a_program_is_an_error(oci, box):
    oci.fails("exec", oci.name)


def test_exec_into_what_isnt_running_is_an_error(oci, bundle):
    oci.fails("exec", oci.name, "true")
    oci.running(bundle)
    oci.stop()
    oci.fails("exec", oci.name, "true")


def test_exec_takes_the_containers_process_as_its_pattern(oci, bundle):
    bundle.process["env"].append("A=b")
    bundle.process.update(cwd="/usr", user={"uid": 3, "gid": 4, "umask": 0o77})
    oci.running(bundle)
    assert (
        oci.ok("exec", oci.name, "sh", "-c", "echo $A; pwd; id -u; id -g; umask") == "b\n/usr\n3\n4\n0077\n"
    )


@pytest.mark.parametrize("flag", ["--env", "-e"])
def test_exec_adds_to_the_environment(oci, box, flag):
    assert oci.ok("exec", flag, "A=b", flag, "C=d e", oci.name, "sh", "-c", "echo $A $C $PATH").startswith(
        "b d e /usr/local/sbin"
    )


@pytest.mark.parametrize(("user", "seen"), [("5", "5 0\n"), ("5:6", "5 6\n")])
def test_exec_has_the_given_user(oci, box, user, seen):
    assert oci.ok("exec", "--user", user, oci.name, "sh", "-c", "echo $(id -u) $(id -g)") == seen


def test_exec_has_the_given_directory(oci, box):
    assert oci.ok("exec", "--cwd", "/usr/bin", oci.name, "pwd") == "/usr/bin\n"


def test_exec_has_the_given_further_groups(oci, box):
    seen = oci.ok("exec", "--additional-gids", "7", "--additional-gids", "8", oci.name, "id", "-G")
    assert {"7", "8"} <= set(seen.split())


def test_exec_has_the_given_capabilities_and_privileges(oci, box):
    script = "grep -e CapEff -e NoNewPrivs /proc/self/status"
    flags = ["--cap", "CAP_NET_BIND_SERVICE", "--no-new-privs"]
    lines = oci.ok("exec", *flags, oci.name, "sh", "-c", script).splitlines()
    values = {line.split()[0]: line.split()[1] for line in lines}
    assert values["NoNewPrivs:"] == "1"
    assert int(values["CapEff:"], 16) >> 10 & 1


@pytest.mark.parametrize("flag", ["--process", "-p"])
def test_exec_takes_a_process_from_a_file(oci, bundle, box, tmp_path, flag):
    process = {
        **bundle.process,
        "args": ["sh", "-c", "echo $A; pwd; id -u; ulimit -n; grep CapEff /proc/self/status"],
        "env": [*bundle.process["env"], "A=b"],
        "cwd": "/etc",
        "user": {"uid": 9, "gid": 9},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 77}],
        "capabilities": {},
    }
    file = tmp_path / "process.json"
    file.write_text(json.dumps(process))
    assert oci.ok("exec", flag, str(file), oci.name) == "b\n/etc\n9\n77\nCapEff:\t0000000000000000\n"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"args": []}'])
def test_exec_of_an_invalid_process_is_an_error(oci, box, tmp_path, text):
    file = tmp_path / "process.json"
    file.write_text(text)
    oci.fails("exec", "--process", str(file), oci.name)
    oci.fails("exec", "--process", str(tmp_path / "missing"), oci.name)


def test_exec_is_detached_on_request(oci, box, tmp_path):
    file = tmp_path / "pid"
    oci.ok("exec", "--detach", "--pid-file", str(file), oci.name, "sleep", "1000")
    pid = int(file.read_text())
    assert f"\nNSpid:\t{pid}\t" in Path(f"/proc/{pid}/status").read_text()
    assert pid in json.loads(oci.ok("ps", "--format", "json", oci.name))


def test_exec_has_a_terminal_over_the_console_socket(oci, box, console):
    flags = ["--tty", "--detach", "--console-socket", console.path]
    oci.ok("exec", *flags, oci.name, "sh", "-c", "test -t 0 && tty && read line && echo got $line")
    with console.receive() as terminal:
        terminal.write(b"input\n")
        seen = console.read(terminal)
    assert "/dev/pts/" in seen
    assert "got input\n" in seen


def test_exec_has_the_callers_terminal(oci, box):
    master, slave = os.openpty()
    try:
        streams = {"stdin": slave, "stdout": slave, "stderr": slave}
        ended = oci.run("exec", "-t", oci.name, "sh", "-c", "test -t 1 && exit 5", **streams)
        assert ended.returncode == 5
    finally:
        os.close(slave)
        os.close(master)


def test_exec_gives_no_descriptors_of_the_host(oci, box):
    read, write = os.pipe()
    os.set_inheritable(read, True)
    try:
        seen = oci.ok("exec", oci.name, "ls", "/proc/self/fd", close_fds=False)
    finally:
        os.close(read)
        os.close(write)
    assert seen.split() == ["0", "1", "2", "3"]


def test_exec_has_the_filter_and_the_limits_of_the_container(oci, bundle):
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}],
    }
    bundle.process["oomScoreAdj"] = 500
    oci.running(bundle)
    seen = oci.ok("exec", oci.name, "grep", "-e", "Seccomp:", "-e", "NoNewPrivs", "/proc/self/status")
    assert seen.split() == ["NoNewPrivs:", "1", "Seccomp:", "2"]


def test_exec_enters_a_user_namespace(oci, bundle):
    bundle.map_ids()
    oci.running(bundle)
    assert oci.ok("exec", oci.name, "sh", "-c", "id -u; cat /proc/self/uid_map").split() == [
        "0",
        "0",
        "100000",
        "65536",
    ]


def test_exec_into_a_paused_container_needs_a_flag(oci, box):
    oci.ok("pause", oci.name)
    oci.fails("exec", oci.name, "true")
    oci.ok("resume", oci.name)


UPDATES = [
    (["--memory", "67108864"], "memory", "memory.limit_in_bytes", "67108864"),
    (["--memory-reservation", "33554432"], "memory", "memory.soft_limit_in_bytes", "33554432"),
    (["--pids-limit", "42"], "pids", "pids.max", "42"),
    (["--cpu-share", "512"], "cpu", "cpu.shares", "512"),
    (["--cpu-quota", "50000", "--cpu-period", "100000"], "cpu", "cpu.cfs_quota_us", "50000"),
    (["--cpuset-cpus", "0"], "cpuset", "cpuset.cpus", "0"),
    (["--cpuset-mems", "0"], "cpuset", "cpuset.mems", "0"),
]


@pytest.mark.parametrize(("flags", "controller", "file", "value"), UPDATES, ids=lambda value: str(value)[:20])
def test_update_by_flags(oci, box, flags, controller, file, value):
    oci.ok("update", *flags, oci.name)
    assert (oci.cgroup(controller) / file).read_text().strip() == value


@pytest.mark.parametrize("place", ["-", "file"])
def test_update_by_resources(oci, box, tmp_path, place):
    text = json.dumps({"memory": {"limit": 64 << 20}, "pids": {"limit": 33}, "cpu": {"shares": 256}})
    file = tmp_path / "resources.json"
    file.write_text(text)
    oci.ok("update", "--resources", "-" if place == "-" else str(file), oci.name, text=text)
    assert (oci.cgroup("memory") / "memory.limit_in_bytes").read_text() == f"{64 << 20}\n"
    assert (oci.cgroup("pids") / "pids.max").read_text() == "33\n"
    assert (oci.cgroup("cpu") / "cpu.shares").read_text() == "256\n"


def test_update_leaves_the_other_limits(oci, bundle):
    bundle.resources.update({"memory": {"limit": 64 << 20}, "pids": {"limit": 33}})
    oci.running(bundle)
    oci.ok("update", "--pids-limit", "44", oci.name)
    assert (oci.cgroup("memory") / "memory.limit_in_bytes").read_text() == f"{64 << 20}\n"
    assert (oci.cgroup("pids") / "pids.max").read_text() == "44\n"


def test_update_raises_memory_and_swap_together(oci, bundle):
    bundle.resources["memory"] = {"limit": 32 << 20, "swap": 32 << 20}
    oci.running(bundle)
    for limit in (64 << 20, 16 << 20):
        oci.ok("update", "--memory", str(limit), "--memory-swap", str(limit), oci.name)
        assert (oci.cgroup("memory") / "memory.limit_in_bytes").read_text() == f"{limit}\n"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"memory": {"limit": "x"}}', '{"pids": 1}'])
def test_update_by_invalid_resources_is_an_error(oci, box, text):
    oci.fails("update", "--resources", "-", oci.name, text=text)


def test_update_of_an_unknown_container_is_an_error(oci):
    oci.fails("update", "--pids-limit", "1", oci.name)
