"""How long from the image to the first HTTP 200, asked by the host over the network?"""

import http.client
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

from bench.recorder import Recorder
from bench.subject import Image, Instance, RunSpec, Subject, SubjectError

_TIMEOUT = 120.0
_SERVE = ("sh", "-c", "httpd -p 80 -h /www && echo ready && exec sleep 100000")


def test_deploy(weigh: Callable[..., Any], subject: Subject, image: Image, recorder: Recorder) -> None:
    instances: list[Instance] = []
    stamps: dict[str, int] = {}

    def deploy() -> None:
        stamps["begun"] = time.monotonic_ns()
        prepared = subject.prepare(image, fresh=True)
        stamps["prepared"] = time.monotonic_ns()
        instance = subject.start(RunSpec(prepared, _SERVE, network=True))
        instances.append(instance)
        instance.wait_ready(_TIMEOUT)
        stamps["ready"] = time.monotonic_ns()
        address = instance.address()
        if address is None:
            raise SubjectError(f"{subject.name} has no address to ask")
        stamps["answered"] = first_answer(address)

    def keep() -> None:
        instance = instances.pop()
        created = instance.timeline.created
        instance.remove()
        if created is not None:
            stamps["created"] = created
        for phase in ("prepared", "created", "ready", "answered"):
            if phase in stamps:
                recorder.add("time", "s", [(stamps[phase] - stamps["begun"]) / 1e9], phase=phase)

    try:
        weigh(deploy, teardown=keep, rounds=recorder.rounds)
    finally:
        for instance in instances:
            instance.remove()


def first_answer(address: IPv4Address, timeout: float = 20.0) -> int:
    """Monotonic ns of the first HTTP 200 from port 80. Raises: SubjectError when none comes in time."""
    deadline = time.monotonic() + timeout
    problem: object = "nothing tried"
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(str(address), 80, timeout=1.0)
        try:
            connection.request("GET", "/")
            status = connection.getresponse().status
            if status == http.HTTPStatus.OK:
                return time.monotonic_ns()
            problem = f"HTTP {status}"
        except (OSError, http.client.HTTPException) as error:
            problem = error
        finally:
            connection.close()
    raise SubjectError(f"http://{address}/ gave no 200 in {timeout:g} s: {problem}")
