"""Output on its way to the log and to those who attach, input and terminals; with both monitors."""

import json
import os
import re
import select
import threading
from itertools import islice
from pathlib import Path

import pytest

from runtime.lifecycle import LogOptions
from runtime.monitor import program

UP = "echo up; "


@pytest.fixture(autouse=True, params=["compiled", "substitute"])
def monitor(request, monkeypatch) -> None:
    if request.param == "substitute":
        monkeypatch.setattr(program, "compiled", lambda: "")
    else:
        assert len(program.words()) == 1, "install the project with a C compiler"


def test_both_streams_are_logged_with_times(containers, run) -> None:
    identity = run("sh", "-c", "echo out; echo err >&2; printf rest")
    containers.wait(identity)
    entries = list(containers.logs(identity))
    assert sorted((entry.stream, entry.text) for entry in entries) == [
        ("stderr", "err\n"),
        ("stdout", "out\n"),
        ("stdout", "rest"),
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", entry.time) for entry in entries)


def test_the_log_is_the_json_of_docker(containers, run) -> None:
    identity = run("printf", r'a"\\\t\001\303\251\377\342\202b\n')
    containers.wait(identity)
    (line,) = Path(containers.find(identity).path, "container.log").read_bytes().splitlines()
    values = json.loads(line)
    assert list(values) == ["log", "stream", "time"]
    assert values["log"] == 'a"\\\t\x01\xe9\ufffd\ufffdb\n' or values["log"].count("\ufffd") == 3


def test_a_long_line_comes_in_pieces_that_cut_no_character(containers, run, output) -> None:
    identity = run(
        "sh", "-c", "i=0; while [ $i -lt 9000 ]; do printf 'x\\342\\202\\254'; i=$((i+1)); done; echo"
    )
    containers.wait(identity)
    entries = list(containers.logs(identity))
    assert len(entries) > 1
    assert output(identity) == "x\u20ac" * 9000 + "\n"
    assert all(len(entry.text.encode()) <= 16384 for entry in entries)


def test_files_are_rotated_by_size(containers, run, output) -> None:
    identity = run("seq", "1000", "1999", log=LogOptions(max_size=4096, max_file=3))
    containers.wait(identity)
    files = sorted(Path(containers.find(identity).path).glob("container.log*"))
    assert [file.name for file in files] == ["container.log", "container.log.1", "container.log.2"]
    assert all(file.stat().st_size <= 4096 for file in files)
    kept = [int(line) for line in output(identity).split()]
    assert kept == list(range(kept[0], 2000))


def test_one_file_is_begun_anew(containers, run, output) -> None:
    identity = run("seq", "1000", "1999", log=LogOptions(max_size=4096))
    containers.wait(identity)
    assert [file.name for file in Path(containers.find(identity).path).glob("container.log*")] == [
        "container.log"
    ]
    assert output(identity).endswith("1999\n")


def test_the_end_and_a_time_can_be_asked_for(containers, run) -> None:
    identity = run("sh", "-c", "for i in 1 2 3 4; do echo $i; done; sleep 0.05; echo 5")
    containers.wait(identity)
    texts = [entry.text for entry in containers.logs(identity, tail=2)]
    assert texts == ["4\n", "5\n"]
    assert list(containers.logs(identity, tail=0)) == []
    last = containers.inspect(identity)["State"]["FinishedAt"]
    assert list(containers.logs(identity, since=containers.find(identity).exit().finished_at)) == []
    assert len(list(containers.logs(identity, until=containers.find(identity).exit().finished_at))) == 5
    assert last


def test_following_ends_with_the_container(containers, run) -> None:
    identity = run("sh", "-c", "echo one; sleep 0.1; echo two; sleep 0.1; printf three")
    assert [entry.text for entry in containers.logs(identity, follow=True)] == ["one\n", "two\n", "three"]


def test_following_goes_on_behind_a_rotation(containers, run) -> None:
    script = "for i in $(seq 1000 1400); do echo $i; [ $((i % 50)) = 0 ] && sleep 0.02; done"
    identity = run("sh", "-c", script, log=LogOptions(max_size=4096, max_file=20))
    followed = [int(entry.text) for entry in containers.logs(identity, follow=True)]
    assert followed == list(range(1000, 1401))


def test_following_begins_at_the_tail(containers, run) -> None:
    identity = run("sh", "-c", "echo 1; echo 2; echo 3; sleep 0.2; echo 4; sleep 1000")
    lines = containers.logs(identity, follow=True)
    assert [entry.text for entry in islice(lines, 4)] == ["1\n", "2\n", "3\n", "4\n"]
    lines.close()
    lines = containers.logs(identity, follow=True, tail=1)
    assert next(lines).text == "4\n"
    lines.close()


def test_input_reaches_the_container_and_its_end_too(containers, run) -> None:
    identity = run("cat", open_stdin=True)
    data = os.urandom(300_000)
    with containers.attach(identity) as connection:
        writer = threading.Thread(target=lambda: (connection.write(data), connection.end_input()))
        writer.start()
        received = b""
        while packet := connection.read():
            received += packet[1]
        writer.join()
    assert received == data
    assert containers.wait(identity) == 0


def test_those_who_attach_all_get_the_output(containers, run) -> None:
    identity = run("sh", "-c", "read x; echo $x; echo err >&2", open_stdin=True)
    with containers.attach(identity) as one, containers.attach(identity) as other:
        one.resize(1, 1)
        one.write(b"hello\n")
        for connection in (one, other):
            assert dict(iter(connection.read, None)) == {"stdout": b"hello\n", "stderr": b"err\n"}


def test_one_who_does_not_read_holds_up_nobody_for_long(containers, run) -> None:
    identity = run("sh", "-c", "read x; head -c 1000000 /dev/zero", open_stdin=True)
    with containers.attach(identity) as idle:
        idle.write(b"\n")
        assert containers.wait(identity, timeout=60) == 0


def test_without_input_there_is_none(containers, run) -> None:
    assert containers.wait(run("cat"), timeout=30) == 0


def test_a_terminal_has_a_size_and_takes_control_characters(containers, run) -> None:
    identity = run(
        "sh",
        "-c",
        "tty; read x; stty size; trap 'exit 9' INT; echo up; while :; do sleep 0.05; done",
        tty=True,
    )
    with containers.attach(identity) as connection:
        connection.resize(33, 101)
        connection.write(b"go\n")
        received = b""
        while b"up" not in received:
            received += connection.read()[1]
        connection.write(b"\x03")
        while packet := connection.read():
            received += packet[1]
    assert b"33 101\r\n" in received
    assert containers.wait(identity, timeout=30) == 9
    assert b"/dev/pts/0\r\n" in b"".join(entry.text.encode() for entry in containers.logs(identity))


def test_a_command_has_input_output_and_an_exit_status(containers, run, settings) -> None:
    identity = run("sleep", "1000", spec={"env": {"PATH": "/bin", "A": "a"}, "cwd": "/tmp"})
    out, out_write = os.pipe2(os.O_CLOEXEC)
    script = 'echo "$A $B $(pwd) $(id -u):$(id -g)"; exit 6'
    execution = containers.exec(
        identity, ["sh", "-c", script], env={"B": "b"}, user="7:8", stdio=(0, out_write, 2)
    )
    os.close(out_write)
    with os.fdopen(out) as file:
        assert file.read() == "a b /tmp 7:8\n"
    assert execution.wait() == 6
    execution.close()


def test_a_command_can_have_a_terminal(containers, run) -> None:
    identity = run("sleep", "1000")
    execution = containers.exec(identity, ["sh", "-c", "tty; stty size"], terminal=(40, 120))
    assert execution.wait(30) == 0
    written = b""
    while select.select([execution.console], [], [], 0)[0]:
        try:
            written += os.read(execution.console, 100)
        except OSError:
            break
    execution.close()
    assert re.fullmatch(rb"/dev/pts/\d+\r\n40 120\r\n", written)


def test_a_detached_command_outlives_who_asked(containers, run) -> None:
    identity = run("sleep", "1000")
    assert containers.exec(identity, ["sh", "-c", "sleep 1000; true"], is_detached=True) is None
    containers.close()
    while len(containers.top(identity)) < 2:
        assert containers.find(identity).status() == "running"
    containers.stop(identity)
