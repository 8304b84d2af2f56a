"""How long from the image in a registry on loopback to the first HTTP 200?"""

from collections.abc import Callable
from typing import Any

from bench.deployment import weigh_deployment
from bench.recorder import Recorder
from bench.subject import Image, Subject

MAIN = ("time", "answered")


def test_deploy_registry(
    weigh: Callable[..., Any], subject: Subject, image: Image, published: str, recorder: Recorder
) -> None:
    weigh_deployment(weigh, subject, recorder, lambda: subject.pulled(image, published))
