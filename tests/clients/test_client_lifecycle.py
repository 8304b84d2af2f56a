"""From `create` to `rm`: states, signals, pausing, what is reported meanwhile, and what is left."""

import time
from pathlib import Path

import psutil
from client_cli import Client

_COUNTS = "trap 'exit 5' TERM; echo ready; while :; do echo x >>/tmp/count; done"


def test_states(client: Client) -> None:
    script = "trap 'exit 5' TERM; echo ready; while :; do sleep 100 & wait $!; done"
    container = client.must("create", "--name", "states", *client.options(), "sh", "-c", script)
    assert client.state("states") == "created"
    client.must("start", "states")
    client.await_output("states", "ready")
    assert client.state("states") == "running"
    first = psutil.Process(client.pid("states"))
    assert first.cmdline()[0] == "sh"
    assert client("rm", "states").status != 0
    assert client.must("ps", "--quiet", "--no-trunc") == container
    client.must("stop", "states")
    assert not first.is_running()
    assert client.state("states") == "exited"
    assert client.inspect("states", "{{.State.ExitCode}}") == "5"
    assert client.must("ps", "--quiet") == ""
    client.must("start", "states")
    assert client.state("states") == "running"
    before = client.pid("states")
    client.must("restart", "states")
    assert client.pid("states") != before
    client.must("rm", "--force", "states")
    assert client.must("ps", "--all", "--quiet") == ""
    assert client.place.leftovers() == []


def test_pause(client: Client) -> None:
    container = client.start(_COUNTS, "--network", "none", "--cpus", "0.2")
    process = psutil.Process(client.pid(container))
    client.must("pause", container)
    assert client.state(container) == "paused"
    used = process.cpu_times()
    assert client("exec", container, "true").status != 0
    assert process.cpu_times() == used
    client.must("unpause", container)
    assert client.state(container) == "running"
    while process.cpu_times() == used:
        time.sleep(0.01)
    client.must("pause", container)
    client.must("kill", container) if client.name == "podman" else client.must("unpause", container)
    client.must("rm", "--force", container)


def test_stop_kills_who_does_not_heed(client: Client) -> None:
    container = client.start("trap '' TERM; echo ready; while :; do sleep 100; done", "--network", "none")
    client.must("stop", "--time", "1", container)
    assert client.inspect(container, "{{.State.ExitCode}}") == "137"


def test_signals(client: Client) -> None:
    script = (
        "trap 'echo got usr1' USR1; trap 'echo got hup; exit 8' HUP;"
        " echo ready; while :; do sleep 100 & wait $!; done"
    )
    container = client.start(script, "--network", "none")
    client.must("kill", "--signal", "USR1", container)
    client.await_output(container, "got usr1")
    assert client.state(container) == "running"
    client.must("kill", "--signal", "1", container)
    assert client.wait(container) == 8
    assert client.must("logs", container).splitlines() == ["ready", "got usr1", "got hup"]
    assert client("kill", container).status != 0


def test_processes_with_the_host_s_numbers_end_with_the_first(client: Client) -> None:
    container = client.start("sleep 1000 & echo $!; echo ready; exec sleep 1001", "--pid", "host")
    child = psutil.Process(int(client.must("logs", container).splitlines()[0]))
    assert child.cmdline() == ["sleep", "1000"]
    client.must("kill", container)
    client.wait(container)
    assert psutil.wait_procs([child], timeout=20)[1] == []


def test_top_and_stats(client: Client) -> None:
    container = client.start("sleep 1000 & echo ready; exec sleep 1001", "--network", "none")
    listed = client.must("top", container)
    assert "sleep 1000" in listed
    assert "sleep 1001" in listed
    assert len(listed.splitlines()) == 3
    names = "{{.ID}} {{.PIDs}} {{.MemUsage}}"
    identifier, processes, used = client.must("stats", "--no-stream", "--format", names, container).split(
        None, 2
    )
    assert container.startswith(identifier)
    assert processes == "2"
    assert not used.startswith("0B")


def test_events(client: Client) -> None:
    since = str(int(time.time()) - 1)
    container = client.must("run", "--detach", "--name", "told", *client.options(), "sh", "-c", "exit 3")
    client.must("wait", "told")
    client.must("rm", "told")
    until = str(int(time.time()) + 1)
    told = client.must("events", "--since", since, "--until", until, "--filter", f"container={container}")
    seen = [word for line in told.splitlines() for word in line.split() if word in _EVENTS]
    assert [_EVENTS[word] for word in seen] == ["create", "start", "die", "remove"]


_EVENTS = {
    "create": "create",
    "start": "start",
    "die": "die",
    "died": "die",
    "destroy": "remove",
    "remove": "remove",
}


def test_restart_on_failure(client: Client) -> None:
    options = client.options("--network", "none", "--restart", "on-failure:2")
    container = client.must("run", "--detach", *options, "sh", "-c", "echo attempt; exit 3")
    while (client.state(container), client.inspect(container, "{{.RestartCount}}")) != ("exited", "2"):
        time.sleep(0.05)
    assert client.must("logs", container).splitlines() == ["attempt"] * 3


def test_changes_outlive_a_stop_and_copies_go_both_ways(client: Client, tmp_path: Path) -> None:
    container = client.start("echo run >>/var/kept; echo ready; exec sleep 1000", "--network", "none")
    client.must("kill", container)
    client.wait(container)
    client.must("start", container)
    (tmp_path / "given").write_text("from the host\n")
    client.must("cp", str(tmp_path / "given"), f"{container}:/var/given")
    assert client.must("exec", container, "cat", "/var/given") == "from the host"
    client.must("cp", f"{container}:/var/kept", str(tmp_path / "kept"))
    assert (tmp_path / "kept").read_text().splitlines()[0] == "run"
    client.must("kill", container)
