"""The commands that see to containers as callers of runc use them: signals, lists, pauses, logs, races."""

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

TWO_PROCESSES = "sleep 1000 & echo ready; exec sleep 1000"


def test_delete_by_force_ends_a_running_container(oci, bundle):
    pid = oci.running(bundle)
    oci.delete("", "--force")
    oci.fails("state", oci.name)
    assert not Path(f"/proc/{pid}/root/bin").exists()


@pytest.mark.parametrize("flag", ["--force", "-f"])
def test_delete_by_force_of_an_unknown_container_is_fine(oci, flag):
    assert oci.run("delete", flag, oci.name).returncode == 0


def test_kill_takes_term_by_default(oci, bundle):
    oci.running(bundle, script="trap 'exit 3' TERM; echo ready; sleep 1000 & wait")
    oci.ok("kill", oci.name)
    oci.wait()
    assert oci.status() == "stopped"


@pytest.mark.parametrize("own", [True, False], ids=["own", "shared"])
def test_kill_all_reaches_every_process(oci, bundle, own):
    if not own:
        bundle.without_namespace("pid")
    oci.running(bundle, script=TWO_PROCESSES)
    pids = [int(pid) for pid in (oci.cgroup("pids") / "cgroup.procs").read_text().split()]
    assert len(pids) == 2
    oci.ok("kill", "--all", oci.name, "KILL")
    for pid in pids:
        oci.await_end(pid)


def test_kill_all_reaches_what_a_stopped_process_left(oci, bundle):
    bundle.without_namespace("pid")
    pid = oci.running(bundle, script=TWO_PROCESSES)
    group = oci.cgroup("pids") / "cgroup.procs"
    os.kill(pid, signal.SIGKILL)
    oci.wait()
    left = [int(other) for other in group.read_text().split()]
    oci.ok("kill", "--all", oci.name, "KILL")
    for other in left:
        oci.await_end(other)
    oci.delete()


def test_paused_container_stands_still_until_it_is_resumed(oci, bundle):
    oci.running(bundle)
    oci.ok("pause", oci.name)
    assert oci.status() == "paused"
    oci.fails("exec", oci.name, "true")
    oci.ok("resume", oci.name)
    assert oci.status() == "running"
    oci.ok("exec", oci.name, "true")


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_pause_and_resume_of_what_they_dont_fit_are_errors(oci, bundle, command):
    oci.fails(command, oci.name)
    oci.running(bundle)
    oci.stop()
    oci.fails(command, oci.name)


def test_paused_container_is_removed_by_force(oci, bundle):
    oci.running(bundle)
    oci.ok("pause", oci.name)
    oci.delete("", "--force")
    oci.fails("state", oci.name)


def test_list_names_all_containers(oci, bundle, bundles):
    oci.running(bundle)
    second = f"{oci.name}-second"
    oci.create(bundles("second"), name=second)
    entries = {entry["id"]: entry for entry in json.loads(oci.ok("list", "--format", "json"))}
    assert set(entries) == {oci.name, second}
    entry = entries[oci.name]
    assert (entry["pid"], entry["status"], entry["bundle"]) == (oci.pid(), "running", str(bundle.path))
    assert {"ociVersion", "rootfs", "created", "owner"} <= set(entry)
    assert oci.ok("list", "-q").split() == sorted((oci.name, second))
    header, *rows = oci.ok("list").splitlines()
    assert header.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert sorted(row.split()[0] for row in rows) == sorted((oci.name, second))


def test_list_of_none_is_empty(oci):
    assert json.loads(oci.ok("list", "--format", "json")) in ([], None)
    assert oci.ok("list", "--quiet") == ""


def test_ps_names_the_processes(oci, bundle):
    pid = oci.running(bundle, script=TWO_PROCESSES)
    pids = json.loads(oci.ok("ps", "--format", "json", oci.name))
    assert (len(pids), pid in pids) == (2, True)
    table = oci.ok("ps", oci.name)
    assert "PID" in table.splitlines()[0]
    assert table.count("sleep 1000") == 2
    assert oci.ok("ps", oci.name, "-o", "pid,comm").splitlines()[0].split() == ["PID", "COMMAND"]


def test_events_give_the_statistics_once(oci, bundle):
    oci.running(bundle)
    event = json.loads(oci.ok("events", "--stats", oci.name))
    assert (event["type"], event["id"]) == ("stats", oci.name)
    data = event["data"]
    assert data["pids"]["current"] == 1
    assert data["memory"]["usage"]["usage"] > 0
    assert data["cpu"]["usage"]["total"] > 0


def test_log_takes_messages_as_json(oci, bundle, tmp_path):
    log = tmp_path / "log"
    bundle.mount("/x", "nosuchfilesystem", "none")
    flags = ["--log", str(log), "--log-format", "json"]
    ended = oci.run(*flags, "create", "--bundle", str(bundle.write()), oci.name)
    assert ended.returncode != 0
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["level"] == "error"
    assert last["msg"]
    assert last["time"]


def test_log_takes_messages_as_text(oci, tmp_path):
    log = tmp_path / "log"
    assert oci.run("--log", str(log), "state", oci.name).returncode != 0
    assert "level=error" in log.read_text()


def test_version_names_the_specification(oci):
    lines = oci.ok("--version").splitlines()
    assert " version " in lines[0]
    assert any(line.startswith("spec: 1.") for line in lines)


@pytest.mark.parametrize(
    "arguments", [("nosuch",), ("create", "--nosuch", "x"), ("start", "a", "b"), ("--nosuch",)]
)
def test_wrong_usage_is_an_error(oci, arguments):
    oci.fails(*arguments)


def test_help_names_the_commands(oci):
    text = oci.ok("--help")
    for command in (
        "create",
        "start",
        "state",
        "kill",
        "delete",
        "run",
        "exec",
        "ps",
        "list",
        "features",
        "spec",
    ):
        assert command in text


def test_one_of_several_creators_gets_the_id(oci, bundles):
    made = [bundles(f"racer{number}") for number in range(6)]
    for bundle in made:
        bundle.write()
    oci.asked.add(oci.name)

    def create(bundle) -> int:
        return oci.run("create", "--bundle", str(bundle.path), oci.name).returncode

    with ThreadPoolExecutor(len(made)) as pool:
        statuses = list(pool.map(create, made))
    assert statuses.count(0) == 1
    assert oci.state()["bundle"] == str(made[statuses.index(0)].path)
    oci.start()
    oci.wait()
    oci.delete()
    assert list(oci.root.iterdir()) == []


def test_one_of_several_starters_starts(oci, bundle):
    bundle.shell("echo ran >> /mnt/log; sleep 1000")
    share = bundle.share()
    oci.create(bundle)
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: oci.run("start", oci.name).returncode, range(6)))
    assert statuses.count(0) == 1
    oci.stop()
    assert (share / "log").read_text() in ("", "ran\n")


def test_container_outlives_its_creator(oci, bundle):
    """The caller is killed between create and start; another one goes on."""
    bundle.shell("echo ran > /mnt/log")
    share = bundle.share()
    command = oci.command("create", "--bundle", str(bundle.write()), oci.name)
    oci.asked.add(oci.name)
    killed = subprocess.run(
        ["setsid", "sh", "-c", '"$@" && kill -9 0', "sh", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=20,
    )
    assert killed.returncode == -signal.SIGKILL
    assert oci.status() == "created"
    oci.start()
    oci.wait()
    assert (share / "log").read_text() == "ran\n"
    oci.delete()


@pytest.mark.parametrize("after", [2, 5, 8, 11, 14, 18, 23, 30])
def test_creation_killed_on_the_way_can_be_removed(oci, bundle, after):
    """Milliseconds after which `create` is killed; what it left is removed by force and the ID is free."""
    command = oci.command("create", "--bundle", str(bundle.write()), oci.name)
    oci.asked.add(oci.name)
    subprocess.run(
        ["timeout", "-s", "KILL", f"{after / 1000}", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    oci.delete("", "--force")
    oci.create(bundle)
    oci.start()
    oci.wait()
    oci.delete()


def test_garbage_in_the_state_directory_harms_nobody(oci, bundle):
    (oci.root / "file").write_text("x")
    (oci.root / "empty").mkdir()
    (oci.root / "broken").mkdir()
    (oci.root / "broken/state.json").write_text('{"id": ')
    (oci.root / "other").mkdir()
    (oci.root / "other/state.json").write_text("[]")
    oci.running(bundle)
    assert oci.name in oci.ok("list", "-q").split()
    assert any(entry["id"] == oci.name for entry in json.loads(oci.ok("list", "--format", "json")))
    for name in ("broken", "other", "empty", "file"):
        oci.fails("state", name)
        oci.fails("start", name)
        oci.fails("kill", name, "KILL")
    for name in ("broken", "other", "empty"):
        oci.delete(name, "--force")
        assert not (oci.root / name).exists()
    assert oci.status() == "running"


def test_state_directory_is_for_its_owner_only(oci, bundle):
    oci.create(bundle)
    assert (oci.root / oci.name).stat().st_mode & 0o077 == 0
