"""The bytes that come out of a guest: the serial line and the channel, whatever a guest says."""

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm_baseline.agent import Agent
from vm_baseline.command import Command
from vm_baseline.errors import HypervisorError
from vm_baseline.frames import LONGEST_BODY, Frame, Kind, Parser
from vm_baseline.serial import Serial
from vm_baseline.transcript import Transcript

HELLO = b"0123:ready 1 2\n"
LIMIT = 30
frames = st.builds(Frame, st.integers(0, 255), st.integers(0, 0xFFFF), st.binary())
times = st.tuples(st.integers(0, (1 << 63) - 1), st.integers(0, (1 << 63) - 1))


def cut(data, whole: bytes) -> list[bytes]:
    """The same bytes in pieces of any size."""
    pieces = []
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        pieces.append(whole[:size])
        whole = whole[size:]
    return pieces


@given(st.binary(), times, st.binary(), st.data())
def test_a_transcript_is_the_same_however_it_is_cut(boot, when, said, data) -> None:
    forged = b"0:ready 1 2\r\n:ready 1 2\r\n0123:ready\r\n0123:ready x 1\r\n"
    before = b"N0:boot" + boot + forged
    line = before + b"0123:ready %d %d\r\n" % when + said.replace(b"\n", b"\r\n") + b"\r\n"
    transcript = Transcript("0123")
    new = b"".join([transcript.feed(piece) for piece in cut(data, line)])
    assert transcript.ready
    assert transcript.guest_times == when
    assert transcript.boot == before
    assert new == transcript.output == said + b"\n"


def test_much_garbage_is_not_kept() -> None:
    transcript = Transcript("0123")
    for _ in range(64):
        transcript.feed(b"ready exit :ready 1 2\r\n" * 4096)
    assert not transcript.ready
    assert len(transcript.boot) < 1 << 20
    transcript.feed(b"0123:ready 1 2\n")
    for _ in range(64):
        transcript.feed(b"0123:ready 3 4\r\n" * 4096)
    assert transcript.guest_times == (1, 2)
    assert len(transcript.output) < 1 << 20


def test_the_last_words_are_why_the_kernel_gave_up() -> None:
    transcript = Transcript("0123")
    transcript.feed(
        b"booting\r\n[1.0] Kernel panic - not syncing: Attempted to kill init!\r\n[1.1] Call Trace:\r\n"
        b"[1.2] ---[ end Kernel panic - not syncing: Attempted to kill init! ]---\r\n"
    )
    assert transcript.last_line() == "[1.0] Kernel panic - not syncing: Attempted to kill init!"


@given(st.lists(frames), st.data())
def test_frames_are_the_same_however_they_are_cut(sent, data) -> None:
    parser, arrived = Parser(), []
    for piece in cut(data, b"".join(frame.packed() for frame in sent)):
        arrived += parser.feed(piece)
    assert arrived == sent


@given(st.lists(st.binary(max_size=64)))
def test_garbage_is_frames_or_a_fault(pieces) -> None:
    parser = Parser()
    try:
        for piece in pieces:
            for frame in parser.feed(piece):
                assert len(frame.body) <= LONGEST_BODY
    except ValueError as error:
        assert "a frame of" in str(error)


def test_a_frame_that_is_too_long_is_refused_at_its_head() -> None:
    with pytest.raises(ValueError, match=f"a frame of {LONGEST_BODY + 1} bytes"):
        list(Parser().feed((LONGEST_BODY + 1).to_bytes(4, "little") + bytes((0, 0, Kind.OUTPUT, 0))))


@given(st.binary(min_size=1, max_size=128), st.binary(), st.data())
def test_a_preview_of_the_channel_is_no_text(preview, said, data) -> None:
    line = f"0123:channel {preview.hex()}\r\n".encode()
    transcript = Transcript("0123")
    for piece in cut(data, HELLO + b"before\r\n" + line + said):
        transcript.feed(piece)
    assert transcript.preview == preview
    assert bytes(transcript.output) == b"before\n" + said.removesuffix(b"\r").replace(b"\r\n", b"\n")


def lines(tmp_path, spoilt: bool, late: bool) -> bytes:
    """What a payload said whose first frame came over both lines."""
    stream = b"".join(
        frame.packed()
        for frame in (
            Frame(Kind.OUTPUT, 0, b"one "),
            Frame(Kind.OUTPUT, 0, b"two"),
            Frame(Kind.STATUS, 0, b"\3\0\0\0"),
        )
    )
    said = bytearray()
    serial = Serial(tmp_path / "serial", "0123")
    agent = Agent(tmp_path / "agent", serial, (said.extend, None))
    preview = f"0123:channel {stream[:12].hex()}\r\n".encode()
    if spoilt:
        preview = preview[:20] + b"[1.0] a kernel message\r\n" + preview[20:]
    with socket.socket(socket.AF_UNIX) as line, socket.socket(socket.AF_UNIX) as channel:
        line.connect(str(tmp_path / "serial"))
        channel.connect(str(tmp_path / "agent"))
        line.sendall(HELLO)
        if late:
            channel.sendall(stream[:20])
            assert serial.wait(lambda: agent.present, LIMIT)
        line.sendall(preview)
        assert serial.wait(lambda: agent.present or spoilt, LIMIT)
        channel.sendall(stream[20 if late else 0 :])
        assert serial.wait(lambda: agent.payload.finished, LIMIT)
    serial.close()
    agent.close()
    assert agent.payload.status == 3
    return bytes(said)


@pytest.mark.parametrize("spoilt", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_what_comes_over_both_lines_is_taken_once(tmp_path, spoilt, late) -> None:
    assert lines(tmp_path, spoilt, late) == b"one two"


def test_a_channel_that_ended_at_once_ends_the_wait(tmp_path) -> None:
    serial = Serial(tmp_path / "serial", "0123")
    ours, theirs = socket.socketpair()
    theirs.close()
    agent = Agent(ours, serial)
    with pytest.raises(HypervisorError, match="ended"):
        agent.start(Command(("true",)), LIMIT)
    serial.close()
    agent.close()


def test_a_channel_full_of_garbage_is_one_line(tmp_path) -> None:
    serial = Serial(tmp_path / "serial", "0123")
    agent = Agent(tmp_path / "agent", serial)
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(tmp_path / "agent"))
        channel.sendall(Frame(Kind.HELLO, 0).packed())
        process = agent.start(Command(("true",)), LIMIT)
        channel.sendall(b"\xff" * 4096)
        with pytest.raises(HypervisorError, match="channel carries a frame of 4294967295 bytes before true"):
            process.communicate(timeout=LIMIT)
        with pytest.raises(HypervisorError, match="channel carries a frame of 4294967295 bytes before id"):
            agent.start(Command(("id",)), LIMIT)
        channel.sendall(b"\xff" * 4096)
    serial.close()
    agent.close()


def test_a_line_that_can_not_be_made_leaves_no_descriptor(tmp_path) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No such file"):
        Serial(tmp_path / "absent/serial", "0123")
    assert len(os.listdir("/proc/self/fd")) == len(before)
