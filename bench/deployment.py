"""A deployment: from an image that is somewhere to the first HTTP 200 over the network."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from bench.ready import first_answer
from bench.recorder import Recorder
from bench.serving import address_of
from bench.subject import Instance, Prepared, RunSpec, Subject

SERVE = ("sh", "-c", "httpd -p 80 -h /www && echo ready && exec sleep 100000")
"""The payload: busybox httpd, which says when it listens."""


def weigh_deployment(
    weigh: Callable[..., Any],
    subject: Subject,
    recorder: Recorder,
    prepare: Callable[[], AbstractContextManager[Prepared]],
) -> None:
    """Time deployments, each phase since the beginning: `prepared`, `created`, `ready`, `answered`.

    Args:
        weigh: times the rounds.
        subject: deploys.
        recorder: gets the phases.
        prepare: brings the image into the subject's form and takes it away after the round, untimed.

    Raises:
        SubjectError: nothing answers in time.
    """
    instances: list[Instance] = []
    stamps: dict[str, int] = {}

    def deploy() -> None:
        stamps["begun"] = time.monotonic_ns()
        prepared = stack.enter_context(prepare())
        stamps["prepared"] = time.monotonic_ns()
        instance = subject.start(RunSpec(prepared, SERVE, network=True))
        stack.callback(instance.remove)
        instances.append(instance)
        instance.wait_ready(recorder.profile.limit)
        stamps["ready"] = time.monotonic_ns()
        stamps["answered"] = first_answer(address_of(instance, subject))

    def keep() -> None:
        created = instances.pop().timeline.created
        stack.close()
        if created is not None:
            stamps["created"] = created
        for phase in ("prepared", "created", "ready", "answered"):
            if phase in stamps:
                recorder.add("time", "s", [(stamps[phase] - stamps["begun"]) / 1e9], phase=phase)

    with ExitStack() as stack:
        weigh(deploy, teardown=keep, rounds=recorder.rounds)
