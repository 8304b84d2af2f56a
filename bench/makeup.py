"""Facts that hold for every container engine."""

from pathlib import Path

from bench.elf import programs
from bench.sizes import container_sizes
from bench.subject import Makeup, RunSpec


def container_makeup(command: str, spec: RunSpec, scratch: Path) -> Makeup:
    """A container's artifact is its layer; it is bound to a kernel interface and an instruction set.

    Args:
        command: what a person writes to start it, without the payload.
        spec: what is started.
        scratch: a directory for what `container_sizes` packs.
    """
    bound = programs(spec.prepared.image.rootfs)
    return Makeup(
        configuration=" ".join((command, *spec.argv)),
        couplings={
            "kernel": f"the host's, Linux {bound.kernel}".rstrip() + " or newer" * bool(bound.kernel),
            "architecture": ", ".join(bound.architectures),
            "format": "OCI layers" if spec.prepared.image.stored else "files",
        },
        artifacts=(("layer.tar.gz", container_sizes(spec.prepared.image, scratch)["oci-layer"]),),
    )
