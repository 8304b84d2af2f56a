"""Persistent containers from their creation to their removal."""

import json
import signal
import time
from pathlib import Path

import pytest

from runtime import Limits
from runtime.cgroups.files import read
from runtime.errors import CgroupError, CommandNotExecutableError, CommandNotFoundError
from runtime.lifecycle import Containers, Mount, RestartPolicy
from runtime.lifecycle.errors import NameTakenError, NoSuchContainerError, StatusError
from tare.errors import UsageError


def test_a_container_goes_through_its_states(containers, settings) -> None:
    identity = containers.create(settings("sleep", "1000"), name="box")
    assert containers.find("box").status() == "created"
    assert containers.list() == []
    containers.start("box")
    assert containers.find(identity[:12]).status() == "running"
    containers.start("/box")
    containers.pause("box")
    assert containers.find("box").status() == "paused"
    with pytest.raises(StatusError, match="it is paused"):
        containers.exec("box", ["true"])
    containers.unpause("box")
    with pytest.raises(StatusError, match="it is running; stop it first"):
        containers.remove("box")
    containers.stop("box")
    assert containers.find("box").status() == "exited"
    with pytest.raises(StatusError, match="it is exited"):
        containers.kill("box")
    containers.remove("box")
    with pytest.raises(NoSuchContainerError, match="no such container: box"):
        containers.find("box")


@pytest.mark.parametrize(
    ("argv", "code"), [(("true",), 0), (("sh", "-c", "exit 7"), 7), (("sh", "-c", "kill -9 $$"), 0)]
)
def test_the_exit_status_is_kept(containers, run, argv, code) -> None:
    identity = run(*argv)
    assert containers.wait(identity, timeout=30) == code
    state = containers.inspect(identity)["State"]
    assert (state["Status"], state["ExitCode"], state["Running"]) == ("exited", code, False)
    assert state["StartedAt"] < state["FinishedAt"]


def test_what_was_written_outlives_a_restart(containers, run, output) -> None:
    identity = run("sh", "-c", "cat /kept 2>&-; echo once >>/kept")
    containers.wait(identity)
    containers.start(identity)
    containers.wait(identity)
    assert output(identity) == "once\n"


def test_another_process_sees_and_stops_it(state, containers, run) -> None:
    identity = run("sleep", "1000", name="box")
    containers.close()
    with Containers(state) as others:
        assert [record.id for record in others.list()] == [identity]
        others.stop("box", timeout=0)
    assert containers.wait("box") == 137


def test_a_command_that_heeds_the_stop_signal_gets_it(containers, run, output) -> None:
    script = "trap 'echo bye; exit 5' USR1; echo up; while :; do sleep 0.05; done"
    identity = run("sh", "-c", script, stop_signal=signal.SIGUSR1)
    next(iter(containers.logs(identity, follow=True)))
    containers.stop(identity)
    assert containers.wait(identity) == 5
    assert output(identity) == "up\nbye\n"


def test_one_that_ignores_it_is_killed_in_time(containers, run) -> None:
    identity = run("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    next(iter(containers.logs(identity, follow=True)))
    containers.stop(identity, timeout=0.1)
    assert containers.wait(identity) == 137


def test_a_paused_one_can_be_killed(containers, run) -> None:
    identity = run("sleep", "1000")
    containers.pause(identity)
    containers.kill(identity)
    assert containers.wait(identity, timeout=30) == 137


@pytest.mark.parametrize(
    ("argv", "error", "code"),
    [("nowhere", CommandNotFoundError, 127), ("/etc/passwd", CommandNotExecutableError, 126)],
)
def test_a_command_that_cannot_run_leaves_it_created(containers, settings, argv, error, code) -> None:
    identity = containers.create(settings(argv))
    for _ in range(2):
        with pytest.raises(error):
            containers.start(identity)
        state = containers.inspect(identity)["State"]
        assert (state["Status"], state["ExitCode"]) == ("created", code)
        assert argv in state["Error"]


def test_a_limit_the_kernel_refuses_leaves_it_created(containers, settings) -> None:
    identity = containers.create(settings("true", resources={"cpu": {"cpus": "4000"}}))
    with pytest.raises(CgroupError):
        containers.start(identity)
    assert containers.find(identity).status() == "created"


def test_nothing_is_left_of_a_failed_run_with_auto_remove(containers, settings) -> None:
    with pytest.raises(CommandNotFoundError):
        containers.run(settings("nowhere", auto_remove=True))
    assert containers.list(every=True) == []


def test_names(containers, settings) -> None:
    first = containers.create(settings("true"), name="first")
    with pytest.raises(NameTakenError, match=f"already in use by container {first[:12]}"):
        containers.create(settings("true"), name="first")
    second = containers.create(settings("true"))
    adjective, _, name = containers.find(second).name.partition("_")
    assert adjective.isalpha()
    assert name.isalnum()
    with pytest.raises(NameTakenError):
        containers.rename(second, "first")
    containers.rename("first", "third")
    assert containers.find("third").id == first
    containers.rename(second, "first")
    assert containers.find("first").id == second
    for bad in ("a", "-x", "a/b", "a b", "."):
        with pytest.raises(UsageError):
            containers.create(settings("true"), name=bad)
    with pytest.raises(NoSuchContainerError):
        containers.find("")


def test_filters_choose(containers, settings) -> None:
    web = containers.create(settings("true", labels={"role": "web", "x": ""}), name="web")
    containers.create(settings("false"), name="db")
    containers.start("db")
    containers.wait("db")

    def found(**filters: str) -> list[str]:
        return [
            record.name
            for record in containers.list(every=True, filters={k: [v] for k, v in filters.items()})
        ]

    assert found() == ["db", "web"]
    assert found(name="we") == found(label="role=web") == found(label="x") == found(id=web[:9]) == ["web"]
    assert found(status="exited") == found(exited="1") == ["db"]
    assert found(exited="0") == found(label="role=db") == found(name="we", status="exited") == []
    assert found(ancestor="busybox") == ["db", "web"]
    with pytest.raises(UsageError, match="invalid filter 'size'"):
        found(size="1")


def test_limits_are_updated_while_it_runs(containers, run) -> None:
    identity = run("sleep", "1000", spec={"limits": Limits(memory=64 << 20)})
    containers.update(identity, limits=Limits(memory=128 << 20, pids=50), restart=RestartPolicy("always"))
    groups = containers.find(identity).groups()
    assert groups.stats()["memory"]["usage"]["limit"] == 128 << 20
    assert groups.stats()["pids"]["limit"] == 50
    host = containers.inspect(identity)["HostConfig"]
    assert (host["Memory"], host["PidsLimit"], host["RestartPolicy"]["Name"]) == (128 << 20, 50, "always")


def test_out_of_memory_is_told(containers, run) -> None:
    identity = run("tail", "/dev/zero", spec={"limits": Limits(memory=16 << 20)})
    assert containers.wait(identity, timeout=60) == 137
    assert containers.inspect(identity)["State"]["OOMKilled"]
    assert "oom" in [event.status for event in containers.events.read()]


def test_processes_and_use(containers, run) -> None:
    identity = run("sh", "-c", "echo up; sleep 1000; true", spec={"limits": Limits(memory=64 << 20)})
    next(iter(containers.logs(identity, follow=True)))
    wanted = ["sh -c echo up; sleep 1000; true", "sleep 1000"]
    # The second one may not be there yet, or not run its command.
    deadline = time.monotonic() + 30
    while (found := [process.command for process in containers.top(identity)]) != wanted:
        assert time.monotonic() < deadline, found
    used = containers.stats(identity)
    assert used.memory_limit == 64 << 20
    assert 0 < used.memory < used.memory_limit
    assert used.pids == 2
    assert used.cpu_seconds > 0


def test_init_reaps_and_passes_signals_on(containers, run, output) -> None:
    script = "trap 'echo bye; exit 5' TERM; (sleep 0.01 & exit); echo $$; while :; do sleep 0.05; done"
    identity = run("sh", "-c", script, init=True)
    next(iter(containers.logs(identity, follow=True)))
    names = [process.command.split()[0] for process in containers.top(identity)]
    assert names[:2] == ["/dev/init", "sh"]
    containers.stop(identity)
    assert containers.wait(identity) == 5
    assert output(identity) == "2\nbye\n"


def test_events_are_told_in_order(containers, run) -> None:
    identity = run("sh", "-c", "exit 3", name="box", labels={"role": 'a "web"'})
    containers.wait("box")
    containers.remove("box")
    events = [event for event in containers.events.read() if event.id == identity]
    assert sorted(event.status for event in events) == ["create", "destroy", "die", "start"]
    assert [event.attributes["exitCode"] for event in events if event.status == "die"] == ["3"]
    assert all(event.attributes["role"] == 'a "web"' for event in events)


def test_inspection_is_json(containers, run) -> None:
    identity = run("sleep", "1000", spec={"env": {"A": "b"}}, labels={"x": "y"})
    values = json.loads(json.dumps(containers.inspect(identity)))
    assert values["State"]["Pid"] > 0
    assert values["Config"]["Env"] == ["A=b"]
    assert (values["Path"], values["Args"]) == ("sleep", ["1000"])


def test_groups_go_with_the_end(containers, run) -> None:
    identity = run("true")
    paths = containers.find(identity).groups().paths.values()
    containers.wait(identity)
    assert not [path for path in paths if Path(path).exists() and read(f"{path}/cgroup.procs")]


def test_filters_by_age_image_ports_and_volumes(containers, settings) -> None:
    first = containers.create(settings("true", exposed=("80/tcp",)), name="first")
    second = containers.create(settings("true", mounts=(Mount("bind", "/etc", "/mnt"),)), name="second")
    third = containers.create(settings("true", image_id="sha256:abcdef"), name="third")

    def found(**filters: str) -> list[str]:
        chosen = {key: [value] for key, value in filters.items()}
        return [record.id for record in containers.list(every=True, filters=chosen)]

    assert found(since="first") == [third, second]
    assert found(before=second) == [first]
    assert found(expose="80") == [first]
    assert found(volume="/mnt") == [second]
    assert found(ancestor="abcde") == [third]
    assert found(ancestor="busybox:latest") == [third, second, first]
    with pytest.raises(NoSuchContainerError):
        found(since="nobody")
