"""An interrupt at any moment of a container's life: its removal ends all, and waits for nothing lost."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from runtime import ContainerSpec, Limits, wire


class Interrupted(BaseException):
    """Not KeyboardInterrupt, which pytest takes for its own."""


@pytest.fixture
def limited(engine, image):
    """Starts a container with limits, whose control groups could be left."""
    limits = Limits(memory=64 << 20, cpus=1.0, pids=64)

    def started(*argv: str):
        with Path(os.devnull).open("r+b") as null:
            spec = ContainerSpec(image, argv, limits=limits)
            return engine.start(spec, stdin=null.fileno(), stdout=null.fileno(), stderr=null.fileno())

    return started


@pytest.mark.parametrize("argv", [("sleep", "99"), ("true",)])
@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_message_is_received_and_lost(limited, monkeypatch, argv, lost) -> None:
    received, count = wire.receive_packet, 0

    def interrupted(channel):
        nonlocal count
        answer = received(channel)
        count += 1
        if count == lost:
            for descriptor in answer[1]:
                os.close(descriptor)
            raise Interrupted
        return answer

    container = limited(*argv)
    with monkeypatch.context() as patch:
        patch.setattr(wire, "receive_packet", interrupted)
        with suppress(Interrupted, TimeoutError):
            container.wait(0.5)
        with suppress(Interrupted):
            container.remove()
        container.remove()
    assert count >= lost


def test_a_removal_waits_for_no_other_container_that_was_cloned_meanwhile(limited) -> None:
    first = limited("sleep", "99")
    first.await_complete()
    second = limited("sleep", "99")
    second.await_complete()
    # Where it is caught before its command runs, it has the launcher's end of the first one's channel, too.
    second.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(first.remove).result(20)
    second.remove()


def test_a_start_is_interrupted_when_the_launcher_has_been_asked(limited, monkeypatch, engine) -> None:
    send = wire.send

    def interrupted(*arguments):
        send(*arguments)
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(wire, "send", interrupted)
        with pytest.raises(Interrupted):
            limited("sleep", "99")
    container = limited("true")
    assert container.wait() == 0
    container.remove()
