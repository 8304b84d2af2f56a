"""How long does it take to replace a serving instance by a new one, and what do its clients notice?"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench.client import Client
from bench.deployment import SERVE
from bench.ready import first_answer
from bench.recorder import Recorder
from bench.serving import serving
from bench.subject import Instance, Prepared, RunSpec, Subject

MAIN = ("time", "answered")


def test_replacement(
    weigh: Callable[..., Any], subject: Subject, prepared: Prepared, recorder: Recorder
) -> None:
    spec = RunSpec(prepared, SERVE, network=True)
    stamps: dict[str, int] = {}

    def begin() -> tuple[tuple[Instance, Client], dict[str, Any]]:
        instance, address = stack.enter_context(serving(subject, spec))
        first_answer(address)
        return (instance, stack.enter_context(Client(address))), {}

    def replace(old: Instance, client: Client) -> None:
        stamps["begun"] = time.monotonic_ns()
        _, address = stack.enter_context(serving(subject, spec))
        stamps["answered"] = first_answer(address)
        client.switch(address)
        old.remove()
        stamps["replaced"] = time.monotonic_ns()

    def keep(_: Instance, client: Client) -> None:
        client.stop()
        stack.close()
        for phase in ("answered", "replaced"):
            recorder.add("time", "s", [(stamps[phase] - stamps["begun"]) / 1e9], phase=phase)
        asked = len(client.seconds) + len(client.failures)
        notes = "; ".join((f"of {asked} requests", *dict.fromkeys(client.failures)))
        recorder.add("failed-requests", "1", [len(client.failures)], notes=notes)
        recorder.add("slowest-request", "s", [max(client.seconds)])

    with ExitStack() as stack:
        weigh(replace, setup=begin, teardown=keep, rounds=recorder.rounds)
