"""`create` and `run` as callers of runc use them: standard streams, descriptors, terminals, exit codes."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from oci_bundle import READY


@contextmanager
def started(command: list[str], output: int) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the runtime in the foreground, ended whatever comes of the test."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("flag", ["--bundle", "-b"])
def test_bundle_is_a_flag_or_the_working_directory(oci, bundle, flag):
    oci.asked.add(oci.name)
    oci.ok("create", flag, str(bundle.write()), oci.name, cwd="/")
    oci.delete("", "--force")
    oci.ok("create", oci.name, cwd=bundle.path)
    assert oci.state()["bundle"] == str(bundle.path)


@pytest.mark.parametrize("command", ["create", "run"])
def test_pid_file_has_the_process(oci, bundle, command, tmp_path):
    file = tmp_path / "pid"
    if command == "create":
        oci.create(bundle, "--pid-file", str(file))
    else:
        bundle.process["args"] = ["sleep", "1000"]
        assert oci.execute(bundle, "--detach", "--pid-file", str(file)).returncode == 0
    assert file.read_text() == str(oci.pid())


def test_pid_file_that_cant_be_written_is_an_error(oci, bundle):
    oci.refuses(bundle, "--pid-file", "/no/such/directory/pid")


def test_run_is_detached_on_request(oci, bundle):
    bundle.process["args"] = ["sleep", "1000"]
    assert oci.execute(bundle, "--detach").returncode == 0
    assert oci.status() == "running"
    oci.stop()
    assert oci.status() == "stopped"


@pytest.mark.parametrize("status", [0, 1, 42, 255])
def test_run_returns_the_exit_status(oci, bundle, status):
    bundle.shell(f"exit {status}")
    assert oci.execute(bundle).returncode == status
    oci.fails("state", oci.name)


def test_run_returns_the_signal_of_the_program(oci, bundle):
    bundle.shell("ulimit -t 0; sh -c 'kill -9 $$'; exit $?")
    assert oci.execute(bundle).returncode == 128 + signal.SIGKILL
    oci.fails("state", oci.name)


def test_run_ended_from_outside_returns_the_signal(oci, bundle):
    pid = oci.running(bundle)
    os.kill(pid, signal.SIGKILL)
    oci.wait()
    oci.delete()
    bundle.shell(READY)
    reading, writing = os.pipe()
    command = oci.command("run", "--bundle", str(bundle.write()), oci.name)
    with started(command, writing) as process:
        os.close(writing)
        assert select.select([reading], [], [], 20)[0]
        oci.kill()
        assert process.wait(20) == 128 + signal.SIGKILL
    os.close(reading)


def test_run_forwards_signals(oci, bundle):
    bundle.shell("trap 'echo got; exit 7' TERM; echo ready; sleep 1000 & wait")
    oci.asked.add(oci.name)
    command = oci.command("run", "--bundle", str(bundle.write()), oci.name)
    with started(command, subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        output, _ = process.communicate(timeout=20)
    assert (output, process.returncode) == (b"got\n", 7)


def test_run_of_a_missing_program_fails_and_leaves_nothing(oci, bundle):
    bundle.process["args"] = ["/no/such/program"]
    ended = oci.execute(bundle)
    assert ended.returncode != 0
    assert "/no/such/program" in ended.stderr
    oci.fails("state", oci.name)


def test_standard_streams_are_those_of_the_caller(oci, bundle):
    bundle.shell("cat; echo error >&2")
    ended = oci.execute(bundle, text="some\ninput\n")
    assert (ended.stdout, ended.stderr) == ("some\ninput\n", "error\n")


@pytest.mark.parametrize("count", [1, 3])
def test_further_descriptors_are_preserved_on_request(oci, bundle, count):
    """Descriptors from 3 on reach the program under their numbers; see systemd's socket activation."""
    read, write = os.pipe()
    os.write(write, b"hello\n")
    os.close(write)
    command = oci.command("run", "--preserve-fds", str(count), "--bundle", str(bundle.write()), oci.name)
    bundle.shell("head -n 1 <&3; ls /proc/self/fd | wc -l")
    bundle.write()
    oci.asked.add(oci.name)
    shell = " ".join(f"{number}<&{read}" for number in range(3, 3 + count))
    ended = subprocess.run(
        ["bash", "-c", f'exec "$@" {shell}', "bash", *command],
        pass_fds=[read],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    os.close(read)
    assert (ended.returncode, ended.stdout) == (0, f"hello\n{4 + count}\n"), ended.stderr


def test_sockets_of_a_service_manager_are_passed_on(oci, bundle):
    """Those of sd_listen_fds(3), with the variables that tell of them."""
    bundle.shell("echo $LISTEN_FDS $LISTEN_PID; cat <&3")
    command = oci.command("run", "--bundle", str(bundle.write()), oci.name)
    oci.asked.add(oci.name)
    ended = subprocess.run(
        ["bash", "-c", 'exec "$@" 3< <(echo hello)', "bash", *command],
        env=os.environ | {"LISTEN_FDS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert ended.stdout == "1 1\nhello\n", ended.stderr


@pytest.mark.parametrize(
    "flags", [("--no-pivot",), ("--no-new-keyring",), ("--no-pivot", "--no-new-keyring")]
)
def test_flags_of_other_ways_to_create(oci, bundle, flags):
    bundle.shell("ls /; hostname")
    ended = oci.execute(bundle, *flags)
    assert ended.returncode == 0, ended.stderr
    assert "www" in ended.stdout.split()


def test_session_keyring_is_new_unless_refused(oci, bundle):
    """A container can't reach the caller's keys; with the flag it shares the keyring."""
    number = "while read -r id x; do case $x in *_ses*) echo $id;; esac; done < /proc/keys"
    # Those of containers that have ended are still there for a moment.
    first = set(oci.inside(bundle, number).split())
    assert set(oci.execute(bundle, "--no-new-keyring").stdout.split()) <= first
    assert set(oci.inside(bundle, number).split()) - first


@pytest.mark.parametrize("kind", ["rshared", "rslave", "rprivate", "runbindable"])
def test_recursive_propagation_of_the_root_as_engines_write_it(oci, bundle, kind):
    bundle.linux["rootfsPropagation"] = kind
    assert oci.inside(bundle, "echo on") == "on\n"


def test_terminal_is_sent_over_the_console_socket(oci, bundle, console):
    bundle.process.update(terminal=True, consoleSize={"height": 25, "width": 80})
    bundle.shell("test -t 0 && test -t 1 && test -t 2 && stty size; read line; echo got $line")
    oci.create(bundle, "--console-socket", console.path)
    with console.receive() as terminal:
        oci.start()
        terminal.write(b"some input\n")
        seen = console.read(terminal)
    assert "25 80\n" in seen
    assert "got some input\n" in seen


def test_terminal_is_the_controlling_one(oci, bundle, console):
    bundle.process["terminal"] = True
    bundle.shell("trap 'echo interrupted; exit 0' INT; echo ready > /dev/tty; while true; do read line; done")
    oci.create(bundle, "--console-socket", console.path)
    with console.receive() as terminal:
        oci.start()
        assert b"ready" in terminal.read(100)
        terminal.write(b"\x03")
        assert "interrupted" in console.read(terminal)


@pytest.mark.parametrize("command", ["create", "run"])
def test_terminal_of_a_detached_container_needs_a_console_socket(oci, bundle, command):
    bundle.process["terminal"] = True
    oci.asked.add(oci.name)
    detach = ["--detach"] if command == "run" else []
    assert "console" in oci.fails(command, *detach, "--bundle", str(bundle.write()), oci.name)
    oci.fails("state", oci.name)


def test_console_socket_without_a_terminal_is_an_error(oci, bundle, console):
    oci.refuses(bundle, "--console-socket", console.path)


def test_console_socket_that_isnt_there_is_an_error(oci, bundle, tmp_path):
    bundle.process["terminal"] = True
    oci.refuses(bundle, "--console-socket", str(tmp_path / "nobody"))


def test_terminal_of_a_foreground_container_is_the_callers(oci, bundle):
    bundle.process["terminal"] = True
    bundle.shell("test -t 0 && test -t 1 && echo terminal")
    master, slave = os.openpty()
    try:
        ended = oci.execute(bundle, stdin=slave, stdout=slave, stderr=slave)
        assert ended.returncode == 0
        assert b"terminal" in os.read(master, 1000)
    finally:
        os.close(slave)
        os.close(master)


def test_spec_writes_a_configuration_that_runs(oci, bundle, tmp_path):
    oci.ok("spec", "--bundle", str(tmp_path))
    bundle.own_root()
    bundle.config = json.loads((tmp_path / "config.json").read_text())
    bundle.process["terminal"] = False
    assert oci.inside(bundle, "echo on") == "on\n"


def test_sockets_of_the_runtime_arent_those_of_the_container(oci, bundle, console):
    """No socket of the runtime or of its caller stays open in the container."""
    bundle.process["terminal"] = True
    bundle.shell(READY)
    oci.create(bundle, "--console-socket", console.path)
    with console.receive() as terminal:
        oci.start()
        assert b"ready" in terminal.read(100)
        opened = [str(path.readlink()) for path in Path(f"/proc/{oci.pid()}/fd").iterdir()]
    assert not any(name.startswith("socket:") for name in opened)
