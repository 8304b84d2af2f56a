"""Containers through their lives, by `tarebox` as a process."""

import json
import re
import shlex
import subprocess
import time

import pytest

SERVER = ("sh", "-c", "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done")


@pytest.fixture
def detached(said):
    """Starts a container in the background; its id."""

    def run(*arguments: str) -> str:
        identity = said("run", "-d", "--network", "none", *arguments)
        assert re.fullmatch("[0-9a-f]{64}", identity)
        return identity

    return run


@pytest.fixture
def await_output(said):
    """Waits until a container has written something."""

    def awaited(name: str, text: str = "ready") -> None:
        for _ in range(200):
            if text in said("logs", name):
                return
            time.sleep(0.02)
        raise AssertionError(f"{name} never said {text}")

    return awaited


def inspected(said, name: str) -> dict:
    return json.loads(said("inspect", name))[0]


def test_from_creation_to_removal(said, tarebox, fault):
    identity = said(
        "create",
        "--name",
        "one",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 4",
    )
    assert said("start", "one") == "one"
    assert said("wait", "one") == "4"
    ended = tarebox("logs", "one")
    assert (ended.stdout, ended.stderr) == ("out\n", "err\n")
    assert said("rename", "one", "two") == ""
    assert "no such container: one" in fault(1, "start", "one")
    assert said("restart", "two") == "two"
    assert said("wait", identity[:12]) == "4"
    assert said("rm", identity) == identity
    assert "no such container: two" in fault(1, "rm", "two")


def test_stopped_by_a_signal_it_heeds(detached, said, await_output):
    detached("--name", "one", "busybox", *SERVER)
    detached(
        "--name",
        "two",
        "--stop-signal",
        "USR1",
        "busybox",
        "sh",
        "-c",
        "trap 'exit 5' USR1; echo ready; while :; do sleep 0.05; done",
    )
    await_output("one")
    await_output("two")
    assert said("stop", "one", "two") == "one\ntwo"
    assert said("wait", "one", "two") == "3\n5"
    assert said("logs", "one") == "ready\nbye"
    assert said("stop", "one") == "one"


def test_stopped_by_another_signal_and_in_time(detached, said, await_output):
    detached(
        "--name",
        "one",
        "busybox",
        "sh",
        "-c",
        "trap '' TERM; trap 'exit 6' INT; echo ready; while :; do sleep 0.05; done",
    )
    await_output("one")
    began = time.monotonic()
    assert said("stop", "-s", "INT", "one") == "one"
    assert said("wait", "one") == "6"
    said("start", "one")
    assert said("stop", "-t", "0", "one") == "one"
    assert said("wait", "one") == "137"
    assert time.monotonic() - began < 9


def test_names_are_each_tried(detached, tarebox):
    detached("--name", "one", "busybox", "sleep", "60")
    ended = tarebox("kill", "nosuch", "one", "neither")
    assert (ended.stdout, ended.returncode) == ("one\n", 1)
    assert [line.partition(";")[0] for line in ended.stderr.splitlines()] == [
        "tarebox: no such container: nosuch",
        "tarebox: no such container: neither",
    ]
    ended = tarebox("rm", "one", "nosuch", "-f")
    assert (ended.stdout, ended.returncode) == ("one\n", 0)
    assert "no such container: nosuch" in ended.stderr


def test_running_ones_are_removed_by_force_only(detached, said, fault):
    detached("--name", "one", "busybox", "sleep", "60")
    assert "it is running" in fault(1, "rm", "one")
    assert said("rm", "-f", "one") == "one"


def test_killed_with_a_signal(detached, said, fault, await_output):
    detached(
        "--name",
        "one",
        "busybox",
        "sh",
        "-c",
        "trap 'echo got' USR1; echo ready; while :; do sleep 0.05; done",
    )
    await_output("one")
    assert said("kill", "--signal", "SIGUSR1", "one") == "one"
    await_output("one", "got")
    assert "invalid signal: NONSENSE" in fault(1, "kill", "-s", "NONSENSE", "one")
    assert said("kill", "one") == "one"
    assert said("wait", "one") == "137"
    assert "it is exited" in fault(1, "kill", "one")


def test_paused_it_rests(detached, said, fault):
    detached("--name", "one", "busybox", "sleep", "60")
    assert said("pause", "one") == "one"
    assert inspected(said, "one")["State"]["Status"] == "paused"
    assert "unpause it first" in fault(1, "exec", "one", "true")
    assert said("unpause", "one") == "one"
    assert "it is running" in fault(1, "unpause", "one")
    assert said("exec", "one", "echo", "again") == "again"


def test_updated_it_has_other_limits(detached, said, fault):
    detached("--name", "one", "-m", "64m", "busybox", "sleep", "60")
    assert (
        said("update", "--memory", "32m", "--cpus", "0.5", "--pids-limit", "20", "--restart", "always", "one")
        == "one"
    )
    host = inspected(said, "one")["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (32 << 20, 500_000_000, 20)
    assert host["RestartPolicy"]["Name"] == "always"
    assert "nothing is to be changed" in fault(1, "update", "one")
    assert "memory and swap together" in fault(1, "update", "--memory-swap", "1m", "one")
    assert "there are only" in fault(1, "update", "--cpus", "1000", "one")
    assert "excludes --cpu-period" in fault(1, "update", "--cpus", "1", "--cpu-quota", "5000", "one")
    said("rm", "-f", "one")


def test_restarted_as_its_policy_says(detached, said):
    detached("--name", "one", "--restart", "on-failure:2", "busybox", "sh", "-c", "echo again; exit 1")
    for _ in range(200):
        if said("logs", "one").count("again") == 3 and inspected(said, "one")["State"]["Status"] == "exited":
            break
        time.sleep(0.05)
    assert inspected(said, "one")["RestartCount"] == 2
    assert said("logs", "one") == "again\nagain\nagain"


def test_removed_at_its_end(detached, said, tarebox):
    detached("--name", "one", "--rm", "busybox", *SERVER)
    assert said("stop", "one") == "one"
    for _ in range(200):
        if tarebox("wait", "one").returncode == 1:
            break
        time.sleep(0.05)
    assert said("ps", "-aq") == ""


def test_logs(detached, said, tarebox, fault):
    detached(
        "--name",
        "one",
        "busybox",
        "sh",
        "-c",
        "echo 1; echo 2 >&2; echo 3; sleep 0.3; printf 4; exec sleep 0.2",
    )
    followed = tarebox("logs", "-f", "one")
    assert (followed.stdout, followed.stderr) == ("1\n3\n4", "2\n")
    assert said("logs", "--tail", "1", "one") == "4"
    assert tarebox("logs", "-n", "all", "--since", "1h", "one").stdout == "1\n3\n4"
    assert said("logs", "--since", "2999-01-01", "one") == ""
    assert said("logs", "--until", "2001-01-01", "one") == ""
    stamped = tarebox("logs", "-t", "one").stdout.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z 1", stamped[0])
    assert "'some' is no number" in fault(1, "logs", "--tail", "some", "one")
    assert "'soon' is no time" in fault(1, "logs", "--since", "soon", "one")


def test_no_log_is_kept(said, tarebox, fault, state):
    run = ("run", "--name", "one", "--network", "none", "--log-driver")
    ended = tarebox(*run, "none", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (ended.stdout, ended.stderr) == ("out\n", "err\n")
    known = inspected(said, "one")
    assert (known["HostConfig"]["LogConfig"], known["LogPath"]) == ({"Type": "none", "Config": {}}, "")
    assert list(state.data.glob("containers2/*/container.log*")) == []
    assert "configured logging driver does not support reading" in fault(1, "logs", "one")
    said("rm", "one")
    assert said(*run, "json-file", "busybox", "echo", "kept") == said("logs", "one") == "kept"
    assert "logger: no log driver named 'syslog' is registered; use json-file or none" in fault(
        125, *run, "syslog", "busybox", "true"
    )
    options = (*run, "none", "--log-opt", "max-size=1m", "busybox", "true")
    assert "invalid logging opts for driver none" in fault(125, *options)


def test_exec(detached, said, tarebox, fault):
    detached("--name", "one", "-e", "GIVEN=before", "-w", "/tmp", "busybox", "sleep", "60")
    assert said("exec", "one", "sh", "-c", "pwd; id -u; echo $GIVEN") == "/tmp\n0\nbefore"
    options = ("-e", "GIVEN=now", "-w", "/etc", "-u", "nobody")
    assert said("exec", *options, "one", "sh", "-c", "pwd; id -u; echo $GIVEN") == "/etc\n65534\nnow"
    homes = [said("exec", "-u", user, "one", "sh", "-c", "echo $HOME") for user in ("0", "nobody")]
    assert homes == ["/root", "/"]
    assert tarebox("exec", "one", "sh", "-c", "cat; exit 5", input="unheard").stdout == ""
    ended = tarebox("exec", "-i", "one", "sh", "-c", "cat; echo wrong >&2; exit 5", input="heard")
    assert (ended.stdout, ended.stderr, ended.returncode) == ("heard", "wrong\n", 5)
    assert "not found" in fault(127, "exec", "one", "nosuchcommand")
    assert "can't be executed" in fault(126, "exec", "one", "/etc/passwd")
    assert "directory /nowhere: No such file" in fault(126, "exec", "-w", "/nowhere", "one", "true")
    assert tarebox("exec", "one", "ls", "-d", "/nowhere").returncode == 1
    assert "no such container" in fault(1, "exec", "nosuch", "true")
    assert "not a TTY" in fault(1, "exec", "-it", "one", "sh")
    assert said("exec", "-d", "one", "sh", "-c", "echo made > /tmp/by") == ""
    for _ in range(100):
        if tarebox("exec", "one", "cat", "/tmp/by").stdout == "made\n":
            break
        time.sleep(0.02)
    effective = "grep CapEff /proc/self/status"
    plain, privileged = (
        said("exec", "one", "sh", "-c", effective),
        said("exec", "--privileged", "one", "sh", "-c", effective),
    )
    assert int(plain.split()[1], 16) < int(privileged.split()[1], 16)


def test_attached_later(detached, start, said, await_output):
    detached(
        "--name",
        "one",
        "-i",
        "busybox",
        "sh",
        "-c",
        "echo ready; while read line; do echo got $line; done; exit 7",
    )
    await_output("one")
    with start("attach", "one") as process:
        output, errors = process.communicate("a\nb\n", timeout=20)
        assert (output, errors, process.returncode) == ("got a\ngot b\n", "", 7)


def test_started_in_the_foreground(said, tarebox, fault):
    said(
        "create",
        "--name",
        "one",
        "-i",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "echo first; cat; echo err >&2; exit 8",
    )
    ended = tarebox("start", "-a", "-i", "one", input="typed\n")
    assert (ended.stdout, ended.stderr, ended.returncode) == ("first\ntyped\n", "err\n", 8)
    assert "one container at a time" in fault(1, "start", "-a", "one", "two")


def test_many_at_once_are_stopped_at_once(detached, said):
    names = [f"c{number}" for number in range(4)]
    for name in names:
        detached(
            "--name",
            name,
            "--stop-timeout",
            "1",
            "busybox",
            "sh",
            "-c",
            "trap '' TERM; echo; while :; do sleep 0.1; done",
        )
    time.sleep(0.1)
    began = time.monotonic()
    assert said("stop", *names) == "\n".join(names)
    assert time.monotonic() - began < 3.5


def test_ports_of_one_without(detached, said, fault):
    detached("--name", "one", "busybox", "sleep", "60")
    assert said("port", "one") == ""
    assert "no public port '80/tcp' published for one" in fault(1, "port", "one", "80")


def test_a_reader_that_leaves_ends_it_quietly(detached, environment, program, said):
    detached("--name", "one", "busybox", "sh", "-c", "seq 100000")
    said("wait", "one")
    command = f"{' '.join(map(shlex.quote, program))} logs one | head -n 1"
    ended = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("1\n", "")
