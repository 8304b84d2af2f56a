import os
import signal

import pytest

from bench.command import Command, run
from bench.subject import SubjectError


@pytest.fixture
def descriptors():
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


def test_phases_follow_each_other(descriptors, tmp_path) -> None:
    made = tmp_path / "pid"
    command = Command(("sh", "-c", f"echo 1 > {made}; echo ready; exit 3"), "it", appears=made)
    timeline = command.wait_ready(10)
    assert command.wait(10) == 3
    assert timeline.started < timeline.created <= timeline.first_output <= timeline.exited
    command.close()


def test_a_signal_is_128_and_more(descriptors) -> None:
    command = Command(("sh", "-c", "echo ready; kill -TERM $$"), "it")
    command.wait_ready(10)
    assert command.wait(10) == 128 + signal.SIGTERM
    command.close()


def test_its_last_words_are_in_the_error(descriptors) -> None:
    command = Command(("sh", "-c", "echo no such image >&2; exit 1"), "it")
    with pytest.raises(SubjectError, match="it gave no output before it ended: no such image"):
        command.wait_ready(10)
    command.close()


def test_ending_before_the_file_appears_is_noticed(descriptors, tmp_path) -> None:
    command = Command(("sh", "-c", "echo broken >&2; exit 1"), "it", appears=tmp_path / "pid")
    with pytest.raises(SubjectError, match="broken"):
        command.wait_ready(10)
    command.close()


def test_close_kills(descriptors) -> None:
    command = Command(("sh", "-c", "echo ready; exec sleep 100"), "it")
    command.wait_ready(10)
    command.close()
    assert command.process.returncode == -signal.SIGKILL


def test_a_missing_program_is_one_clear_line(descriptors) -> None:
    with pytest.raises(SubjectError, match="cannot run no-such-program: No such file or directory"):
        Command(("no-such-program",), "it")
    with pytest.raises(SubjectError, match="no-such-program is not installed"):
        run(("no-such-program",), "it")


def test_run_says_why_it_failed() -> None:
    with pytest.raises(SubjectError, match="it: sh -c .* failed: boom"):
        run(("sh", "-c", "echo boom >&2; exit 1"), "it")
    with pytest.raises(SubjectError, match="did not end in 0.05 s"):
        run(("sleep", "5"), "it", timeout=0.05)
    assert run(("cat",), "it", stdin=b"x").stdout == b"x"
