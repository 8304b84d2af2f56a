"""Memory, processes, processors, files, devices: limits are set, seen, changed and enforced."""

from client_cli import Client

_MEBIBYTE = 1024 * 1024


def _limit(client: Client, container: str, unified: str, controller: str, legacy: str) -> str:
    """The value of a control file as the container sees its own group, on either version of cgroups."""
    script = f"cat /sys/fs/cgroup/{unified} 2>/dev/null || cat /sys/fs/cgroup/{controller}/{legacy}"
    return client.must("exec", container, "sh", "-c", script)


def test_limits_are_set_seen_and_changed(client: Client) -> None:
    container = client.sleeper(
        *("--memory", "64m", "--memory-swap", "64m", "--pids-limit", "20", "--cpus", "0.5"),
        *("--cpuset-cpus", "0", "--ulimit", "nofile=512:1024", "--oom-score-adj", "500"),
        # Podman raises this one as soon as another is given, which takes CAP_SYS_RESOURCE.
        *("--ulimit", "nproc=1000:2000"),
    )
    assert _limit(client, container, "memory.max", "memory", "memory.limit_in_bytes") == str(64 * _MEBIBYTE)
    assert _limit(client, container, "pids.max", "pids", "pids.max") == "20"
    assert _limit(client, container, "cpu.max", "cpu", "cpu.cfs_quota_us").split()[0] == "50000"
    script = (
        "grep 'open files' /proc/1/limits | tr -s ' '; cat /proc/self/oom_score_adj;"
        "grep Cpus_allowed_list /proc/self/status"
    )
    lines = client.must("exec", container, "sh", "-c", script).splitlines()
    assert lines == ["Max open files 512 1024 files ", "500", "Cpus_allowed_list:\t0"]
    client.must("update", "--memory", "32m", "--memory-swap", "32m", "--cpus", "0.25", container)
    assert _limit(client, container, "memory.max", "memory", "memory.limit_in_bytes") == str(32 * _MEBIBYTE)
    assert _limit(client, container, "cpu.max", "cpu", "cpu.cfs_quota_us").split()[0] == "25000"
    assert _limit(client, container, "pids.max", "pids", "pids.max") == "20"


def test_out_of_memory(client: Client) -> None:
    limits = ("--memory", "16m", "--memory-swap", "16m", "--network", "none")
    container = client.must("run", "--detach", *client.options(*limits), "sh", "-c", "exec tail /dev/zero")
    assert client.wait(container) == 137
    # Some versions of podman's monitor put their note where podman was called.
    note = client.place.directory / "oom"
    assert client.inspect(container, "{{.State.OOMKilled}}") == "true" or note.exists()
    note.unlink(missing_ok=True)


def test_out_of_memory_in_exec_spares_the_container(client: Client) -> None:
    container = client.sleeper("--memory", "16m", "--memory-swap", "16m", "--network", "none")
    assert client("exec", container, "tail", "/dev/zero").status == 137
    assert client.state(container) == "running"
    (client.place.directory / "oom").unlink(missing_ok=True)


def test_processes(client: Client) -> None:
    script = "for each in $(seq 20); do sleep 100 & done; echo all"
    ended = client.run("sh", "-c", script, options=("--pids-limit", "10", "--network", "none"))
    assert "can't fork" in ended.stderr
    assert "all" not in ended.stdout


def test_devices(client: Client) -> None:
    script = (
        "true >/dev/given && echo written; true 2>/dev/null </dev/given || echo not read;"
        "mknod /tmp/fuse c 10 229; true </tmp/fuse; echo $?;"
        "mknod /tmp/null c 1 3; true </tmp/null; echo $?;"
        "for each in null zero full random urandom tty; do test -c /dev/$each || echo no $each; done;"
        "for each in fd stdin stdout stderr ptmx; do readlink /dev/$each; done; stat -c %a /dev/shm /dev/null"
    )
    options = ("--device", "/dev/kmsg:/dev/given:w", "--network", "none")
    ended = client.run("sh", "-c", script, options=options)
    assert ended.stdout.splitlines() == [
        *("written", "not read", "1", "0"),
        *("/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "pts/ptmx"),
        *("1777", "666"),
    ]
    assert "/tmp/fuse: Operation not permitted" in ended.stderr
