"""A server of the tools image under the load of its usual generator."""

from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import IPv4Address
from typing import Any

from bench.ready import Ready
from bench.recorder import Recorder
from bench.serving import serving
from bench.subject import Footprint, Instance, RunSpec, Subject
from results import Better


def weigh_application(
    weigh: Callable[..., Any],
    subject: Subject,
    recorder: Recorder,
    spec: RunSpec,
    ready: Ready,
    load: Callable[[IPv4Address], str],
    read: Callable[[str], dict[str, tuple[float, float]]],
    prepare: Callable[[IPv4Address], object] = lambda _: None,
) -> None:
    """Keep what a load measures, and the host CPU that the instance takes under it.

    Args:
        weigh: times the rounds.
        subject: serves.
        recorder: gets the samples.
        spec: starts the server, which prints a line first.
        ready: when it takes requests.
        load: asks it, and gives what the generator printed.
        read: from that, requests a second and seconds of one request, by kind of it; "" for the only one.
        prepare: fills it with data before, untimed.

    Raises:
        Unsupported: the subject makes no network.
        SubjectError: it does not start, or the load fails.
    """
    printed: list[str] = []

    def begin() -> tuple[tuple[Instance, IPv4Address, Footprint], dict[str, Any]]:
        instance, address = stack.enter_context(serving(subject, spec))
        ready.wait(instance, recorder.profile.limit)
        prepare(address)
        return (instance, address, instance.footprint()), {}

    def measured(_: Instance, address: IPv4Address, __: Footprint) -> None:
        printed.append(load(address))

    def keep(instance: Instance, _: IPv4Address, before: Footprint) -> None:
        recorder.add("host-cpu", "s", [instance.footprint().cpu - before.cpu])
        stack.close()
        for phase, (requests, seconds) in read(printed.pop()).items():
            recorder.add("requests", "1/s", [requests], phase=phase, better=Better.HIGHER)
            recorder.add("latency", "s", [seconds], phase=phase)

    with ExitStack() as stack:
        weigh(measured, setup=begin, teardown=keep, rounds=recorder.rounds)
