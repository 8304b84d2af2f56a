"""`tarebox top`, `stats`, `events` and `info` on containers that run."""

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from runtime.image.store import ImageStore
from runtime.lifecycle import Containers, Settings
from runtime.spec import ContainerSpec
from runtime.storage import registry


@pytest.fixture
def containers(state) -> Iterator[Containers]:
    with Containers(state) as containers:
        yield containers


@pytest.fixture
def detached(state, containers) -> Callable[..., str]:
    """Starts a container; its id."""
    image = ImageStore(state).get("busybox")
    rootfs = registry.driver(state).image(image.layers[-1]).lowers[0]

    def started(name: str, *argv: str, **settings) -> str:
        made = Settings(ContainerSpec(rootfs, argv), **{"image": "busybox", **settings})
        return containers.run(made, name=name)

    return started


def test_top_has_the_columns_of_ps(said, fault, containers, detached):
    detached("busy", "sh", "-c", "sleep 1001 & sleep 1002; wait")
    deadline = time.monotonic() + 20
    while len(lines := said("top", "busy").splitlines()) < 4:
        assert time.monotonic() < deadline, lines
    assert lines[0].split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert sorted(line.split("sleep ")[-1] for line in lines[1:])[:2] == ["1001", "1002"]
    assert said("top", "busy", "-o", "pid,args").splitlines()[0].split() == ["PID", "COMMAND"]
    assert "ps says" in fault(1, "top", "busy", "--frob")
    assert "no column PID" in fault(1, "top", "busy", "-eo", "args")
    assert "no such container: none" in fault(1, "top", "none")
    containers.remove("busy", force=True)


def test_stats_are_shown_once(said, fault, detached, containers):
    loop = detached("loop", "sh", "-c", "while :; do :; done")
    containers.wait(detached("over", "true"))
    lines = said("stats", "--no-stream").splitlines()
    assert lines[0].split("  ")[0] == "CONTAINER ID"
    assert len(lines) == 2
    found = re.fullmatch(
        r"(\w{12}) +loop +([\d.]+)% +([\d.]+)(B|KiB|MiB) / [\d.]+GiB +([\d.]+)% +\S+B / \S+B +\S+B / \S+B +1",
        lines[1],
    )
    assert found, lines
    assert found[1] == loop[:12]
    assert float(found[2]) > 5
    template = "{{.Name}} {{.PIDs}} {{.MemUsage}}"
    assert said("stats", "-a", "--no-stream", "--format", template).splitlines()[0] == "over 0 0B / 0B"
    assert "no such container: none" in fault(1, "stats", "--no-stream", "none")


def test_stats_go_on_until_interrupted(start, detached):
    detached("idle", "sleep", "1000")
    with start("stats", "--format", "{{.Name}}") as process:
        assert [process.stdout.readline() for _ in range(2)] == ["idle\n"] * 2
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == ""


def test_stats_are_shown_over_each_other_on_a_terminal(start, detached):
    detached("idle", "sleep", "1000")
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", 0) as screen:
        with os.fdopen(slave, "wb", 0) as terminal:
            process = start("stats", "--format", "{{.Name}}", stdout=terminal)
        with process:
            shown = b""
            while shown.count(b"\x1b[J") < 1:
                shown += screen.read(100)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
    assert shown == b"\x1b[Hidle\x1b[K\r\n\x1b[J"


def test_events_are_told_and_followed(said, start, containers, detached):
    first = detached("first", "true", labels={"role": "x"})
    containers.wait(first)
    lines = said("events", "--since", "1h", "--until", "0s").splitlines()
    assert [line.split()[1:4] for line in lines] == [
        ["container", what, first] for what in ("create", "start", "die")
    ]
    assert lines[0].endswith("(image=busybox, name=first, role=x)")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d) ", lines[0])
    with start("events", "--since", "1h", "--filter", "event=destroy", "--format", "json") as process:
        containers.remove(first)
        event = json.loads(process.stdout.readline())
        assert (event["Action"], event["id"], event["from"]) == ("destroy", first, "busybox")
        assert event["Actor"]["Attributes"]["name"] == "first"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    template = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}"
    options = ("--since", "1h", "--until", "0s", "--filter", "label=role=x")
    assert said("events", *options, "--filter", "event=die", "--format", template) == "container die first 0"
    assert said("events", *options, "--filter", "container=other") == ""


def test_faults_are_one_line(fault):
    assert "invalid filter 'frob'" in fault(1, "events", "--filter", "frob=1")
    assert "no time" in fault(1, "events", "--since", "whenever")
    assert "no field .Frob" in fault(1, "version", "--format", "{{.Frob}}")


def test_info_and_version(said, detached):
    detached("idle", "sleep", "1000")
    lines = said("info").splitlines()
    assert {"Containers: 1", " Running: 1", "Images: 1", "Storage Driver: overlay"} <= set(lines)
    known = json.loads(said("info", "--format", "json"))
    assert known["MemTotal"] > 0
    assert said("info", "-f", "{{.ContainersRunning}}") == "1"
    assert said("version").splitlines()[0] == f"tarebox {said('version', '-f', '{{.Server.Version}}')}"


def test_a_pipe_that_closes_early_is_no_fault(start):
    with start("version", stdout=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
