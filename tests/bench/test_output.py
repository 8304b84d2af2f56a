import os
import time

import pytest

from bench.output import Output
from bench.subject import SubjectError


@pytest.fixture
def pipe():
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    output = Output(read_end, "it")
    yield output, write_end
    output.close()


def test_first_byte_and_mark_are_stamped_in_order(pipe) -> None:
    output, write_end = pipe
    os.write(write_end, b"begin\n")
    first = output.wait_first(1)
    os.write(write_end, b"en")
    os.write(write_end, b"d\n")
    assert first <= output.wait_for(b"end", 1) <= time.monotonic_ns()
    assert bytes(output.data) == b"begin\nend\n"
    os.close(write_end)


def test_silence_is_one_clear_line(pipe) -> None:
    output, write_end = pipe
    with pytest.raises(SubjectError, match="it gave no output in time"):
        output.wait_first(0.01)
    os.close(write_end)
    with pytest.raises(SubjectError, match="it did not print 'end' before it ended"):
        output.wait_for(b"end", 1)
    assert output.ended


def test_close_is_idempotent(pipe) -> None:
    output, write_end = pipe
    os.close(write_end)
    output.close()
    output.close()
