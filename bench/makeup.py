"""Facts that hold for every container engine."""

import platform

from bench.sizes import container_sizes
from bench.subject import Makeup, RunSpec


def container_makeup(command: str, spec: RunSpec) -> Makeup:
    """A container's artifact is its layer; it is bound to a kernel interface and an instruction set.

    Args:
        command: what a person writes to start it, without the payload.
        spec: what is started.
    """
    return Makeup(
        configuration=" ".join((command, *spec.argv)),
        couplings=("Linux system calls of the host kernel", f"instruction set {platform.machine()}"),
        artifacts=(("layer.tar.gz", container_sizes(spec.prepared.image)["oci-layer"]),),
    )
