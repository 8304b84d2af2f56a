"""Kernel parameters that a container may have for itself, as its namespaces do; see namespaces(7)."""

import re
from collections.abc import Mapping

from runtime.spec import ContainerSpec, Namespace
from tare.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9_-]*(\.[A-Za-z0-9_-]+)+", re.ASCII)
_IPC = ("msgmax", "msgmnb", "msgmni", "sem", "shm_rmid_forced", "shmall", "shmmax", "shmmni")
_KINDS = {
    "net": Namespace.NET,
    "fs.mqueue": Namespace.IPC,
    "kernel.domainname": Namespace.UTS,
    **{f"kernel.{name}": Namespace.IPC for name in _IPC},
}


def checked(spec: ContainerSpec) -> Mapping[str, str]:
    """The parameters of a specification.

    Raises:
        UsageError: one belongs to the host, or to a namespace that the container shares with it.
    """
    for name in spec.sysctls:
        kind = next((kind for prefix, kind in _KINDS.items() if f"{name}.".startswith(f"{prefix}.")), None)
        if kind is None or not _NAME.fullmatch(name):
            raise UsageError(
                f"the kernel parameter {name!r} belongs to the whole host", "set it there, with sysctl(8)"
            )
        if kind not in spec.namespaces:
            raise UsageError(
                f"{name} belongs to a {kind.value} namespace, which the container has none of its own of",
                "set it where that is",
            )
    return spec.sysctls
