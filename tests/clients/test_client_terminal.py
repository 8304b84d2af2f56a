"""`run` and `exec` on a terminal, driven by a person who types, resizes the window and interrupts."""

from client_cli import Client
from client_terminal import OBEY, Terminal, terminal

_INTERRUPTED = "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.1; done"
_ON_TERMINAL = ("--interactive", "--tty")


def _expect_terminal(screen: Terminal) -> None:
    screen.expect("ready\r\n")
    screen.type("for stream in 0 1 2; do readlink /proc/self/fd/$stream; done\n")
    screen.expect("\r\n/dev/pts/0\r\n/dev/pts/0\r\n/dev/pts/0\r\n")
    screen.type(": </dev/tty && echo controlling\n")
    screen.expect("\r\ncontrolling\r\n")


def _expect_interrupt(screen: Terminal) -> None:
    screen.expect("ready\r\n")
    screen.type("\x03")
    screen.expect("interrupted\r\n")
    assert screen.wait() == 9


def test_run(client: Client) -> None:
    argv = ("run", "--rm", *client.options(*_ON_TERMINAL), "sh", "-c", OBEY)
    with terminal(client.popen, *argv, size=(30, 100)) as screen:
        _expect_terminal(screen)
        screen.type("stat -c %t /dev/console; echo to the console >/dev/console\n")
        screen.expect("\r\n88\r\nto the console\r\n")
        screen.expect_size(30, 100)
        screen.resize(40, 132)
        screen.expect_size(40, 132)
        screen.type("exit 7\n")
        assert screen.wait() == 7


def test_end_of_input(client: Client) -> None:
    with terminal(client.popen, "run", "--rm", *client.options(*_ON_TERMINAL), "cat") as screen:
        screen.type("one line\n")
        screen.expect("one line\r\none line\r\n")
        screen.type("\x04")
        assert screen.wait() == 0


def test_interrupt(client: Client) -> None:
    argv = ("run", "--rm", *client.options(*_ON_TERMINAL), "sh", "-c", _INTERRUPTED)
    with terminal(client.popen, *argv) as screen:
        _expect_interrupt(screen)


def test_exec(client: Client) -> None:
    container = client.sleeper("--network", "none")
    with terminal(client.popen, "exec", *_ON_TERMINAL, container, "sh", "-c", OBEY, size=(33, 111)) as screen:
        _expect_terminal(screen)
        screen.expect_size(33, 111)
        screen.resize(44, 122)
        screen.expect_size(44, 122)
        screen.type("exit 6\n")
        assert screen.wait() == 6
    with terminal(client.popen, "exec", *_ON_TERMINAL, container, "sh", "-c", _INTERRUPTED) as screen:
        _expect_interrupt(screen)
    assert client.state(container) == "running"


def test_exec_as_user_owns_its_terminal(client: Client) -> None:
    container = client.sleeper("--network", "none")
    script = 'stat -c "%u %a" "$(tty)"; echo written >"$(tty)"'
    argv = ("exec", *_ON_TERMINAL, "--user", "1000", container, "sh", "-c", script)
    with terminal(client.popen, *argv) as screen:
        screen.expect("1000 620\r\nwritten\r\n")
        assert screen.wait() == 0


def test_detached_terminal_ends_lines_as_terminals_do(client: Client) -> None:
    script = "test -t 1 && echo terminal; exit 3"
    container = client.must("run", "--detach", "--tty", *client.options(), "sh", "-c", script)
    assert client.wait(container) == 3
    assert client.must("logs", container) == "terminal\r"


def test_missing_command(client: Client) -> None:
    argv = ("run", "--rm", *client.options(*_ON_TERMINAL), "no-such-command")
    with terminal(client.popen, *argv) as screen:
        assert screen.wait() == 127
        assert "no-such-command" in screen.text
