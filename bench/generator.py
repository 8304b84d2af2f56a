"""Load generators of the tools image, run in a container on the host's own network and without limits."""

import os

from bench.lab import Lab
from bench.subject import Image, SubjectError
from runtime import ContainerSpec
from runtime.spec import DEFAULT_NAMESPACES, Namespace


class LoadGenerator:
    """Runs one at a time.

    Args:
        lab: has the engine.
        image: has the programs.
    """

    def __init__(self, lab: Lab, image: Image) -> None:
        self._lab = lab
        self._image = image

    def __call__(self, *argv: str, timeout: float = 60.0) -> str:
        """What a program printed, to either stream. Raises: SubjectError when it fails or takes too long."""
        spec = ContainerSpec(self._image.rootfs, argv, namespaces=DEFAULT_NAMESPACES - {Namespace.NET})
        printed = os.memfd_create("tare-generator")
        try:
            container = self._lab.engine.start(spec, stdout=printed, stderr=printed)
            try:
                status = container.wait(timeout)
            except TimeoutError as error:
                raise SubjectError(f"{argv[0]} did not end in {timeout:g} s") from error
            finally:
                container.remove()
            text = os.pread(printed, os.fstat(printed).st_size, 0).decode(errors="replace")
        finally:
            os.close(printed)
        if status:
            last = (text.strip().splitlines() or ["no message"])[-1]
            raise SubjectError(f"{argv[0]} failed with status {status}: {last}")
        return text
