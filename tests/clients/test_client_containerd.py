"""containerd's shim with the runtime, driven by `ctr`."""

import subprocess

from client_containerd import Containerd
from client_terminal import OBEY, terminal

_WAITS = "trap 'exit 5' TERM; while :; do sleep 100 & wait $!; done"


def test_exit_status_and_streams(ctr: Containerd) -> None:
    ended = ctr.run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert (ended.status, ended.stdout, ended.stderr) == (3, "out\n", "err\n")
    for argv in (("no-such-command",), ("/etc/passwd",)):
        ended = ctr.run(*argv)
        assert ended.status != 0
        assert argv[0] in ended.stderr
        assert ctr.place.leftovers() == []


def test_stdin(ctr: Containerd) -> None:
    arguments = ctr.run_arguments("stdin", "cat", options=("--rm",))
    pipe = subprocess.PIPE
    with ctr.popen(*arguments, stdin=pipe, stdout=pipe) as process:
        process.stdin.write(b"line\n")
        process.stdin.flush()
        # ctr forgets an end of the input that comes before the container has started.
        assert process.stdout.readline() == b"line\n"
        process.stdin.close()
        assert process.wait(30) == 0


def test_process_is_as_asked(ctr: Containerd) -> None:
    script = (
        'echo "$A"; pwd; touch /x 2>/dev/null || echo read only;'
        "df -k /scratch | tail -1 | tr -s ' ' | cut -d' ' -f2;"
        "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status; cat /bound/config.toml | head -1"
    )
    options = (
        *("--env", "A=b  c", "--cwd", "/var/tmp", "--read-only", "--seccomp"),
        *("--mount", "type=tmpfs,src=tmpfs,dst=/scratch,options=size=1m:nosuid"),
        *("--mount", f"type=bind,src={ctr.place.directory},dst=/bound,options=rbind:ro"),
    )
    lines = ctr.run("sh", "-c", script, options=options).stdout.splitlines()
    assert lines == ["b  c", "/var/tmp", "read only", "1024", "NoNewPrivs:\t1", "Seccomp:\t2", "version = 2"]


def test_life(ctr: Containerd) -> None:
    name = ctr.start("life", "sh", "-c", _WAITS)
    assert ctr.status(name) == "RUNNING"
    ended = ctr("tasks", "exec", "--exec-id", "one", name, "sh", "-c", "echo inside; exit 9")
    assert (ended.status, ended.stdout) == (9, "inside\n")
    assert ctr("tasks", "exec", "--exec-id", "two", name, "no-such-command").status != 0
    identity = ctr.must("tasks", "exec", "--exec-id", "three", "--user", "1000:1000", name, "id", "-u")
    assert identity == "1000\n"
    assert len(ctr.must("tasks", "ps", name).splitlines()) == 3
    ctr.must("tasks", "pause", name)
    assert ctr.status(name) == "PAUSED"
    ctr.must("tasks", "resume", name)
    assert ctr.status(name) == "RUNNING"
    assert "pids.current" in ctr.must("tasks", "metrics", name)
    with ctr.popen("tasks", "attach", name, stdin=subprocess.DEVNULL) as attached:
        ctr.must("tasks", "kill", "--signal", "SIGTERM", name)
        assert attached.wait(30) == 5
    ctr.must("containers", "delete", name)
    assert ctr.place.leftovers() == []


def test_created_task_is_started_and_killed(ctr: Containerd) -> None:
    name = ctr.start("killed", "sleep", "1000")
    with ctr.popen("tasks", "attach", name, stdin=subprocess.DEVNULL) as attached:
        ctr.must("tasks", "kill", "--signal", "SIGKILL", name)
        assert attached.wait(30) == 137
    ctr.must("containers", "delete", name)


def test_out_of_memory_is_told(ctr: Containerd) -> None:
    limit = 16 * 1024 * 1024
    with ctr.popen("events", stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as events:
        try:
            name = ctr.start("limited", "sleep", "1000", options=("--memory-limit", str(limit)))
            assert ctr("tasks", "exec", "--exec-id", "eats", name, "tail", "/dev/zero").status == 137
            assert any(b"/tasks/oom" in line for line in events.stdout)
        finally:
            events.kill()
    assert ctr.status(name) == "RUNNING"


def test_mapped_users(ctr: Containerd) -> None:
    options = ("--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536")
    ended = ctr.run("sh", "-c", "tr -s ' ' </proc/self/uid_map; id -u; stat -c %u /", options=options)
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [" 0 100000 65536", "0", "0"]


def test_terminal(ctr: Containerd) -> None:
    arguments = ctr.run_arguments("terminal", "sh", "-c", OBEY, options=("--rm", "--tty"))
    with terminal(ctr.popen, *arguments, size=(30, 100)) as screen:
        # ctr leaves its own terminal to turn line ends once more.
        screen.expect("ready\r")
        screen.type("tty\n")
        screen.expect("/dev/pts/0\r")
        screen.expect_size(30, 100)
        screen.type("exit 7\n")
        assert screen.wait() == 7
    name = ctr.start("around", "sh", "-c", _WAITS)
    with terminal(ctr.popen, "tasks", "exec", "--tty", "--exec-id", "tty", name, "sh", "-c", OBEY) as screen:
        screen.expect("ready\r")
        screen.type("tty; exit 6\n")
        screen.expect("/dev/pts/0\r")
        assert screen.wait() == 6
