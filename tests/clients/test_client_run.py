"""`docker run` and `podman run` without a terminal."""

import json
import os
import signal
import subprocess
import time

import pytest
from client_cli import Client

_HOOKS = ("prestart", "createRuntime", "poststart", "poststop")


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (("true",), 0, ""),
        (("sh", "-c", "exit 3"), 3, ""),
        (("no-such-command",), 127, "no-such-command"),
        (("/bin/no-such-file",), 127, "/bin/no-such-file"),
        (("/etc/passwd",), 126, "/etc/passwd"),
        (("/etc",), 126, "/etc"),
    ],
)
def test_exit_status(client: Client, argv, status, message) -> None:
    ended = client.run(*argv)
    assert ended.status == status
    assert message in ended.stderr


def test_container_that_failed_to_start_can_be_removed(client: Client) -> None:
    container = client.must("create", *client.options(), "no-such-command")
    started = client("start", container)
    assert started.status != 0
    assert "no-such-command" in started.stderr
    client.must("rm", container)
    assert client.place.leftovers() == []


def test_killed_container_ends_with_137(client: Client) -> None:
    container = client.sleeper()
    client.must("kill", container)
    assert client.wait(container) == 128 + signal.SIGKILL
    assert client.state(container) == "exited"


def test_streams_are_separate_and_complete(client: Client) -> None:
    text = "".join(f"{number:0>15}\n" for number in range(50_000))
    script = "cat; echo finished >&2"
    ended = client.run("sh", "-c", script, options=("--interactive",), stdin=text.encode())
    assert ended.status == 0
    assert ended.stdout == text
    assert ended.stderr.strip() == "finished"


def test_stdin_is_empty_when_not_attached(client: Client) -> None:
    ended = client.run("wc", "-c", stdin=b"not for you")
    assert ended.stdout.strip() == "0"


def test_process_is_as_asked(client: Client) -> None:
    script = 'echo "$GREETING"; id -u; id -g; id -G; pwd; hostname; echo "$HOME"'
    lines = client.shell(
        script,
        *("--env", "GREETING=good  day", "--user", "1000:1001", "--group-add", "5"),
        *("--workdir", "/var/tmp", "--hostname", "box", "--env", "HOME=/www"),
    )
    assert lines == ["good  day", "1000", "1001", "1001 5", "/var/tmp", "box", "/www"]


def test_user_by_name_and_its_rights(client: Client) -> None:
    lines = client.shell(
        "id -un; touch /etc/x 2>/dev/null || echo refused; grep CapEff /proc/self/status", "--user", "nobody"
    )
    assert lines == ["nobody", "refused", "CapEff:\t0000000000000000"]


def test_detached_output_is_in_the_log(client: Client) -> None:
    container = client.must(
        "run", "--detach", *client.options(), "sh", "-c", "echo out; echo err >&2; exit 4"
    )
    assert client.wait(container) == 4
    logs = client("logs", container)
    assert (logs.stdout, logs.stderr) == ("out\n", "err\n")
    client.must("rm", container)


def test_init_reaps_and_forwards_signals(client: Client) -> None:
    container = client.start("(sleep 0 &) ; echo ready; exec sleep 100", "--init")
    first = client.must("exec", container, "cat", "/proc/1/comm")
    assert first in ("docker-init", "podman-init", "catatonit", "tini")
    states = client.must("exec", container, "sh", "-c", "cut -d' ' -f3 /proc/[0-9]*/stat 2>/dev/null; true")
    assert "Z" not in states.split()
    client.must("stop", "--time", "20", container)
    assert client.wait(container) == 128 + signal.SIGTERM


def test_signal_to_the_client_reaches_the_container(client: Client) -> None:
    script = "trap 'exit 42' USR1; echo ready; while :; do sleep 0.1; done"
    options = client.options("--network", "none")
    with client.popen("run", "--rm", *options, "sh", "-c", script, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        # Podman hears the container before it passes signals on.
        while process.poll() is None:
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.1)
        assert process.returncode == 42


def test_only_the_streams_are_open(client: Client) -> None:
    read, write = os.pipe()
    with client.popen(
        *("run", "--rm", *client.options(), "sh", "-c", "ls -l /proc/self/fd | wc -l; ls /proc/self/fd"),
        pass_fds=(read, write),
        stdout=subprocess.PIPE,
    ) as process:
        os.close(read)
        os.close(write)
        lines = process.stdout.read().decode().split()
    # ls itself opens the directory as the fourth; its long form has a line for the total.
    assert lines == ["5", "0", "1", "2", "3"]


def test_several_at_the_same_time(client: Client) -> None:
    options = client.options("--network", "none")
    runs = [client.popen("run", "--rm", *options, "sh", "-c", f"exit {code}") for code in range(6)]
    assert [run.wait(60) for run in runs] == list(range(6))


def test_arguments_and_environment_of_any_bytes(client: Client) -> None:
    argument = "ä\t\"'\\\n$(x) \u2028 \U0001f40b"
    assert client.output("printf", "%s", argument) == argument.rstrip("\n")
    value = client.output("sh", "-c", 'printf %s "$ODD"', options=("--env", f"ODD={argument}"))
    assert value == argument


def test_further_descriptor_is_handed_on(only_podman: Client) -> None:
    read, write = os.pipe()
    options = ("--preserve-fds", "1")
    argv = ("run", "--rm", *only_podman.options(*options), "sh", "-c", "echo handed on >&3; ls /proc/self/fd")
    with only_podman.popen(
        *argv, preexec_fn=lambda: os.dup2(write, 3), pass_fds=(3,), stdout=subprocess.PIPE
    ) as process:
        os.close(write)
        assert process.stdout.read().decode().split() == ["0", "1", "2", "3", "4"]
        assert os.read(read, 100) == b"handed on\n"
    os.close(read)


def test_hooks_are_run(only_podman: Client) -> None:
    directory = only_podman.place.directory / "hooks"
    directory.mkdir()
    for stage in _HOOKS:
        script = f"(echo {stage}; cat; echo) >>{directory}/{stage}.told"
        hook = {"path": "/bin/sh", "args": ["sh", "-c", script]}
        definition = {"version": "1.0.0", "hook": hook, "when": {"always": True}, "stages": [stage]}
        (directory / f"{stage}.json").write_text(json.dumps(definition))
    with only_podman.popen(
        "--hooks-dir", str(directory), "run", "--rm", *only_podman.options(), "true"
    ) as run:
        assert run.wait(30) == 0
    told = {stage: (directory / f"{stage}.told").read_text().splitlines() for stage in _HOOKS}
    assert {stage: lines[0] for stage, lines in told.items()} == {stage: stage for stage in _HOOKS}
    states = {stage: json.loads(lines[1])["status"] for stage, lines in told.items()}
    # An older runc tells `created` once more.
    assert states.pop("poststart") in ("running", "created")
    assert states == {"prestart": "creating", "createRuntime": "creating", "poststop": "stopped"}
