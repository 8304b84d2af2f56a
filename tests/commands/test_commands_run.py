"""`tarebox run` in the foreground."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

ALONE = ("--rm", "--network", "none")


@pytest.fixture
def run(tarebox):
    """Runs a container without a network to its end."""
    return lambda *arguments, **options: tarebox("run", *ALONE, *arguments, **options)


def test_everything_is_passed_through(run):
    command = "cat; echo $NAME $(hostname) $(pwd) $(id -u); echo wrong >&2; exit 9"
    options = ("-i", "-e", "NAME=value", "-h", "named", "-w", "/made", "-u", "nobody", "-m", "32m")
    ended = run(*options, "--cpus", "0.5", "--pids", "30", "busybox", "sh", "-c", command, input="given\n")
    assert ended.stdout == "given\nvalue named /made 65534\n"
    assert (ended.stderr, ended.returncode) == ("wrong\n", 9)


def test_without_interactive_it_has_no_input(run):
    assert run("busybox", "sh", "-c", "cat; echo end", input="given\n").stdout == "end\n"


def test_only_the_streams_that_are_asked_for(run):
    ended = run("-a", "stderr", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (ended.stdout, ended.stderr) == ("", "err\n")
    ended = run(
        "-i", "-a", "stdin", "-a", "STDOUT", "busybox", "sh", "-c", "cat; echo err >&2", input="given\n"
    )
    assert (ended.stdout, ended.stderr) == ("given\n", "")


def test_nothing_is_lost(run):
    ended = run("busybox", "sh", "-c", "seq 200000; seq 200000 >&2")
    expected = "".join(f"{number}\n" for number in range(1, 200001))
    assert ended.stdout == expected
    assert ended.stderr == expected


def test_a_lot_of_input_comes_back(run):
    text = "".join(f"{number:>99}\n" for number in range(30000))
    assert run("-i", "busybox", "cat", input=text).stdout == text


def test_one_that_reads_nothing_ends_all_the_same(run):
    assert run("-i", "busybox", "true", input="x" * 5_000_000).returncode == 0


def test_a_slow_reader_gets_everything(start, state):
    with start("run", *ALONE, "busybox", "sh", "-c", "seq 300000") as process:
        process.stdin.close()
        time.sleep(2)
        assert process.stdout.read().count("\n") == 300000
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("nosuchimage", "true"), 125, "no image 'nosuchimage'"),
        (("--rootfs", "./no/such/directory", "true"), 125, "no image directory"),
        (("--memory", "banana", "busybox", "true"), 125, "'banana' is no size"),
        (("--memory", "1", "busybox", "true"), 125, "too small"),
        (("--cpus", "many", "busybox", "true"), 125, "'many' is no number"),
        (("--cpus", "1000", "busybox", "true"), 125, "is out of range: 0.01 to"),
        (("busybox", ""), 127, "command '' not found"),
        (("--user", "stranger", "busybox", "true"), 125, "no user 'stranger'"),
        (("--env", "=x", "busybox", "true"), 125, "sets no variable"),
        (("--hostname", "a b", "busybox", "true"), 125, "no hostname"),
        (("--workdir", "here", "busybox", "true"), 125, "relative"),
        (("busybox", "nosuchcommand"), 127, "not found"),
        (("busybox", "/etc/passwd"), 126, "can't be executed"),
        (("-it", "busybox", "sh"), 125, "not a TTY"),
        (("-v", "here:there", "busybox", "true"), 125, "no absolute path"),
        (("--mount", "type=bind,src=/no/such/place,dst=/x", "busybox", "true"), 125, "/no/such/place"),
        (("--restart", "always", "busybox", "true"), 125, "--rm or --restart"),
        (("--restart", "sometimes", "busybox", "true"), 125, "no restart policy"),
        (("--userns", "keep", "busybox", "true"), 125, "--userns keep isn't supported"),
        (("--security-opt", "apparmor=x", "busybox", "true"), 125, "AppArmor"),
        (("--platform", "linux/s390x", "busybox", "true"), 125, "s390x"),
        (("--name", "-", "busybox", "true"), 125, "no container name"),
        (("--device", "/dev/nosuch", "busybox", "true"), 125, "no device /dev/nosuch"),
        (("--ulimit", "speed=1", "busybox", "true"), 125, "no resource 'speed'"),
        (("-p", "80", "busybox", "true"), 125, "no ports to publish"),
        (("-d", "-a", "stdout", "busybox", "true"), 125, "--attach excludes --detach"),
        (("--detach-keys", "ctrl-", "busybox", "true"), 125, "no key"),
        (("-a", "stdlog", "busybox", "true"), 125, "invalid choice"),
    ],
)
def test_faults_are_one_line(fault, said, arguments, status, reason):
    assert reason in fault(status, "run", *ALONE, *arguments)
    assert said("ps", "-aq") == ""


def test_out_of_memory_is_explained(run):
    ended = run("-m", "8m", "busybox", "sh", "-c", "head -c 100m /dev/zero | tail -c 100m")
    assert ended.returncode == 137
    assert "memory limit" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on(start, state, number):
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got; exit 42' {name}; echo ready; while :; do sleep 0.05; done"
    with start("run", *ALONE, "busybox", "sh", "-c", script) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.communicate(timeout=20) == ("got\n", "")
    assert process.returncode == 42


def test_without_proxy_a_signal_is_ours(start, said):
    with start(
        "run",
        "--name",
        "one",
        "--network",
        "none",
        "--sig-proxy=false",
        "busybox",
        "sh",
        "-c",
        "echo ready; exec sleep 60",
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert process.returncode == -signal.SIGTERM
    assert said("ps", "--format", "{{.Names}}") == "one"


def test_killed_it_leaves_the_container_to_its_monitor(start, said):
    with start("run", "--name", "one", *ALONE, "busybox", "sh", "-c", "echo ready; exec sleep 60") as process:
        assert process.stdout.readline() == "ready\n"
        process.kill()
    assert said("ps", "--format", "{{.Names}}") == "one"
    said("stop", "-t", "0", "one")
    for _ in range(400):
        if not said("ps", "-aq"):
            break
        time.sleep(0.05)
    assert said("ps", "-aq") == ""


def test_kept_without_rm(tarebox, said):
    assert (
        tarebox(
            "run", "--name", "one", "--network", "none", "busybox", "sh", "-c", "echo out; exit 3"
        ).returncode
        == 3
    )
    assert said("logs", "one") == "out"
    assert said("rm", "one") == "one"


def test_name_taken(said, fault):
    said("create", "--name", "one", "busybox", "true")
    assert "already in use by container" in fault(125, "run", "--name", "one", "busybox", "true")
    assert len(said("ps", "-aq").splitlines()) == 1


def test_cidfile(run, tmp_path, fault):
    file = tmp_path / "id"
    assert run("--cidfile", str(file), "busybox", "true").returncode == 0
    assert re.fullmatch("[0-9a-f]{64}", file.read_text())
    assert "is there already" in fault(125, "run", *ALONE, "--cidfile", str(file), "busybox", "true")


def test_a_directory_in_place_of_an_image(run, said, state, tmp_path):
    from runtime.rootfs import bootstrap_busybox

    root = tmp_path / "a directory"
    subprocess.run(("cp", "-a", bootstrap_busybox(state), root), check=True)
    assert run(str(root), "sh", "-c", "echo in > /x; cat /x").stdout == "in\n"
    assert run("--rootfs", "--in-memory", str(root), "sh", "-c", "echo in > /x; cat /x").stdout == "in\n"
    assert not (root / "x").exists()


class Terminal:
    """A terminal that somebody sits at."""

    def __init__(self, environment, argv) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("=4H", 30, 100, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            ("setsid", "--ctty", *argv), env=environment, stdin=slave, stdout=slave, stderr=slave
        )

    def read_until(self, text: str) -> str:
        found = ""
        while text not in found:
            assert select.select([self.master], [], [], 20)[0], found
            found += os.read(self.master, 4096).decode()
        return found

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(environment, state, program):
    return lambda *arguments: Terminal(environment, (*program, *arguments))


def test_a_terminal_is_lent(terminal):
    with terminal("run", "-it", *ALONE, "busybox", "sh") as screen:
        screen.type("stty size; tty\r")
        assert "30 100" in screen.read_until("/dev/")
        fcntl.ioctl(screen.master, termios.TIOCSWINSZ, struct.pack("=4H", 40, 120, 0, 0))
        screen.type("sleep 0.2; stty size; echo do''ne\r")
        assert "40 120" in screen.read_until("done")
        assert not termios.tcgetattr(screen.slave)[3] & termios.ICANON
        screen.type("exit 11\r")
        assert screen.process.wait(20) == 11
        assert termios.tcgetattr(screen.slave) == screen.before


def test_a_terminal_has_its_size_from_the_beginning(terminal):
    with terminal("run", "-it", *ALONE, "busybox", "stty", "size") as screen:
        assert screen.read_until("\n") == "30 100\r\n"
        assert screen.process.wait(20) == 0


def test_left_by_its_keys_and_come_back_to(terminal, said):
    with terminal("run", "-it", "--name", "one", "--network", "none", "busybox", "sh") as screen:
        screen.type("X=kept; echo do''ne\r")
        screen.read_until("done")
        screen.type("\x10\x11")
        assert screen.process.wait(20) == 0
        assert termios.tcgetattr(screen.slave) == screen.before
    with terminal("attach", "--detach-keys", "a,b", "one") as screen:
        screen.type("echo $X''!\r")
        screen.read_until("kept!")
        screen.type("ab")
        assert screen.process.wait(20) == 0
    assert said("rm", "-f", "one") == "one"


def test_exec_in_a_terminal(terminal, said):
    said("run", "-d", "--name", "one", "--network", "none", "busybox", "sleep", "60")
    with terminal("exec", "-it", "one", "sh") as screen:
        screen.type("stty size; exit 12\r")
        screen.read_until("30 100")
        assert screen.process.wait(20) == 12


def test_a_command_is_left_by_its_keys(terminal, said):
    said("run", "-d", "--name", "one", "--network", "none", "busybox", "sleep", "60")
    code = (
        "trap 'touch /hung-up' HUP; echo up; until test -e /go; do sleep 0.05; done; echo more; touch /went"
    )
    words = ("-it", "--detach-keys", "ctrl-p,q", "one", "sh", "-c", code)
    with terminal("exec", *words) as screen:
        screen.read_until("up")
        screen.type("\x10q")
        assert screen.process.wait(20) == 0
        assert termios.tcgetattr(screen.slave) == screen.before
    said("exec", "one", "sh", "-c", "touch /go; until test -e /went; do sleep 0.05; done; test ! -e /hung-up")
    said("rm", "-f", "one")


def test_ended_itself_it_leaves_the_terminal_in_order(terminal, said):
    said("run", "-d", "--name", "one", "--network", "none", "busybox", "sleep", "60")
    with terminal("exec", "-it", "one", "sh") as screen:
        screen.type("echo rea''dy\r")
        screen.read_until("ready")
        screen.process.send_signal(signal.SIGTERM)
        assert screen.process.wait(20) == 128 + signal.SIGTERM
        assert termios.tcgetattr(screen.slave) == screen.before
    assert "sh" not in said("top", "one").split()


def test_interrupted_in_a_terminal(terminal):
    with terminal(
        "run",
        "-it",
        *ALONE,
        "busybox",
        "sh",
        "-c",
        "trap 'echo caught; exit 13' INT; echo ready; while :; do sleep 0.05; done",
    ) as screen:
        screen.read_until("ready")
        screen.type("\x03")
        screen.read_until("caught")
        assert screen.process.wait(20) == 13
