"""What happens at the end of a container, and checks of its health, with nothing of ours but the monitor."""

import os
import time

import pytest

from runtime.lifecycle import HealthCheck, RestartPolicy
from runtime.lifecycle.errors import NoSuchContainerError, StatusError
from tare.errors import UsageError

COUNT = "echo begun >>/begun; wc -l </begun; "


def seen(containers, status: str, identity: str) -> None:
    """Waits for an event of a container."""
    for event in containers.events.read(follow=True, until=time.time_ns() + 30 * 10**9):
        if (event.id, event.status) == (identity, status):
            return
    pytest.fail(f"no event {status}")


@pytest.mark.parametrize(
    ("policy", "code", "starts"),
    [("on-failure:2", 1, 3), ("on-failure", 0, 1), ("no", 1, 1)],
)
def test_a_policy_says_when_it_is_started_again(containers, run, output, policy, code, starts) -> None:
    identity = run("sh", "-c", f"{COUNT} exit {code}", restart=RestartPolicy.parse(policy))
    while output(identity).split()[-1:] != [str(starts)]:
        assert containers.find(identity).status() in ("running", "restarting", "exited")
    while containers.find(identity).status() != "exited":
        containers.wait(identity)
    assert output(identity).split() == [str(number + 1) for number in range(starts)]
    inspected = containers.inspect(identity)
    assert (inspected["State"]["ExitCode"], inspected["RestartCount"]) == (code, starts - 1)


def test_one_that_waits_for_its_restart_can_be_stopped(containers, run) -> None:
    identity = run("false", restart=RestartPolicy("always"))
    for _ in range(3):
        seen(containers, "die", identity)
    while containers.find(identity).status() != "restarting":
        containers.wait(identity)
    with pytest.raises(StatusError, match="it is restarting"):
        containers.remove(identity)
    containers.stop(identity)
    assert containers.find(identity).status() == "exited"
    assert not containers.find(identity).is_alive("monitor")
    containers.start(identity)
    containers.stop(identity)
    assert containers.find(identity).status() == "exited"


def test_one_that_is_stopped_stays_so(containers, run) -> None:
    identity = run("sleep", "1000", restart=RestartPolicy("always"))
    containers.stop(identity)
    record = containers.find(identity)
    assert record.status() == "exited"
    containers.after_end(identity)
    assert containers.find(identity).status() == "exited"
    assert containers.recover() == [identity]
    assert containers.find(identity).status() == "running"


def test_recovery_starts_what_should_run(containers, run, killed) -> None:
    ended = [
        run("sleep", "1000", name=f"{policy}-{number}", restart=RestartPolicy(policy))
        for number, policy in enumerate(("no", "unless-stopped", "unless-stopped", "always"))
    ]
    containers.stop("unless-stopped-2")
    for identity in ended:
        record = containers.find(identity)
        if record.status() == "running":
            killed(record.state["monitor"])
            containers.wait(identity)
    assert sorted(containers.find(each).name for each in containers.recover()) == [
        "always-3",
        "unless-stopped-1",
    ]


def test_it_removes_itself_at_its_end(containers, run) -> None:
    identity = run("sleep", "0.2", auto_remove=True)
    containers.close()
    seen(containers, "destroy", identity)
    with pytest.raises(NoSuchContainerError):
        containers.find(identity)


def test_the_status_can_be_had_before_it_removes_itself(containers, settings) -> None:
    identity = containers.create(settings("sh", "-c", "sleep 0.2; exit 4", auto_remove=True))
    containers.start(identity)
    assert containers.wait(identity) == 4


def test_health_is_checked_at_intervals(containers, run) -> None:
    health = HealthCheck(("sh", "-c", "echo hi; [ ! -e /sick ]"), interval=0.05, retries=2)
    identity = run("sleep", "1000", health=health)
    assert containers.inspect(identity)["State"]["Health"]["Status"] == "starting"
    seen(containers, "health_status: healthy", identity)
    shown = containers.inspect(identity)["State"]["Health"]
    assert (shown["Status"], shown["FailingStreak"]) == ("healthy", 0)
    assert (shown["Log"][0]["ExitCode"], shown["Log"][0]["Output"]) == (0, "hi\n")
    with containers.exec(identity, ["touch", "/sick"]) as execution:
        assert execution.wait() == 0
    seen(containers, "health_status: unhealthy", identity)
    assert containers.inspect(identity)["State"]["Health"]["FailingStreak"] >= 2
    assert [record.id for record in containers.list(filters={"health": ["unhealthy"]})] == [identity]


def test_a_check_that_hangs_fails(containers, run) -> None:
    health = HealthCheck(("sleep", "1000"), interval=0.05, timeout=0.1, retries=1)
    identity = run("sleep", "1000", health=health)
    seen(containers, "health_status: unhealthy", identity)
    assert "timeout of 0.1 s" in containers.inspect(identity)["State"]["Health"]["Log"][0]["Output"]
    while len(containers.top(identity)) > 1:
        os.sched_yield()


@pytest.mark.parametrize("text", ["never", "always:3", "on-failure:x", "on-failure:"])
def test_a_policy_without_meaning_is_refused(text) -> None:
    with pytest.raises(UsageError):
        RestartPolicy.parse(text)


def test_removal_and_restart_exclude_each_other(settings) -> None:
    with pytest.raises(UsageError, match="removed at its end and started again"):
        settings("true", auto_remove=True, restart=RestartPolicy("always"))
