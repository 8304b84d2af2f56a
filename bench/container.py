"""What is to be started as a container of the runtime's library."""

from pathlib import Path

from bench.subject import RunSpec
from runtime import Bind, ContainerSpec, Limits
from runtime.spec import DEFAULT_PATH
from runtime.users import account
from tare import environment

_PROCESSES = 512


def container_spec(rootfs: Path, spec: RunSpec, volume: Path | None = None) -> ContainerSpec:
    """A container of a root filesystem, and the directory that is its volume, if it has one.

    Raises:
        UsageError: the image has no such user.
    """
    user = account(spec.prepared.image.rootfs, spec.user)
    return ContainerSpec(
        rootfs,
        spec.argv,
        env=environment.merged((f"PATH={DEFAULT_PATH}", *spec.env), ()),
        cwd=spec.directory or "/",
        uid=user.uid,
        gid=user.gid,
        groups=user.groups,
        limits=Limits(memory=spec.memory, cpus=float(spec.cpus), pids=_PROCESSES),
        binds=(Bind(volume, spec.volume),) if volume else (),
    )
