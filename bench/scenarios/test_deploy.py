"""How long from the image on this host to the first HTTP 200, asked by the host over the network?"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from bench.deployment import weigh_deployment
from bench.recorder import Recorder
from bench.subject import Image, Subject

MAIN = ("time", "answered")


def test_deploy(weigh: Callable[..., Any], subject: Subject, image: Image, recorder: Recorder) -> None:
    weigh_deployment(weigh, subject, recorder, lambda: nullcontext(subject.prepare(image, fresh=True)))
