# ruff: noqa: PTH100 - plain strings and descriptors, as in system calls
"""An OCI bundle that says the same as a specification, to measure other runtimes on the same container.

See the OCI runtime specification 1.0, config.md and config-linux.md.
"""

import json
import os
import resource
from pathlib import Path
from typing import Any

from runtime import mounts, plan, seccomp
from runtime.cgroups.protocol import PERIOD
from runtime.spec import ContainerSpec, Namespace
from tare.errors import UsageError

_NAMESPACE_TYPES = {Namespace.MNT: "mount", Namespace.NET: "network"}


def write_bundle(
    spec: ContainerSpec, directory: Path, *, cgroups_path: str = "", unified: bool = False
) -> Path:
    """Write config.json; the bundle's root is the image directory itself, without a copy-on-write layer.

    Args:
        spec: the container; one with an interface has no equal, as runtimes leave networks to their callers.
        directory: the bundle's directory, made when missing.
        cgroups_path: value of `linux.cgroupsPath`; the runtime's own choice when empty.
        unified: whether the host's control groups are version 2, as runtime.plan.start takes it.

    Returns:
        The path of config.json.

    Raises:
        UsageError: the specification has an interface.
    """
    if spec.interface:
        raise UsageError("an OCI bundle has no network interface", "leave it out of the specification")
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "config.json"
    path.write_text(json.dumps(_config(spec, cgroups_path, unified=unified), indent=2) + "\n")
    return path


def _config(spec: ContainerSpec, cgroups_path: str, *, unified: bool) -> dict[str, Any]:
    return {
        "ociVersion": "1.0.2",
        "process": _process(spec),
        "root": {"path": os.path.abspath(spec.rootfs), "readonly": spec.read_only},
        "hostname": spec.hostname,
        "mounts": [
            *(_kernel_mount(mount) for mount in plan.kernel_mounts(spec, unified=unified)),
            *(() if unified else (_kernel_mount(mounts.CGROUP1),)),
            *(
                {
                    "destination": bind.target,
                    "type": "bind",
                    "source": str(bind.source),
                    "options": ["rbind", *(["ro"] if bind.read_only else [])],
                }
                for bind in spec.binds
            ),
        ],
        "linux": _linux(spec, cgroups_path),
    }


def _process(spec: ContainerSpec) -> dict[str, Any]:
    granted = sorted(spec.capabilities)
    return {
        "terminal": False,
        "user": {"uid": spec.uid, "gid": spec.gid, "umask": 0o022, "additionalGids": list(spec.groups)},
        "args": list(spec.argv),
        "env": [f"{name}={value}" for name, value in spec.env.items()],
        "cwd": spec.cwd,
        "capabilities": {
            "bounding": granted,
            "effective": granted if spec.uid == 0 else [],
            "permitted": granted if spec.uid == 0 else [],
            "inheritable": [],
            "ambient": [],
        },
        "rlimits": [
            {"type": _rlimit_name(limit.resource), "soft": limit.soft, "hard": limit.hard}
            for limit in spec.rlimits
        ],
        "noNewPrivileges": spec.no_new_privileges,
    }


def _rlimit_name(number: int) -> str:
    return next(
        name for name in dir(resource) if name.startswith("RLIMIT_") and getattr(resource, name) == number
    )


def _kernel_mount(mount: mounts.Mount) -> dict[str, Any]:
    kind = "cgroup" if mount.filesystem == "cgroup2" else mount.filesystem
    options = [*mount.attributes, *mount.options]
    return {"destination": mount.target, "type": kind, "source": kind, "options": options}


def _linux(spec: ContainerSpec, cgroups_path: str) -> dict[str, Any]:
    resources: dict[str, Any] = {"devices": [{"allow": False, "access": "rwm"}]}
    if spec.limits.memory is not None:
        resources["memory"] = {"limit": spec.limits.memory, "swap": spec.limits.memory}
    if spec.limits.cpus is not None:
        resources["cpu"] = {"quota": round(spec.limits.cpus * PERIOD), "period": PERIOD}
    if spec.limits.pids is not None:
        resources["pids"] = {"limit": spec.limits.pids}
    linux: dict[str, Any] = {
        "namespaces": [
            {"type": _NAMESPACE_TYPES.get(kind, kind.value)}
            for kind in sorted(spec.namespaces, key=lambda kind: kind.value)
        ],
        "resources": resources,
        "maskedPaths": list(mounts.MASKED),
        "readonlyPaths": list(mounts.READ_ONLY),
    }
    if cgroups_path:
        linux["cgroupsPath"] = cgroups_path
    if spec.mappings:
        ranges = [
            {"containerID": ids.inside, "hostID": ids.outside, "size": ids.count} for ids in spec.mappings
        ]
        linux |= {"uidMappings": ranges, "gidMappings": ranges}
    if spec.seccomp:
        linux["seccomp"] = seccomp.profile(spec.capabilities)
    return linux
