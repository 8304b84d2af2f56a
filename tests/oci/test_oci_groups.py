"""The commands that freeze, limit, watch and end by control groups, on a record that is made here."""

import json
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oci_box import COMMAND, MAIN, has_ended

from runtime.oci.commands import update
from runtime.oci.record import Record

pytest_plugins = ("oci_box",)


def test_pause_and_resume(grouped):
    box, groups, _ = grouped
    box.ok("pause", "box")
    assert groups.is_frozen()
    assert json.loads(box.ok("state", "box"))["status"] == "paused"
    assert "paused" in box.fails("pause", "box")
    assert "not stopped" in box.fails("delete", "box")
    box.ok("kill", "box", "TERM")
    assert not has_ended(box.process)
    box.ok("resume", "box")
    assert box.process.wait() == -signal.SIGTERM
    assert "stopped" in box.fails("resume", "box")


def test_resume_of_what_runs_is_an_error(grouped):
    assert "not paused" in grouped[0].fails("resume", "box")


def test_killed_while_paused(grouped):
    box, *_ = grouped
    box.ok("pause", "box")
    box.ok("kill", "box", "KILL")
    assert box.process.wait() == -signal.SIGKILL


def test_forced_delete_while_paused(grouped):
    box, groups, second = grouped
    box.ok("pause", "box")
    box.ok("delete", "--force", "box")
    assert (box.process.wait(), second.wait()) == (-signal.SIGKILL, -signal.SIGKILL)
    assert not [path for path in groups.paths.values() if Path(path).exists()]


@pytest.mark.parametrize("paused", [False, True])
def test_signal_to_all(grouped, paused):
    box, groups, second = grouped
    if paused:
        box.ok("pause", "box")
    box.ok("kill", "--all", "box", "USR1")
    assert groups.is_frozen() == paused
    if paused:
        box.ok("resume", "box")
    assert (box.process.wait(), second.wait()) == (-signal.SIGUSR1, -signal.SIGUSR1)
    assert "container not running" in box.fails("kill", "--all", "box", "USR1")


def test_signal_to_all_that_the_first_process_left_behind(grouped):
    box, _, second = grouped
    box.end()
    assert "container not running" in box.fails("kill", "box", "TERM")
    assert second.poll() is None
    box.ok("kill", "--all", "box", "TERM")
    assert second.wait() == -signal.SIGTERM


@pytest.mark.parametrize("namespace", [{"type": "pid"}, {"type": "pid", "path": "/proc/1/ns/pid"}, None])
def test_killing_the_first_process_ends_all_without_a_pid_namespace(grouped, namespace):
    """With one the kernel does, were these processes in it."""
    box, _, second = grouped
    box.configure(linux={"namespaces": [namespace] if namespace else None})
    box.ok("kill", "box", "KILL")
    assert box.process.wait() == -signal.SIGKILL
    assert has_ended(second) == (namespace != {"type": "pid"})


def test_delete_ends_what_the_first_process_left_behind(grouped):
    box, groups, second = grouped
    box.end()
    box.ok("delete", "box")
    assert second.wait() == -signal.SIGKILL
    assert not [path for path in groups.paths.values() if Path(path).exists()]


def test_groups_of_a_creator_who_died_are_removed_unless_used(grouped):
    box, groups, second = grouped
    name = Path(next(iter(groups.paths.values()))).name
    half = Record(str(box.root), name)
    half.make(b"{}")
    box.ok("delete", "--force", name)
    assert second.poll() is None
    second.kill()
    second.wait()
    box.end()
    half.make(b"{}")
    box.ok("delete", "--force", name)
    assert not [path for path in groups.paths.values() if Path(path).exists()]


def test_ps_shows_the_processes(grouped):
    box, _, second = grouped
    pids = {box.process.pid, second.pid}
    assert set(json.loads(box.ok("ps", "--format", "json", "box"))) == pids
    header, *lines = box.ok("ps", "box").splitlines()
    assert header.split()[:2] == ["UID", "PID"]
    assert {int(line.split()[1]) for line in lines} == pids
    header, *lines = box.ok("ps", "box", "-eo", "comm,pid").splitlines()
    assert [line.split()[0] for line in lines] == ["sleep", "sleep"]
    box.fails("ps", "box", "-eo", "comm")


def test_update_changes_limits(grouped, tmp_path):
    box, groups, _ = grouped
    memory = Path(groups.paths["memory"], "memory.limit_in_bytes")
    box.ok("update", "--memory", "64m", "--pids-limit=50", "box")
    assert int(memory.read_text()) == 64 << 20
    assert Path(groups.paths["pids"], "pids.max").read_text() == "50\n"
    resources = tmp_path / "resources"
    resources.write_text('{"memory": {"limit": 33554432}, "pids": null}')
    box.ok("update", "--resources", str(resources), "box")
    assert int(memory.read_text()) == 32 << 20
    resources.write_text('{"memory": {"limit": "x"}}')
    assert "memory" in box.fails("update", "-r", str(resources), "box")
    box.end()
    assert "container not running" in box.fails("update", "--memory", "1g", "box")


def test_events_show_statistics(grouped):
    box, *_ = grouped
    for command in (["stats"], ["events", "--stats"]):
        event = json.loads(box.ok(*command, "box"))
        assert (event["type"], event["id"], event["data"]["pids"]["current"]) == ("stats", "box", 2)
    for interval in ("5", "x", "0s", "-1s", "1s2"):
        assert "interval" in box.fails("events", "--interval", interval, "box")


def test_events_tell_of_a_kill_for_memory(grouped):
    box, groups, _ = grouped
    box.ok("update", "--memory", "8m", "--memory-swap", "8m", "box")
    command = [*COMMAND, "-c", MAIN, "--root", str(box.root), "events", "--interval", "10ms", "box"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as events:
        assert json.loads(events.stdout.readline())["type"] == "stats"
        joining = f"echo $$ > {groups.paths['memory']}/cgroup.procs"
        eater = subprocess.run(
            ["sh", "-c", f"{joining}; head -c 100m /dev/zero | tail -c 90m > /dev/null"], check=False
        )
        assert eater.returncode == 128 + signal.SIGKILL
        kinds = []
        while "oom" not in kinds:
            kinds.append(json.loads(events.stdout.readline())["type"])
        box.end()
        assert events.wait() == 0
    assert set(kinds) <= {"stats", "oom"}


@given(
    st.integers(0, 2**40), st.sampled_from(["", "k", "M", "g", "T", "p"]), st.sampled_from(["", "b", "iB"])
)
def test_size_has_units(number, unit, ending):
    power = " kmgtp".index(unit.lower() or " ")
    assert update.size(f"{number}{unit}{ending}") == number * 1024**power


@given(st.text())
def test_size_is_a_number_or_an_error(text):
    with suppress(ValueError):
        assert update.size(text) >= -1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--memory", "x"],
        ["--cpu-quota", "1.5"],
        ["--l3-cache-schema", "x"],
        ["--resources", "/no/such/file"],
        ["--resources", "/etc/passwd"],
        ["--nosuch", "1"],
    ],
)
def test_update_with_values_without_meaning_is_an_error(box, arguments):
    box.fails("update", *arguments, "box")
