"""`HostConfig`, `Mounts` and `GraphDriver` of `docker inspect`: how a container is held on the host."""

import resource
from collections.abc import Mapping
from typing import Any

from runtime import capabilities
from runtime.lifecycle.record import Record
from runtime.lifecycle.roots import Roots
from runtime.lifecycle.settings import Mount, Settings
from runtime.spec import ContainerSpec, Namespace
from tare.errors import TareError
from tare.ports import Published
from tare.state import State

_CPU = {
    "shares": "CpuShares",
    "period": "CpuPeriod",
    "quota": "CpuQuota",
    "cpus": "CpusetCpus",
    "mems": "CpusetMems",
}
_MEMORY = {
    "swap": "MemorySwap",
    "reservation": "MemoryReservation",
    "swappiness": "MemorySwappiness",
    "disableOOMKiller": "OomKillDisable",
}
_ULIMITS = {
    number: name.removeprefix("RLIMIT_").lower()
    for name, number in vars(resource).items()
    if name.startswith("RLIMIT_")
}


def host_config(settings: Settings) -> dict[str, Any]:
    """How a container is held on the host."""
    spec, networking = settings.spec, settings.networking
    kept = [mount for mount in settings.mounts if mount.kind != "tmpfs" and mount.source]
    return {
        "Binds": [*map(_bind, kept), *_binds_of(spec)] or None,
        "LogConfig": {"Type": settings.log.driver, "Config": _log(settings)},
        "NetworkMode": networking.mode,
        "PortBindings": _bindings(networking.publish),
        "PublishAllPorts": networking.publish_all,
        "RestartPolicy": {"Name": settings.restart.name, "MaximumRetryCount": settings.restart.maximum},
        "AutoRemove": settings.auto_remove,
        "Privileged": spec.privileged,
        "CapAdd": sorted(spec.capabilities - capabilities.DEFAULT) or None,
        "CapDrop": sorted(capabilities.DEFAULT - spec.capabilities) or None,
        "SecurityOpt": _security(spec) or None,
        "Dns": list(networking.dns.servers),
        "DnsOptions": list(networking.dns.options),
        "DnsSearch": list(networking.dns.search),
        "ExtraHosts": [f"{alias.name}:{alias.address}" for alias in networking.hosts] or None,
        "GroupAdd": list(map(str, spec.groups)) or None,
        "PidMode": settings.pid,
        "IpcMode": settings.ipc or "private",
        "UTSMode": settings.uts,
        "CgroupnsMode": "private" if Namespace.CGROUP in spec.namespaces else "host",
        "OomScoreAdj": spec.oom_score_adj or 0,
        "ReadonlyRootfs": spec.read_only,
        "ShmSize": spec.shm_size or 64 << 20,
        "Sysctls": dict(spec.sysctls),
        "Tmpfs": {
            mount.target: ",".join(mount.options) for mount in settings.mounts if mount.kind == "tmpfs"
        },
        "Devices": [
            {"PathOnHost": each.source, "PathInContainer": each.target, "CgroupPermissions": each.access}
            for each in spec.devices
        ],
        "DeviceCgroupRules": list(map(_rule, settings.resources.get("devices", ()))) or None,
        "Ulimits": [
            {"Name": _ULIMITS[each.resource], "Hard": each.hard, "Soft": each.soft} for each in spec.rlimits
        ],
        "Memory": spec.limits.memory or 0,
        "NanoCpus": round((spec.limits.cpus or 0) * 1e9),
        "PidsLimit": spec.limits.pids,
        **_resources(settings.resources),
        "Init": settings.init,
        "Runtime": "tarebox",
        "Resources": dict(settings.resources),
    }


def mounts(state: State, settings: Settings) -> list[dict[str, Any]]:
    """What is mounted beside the root and the kernel's filesystems."""
    return [_mount(state, mount) for mount in settings.mounts if mount.kind != "tmpfs" or mount.target]


def graph_driver(roots: Roots, record: Record) -> dict[str, Any]:
    """Where a container's root is on the host."""
    settings = record.settings
    if not settings.chain:
        layer = f"{record.path}/layer"
        data = {
            "LowerDir": str(settings.spec.rootfs),
            "UpperDir": f"{layer}/upper",
            "WorkDir": f"{layer}/work",
        }
        return {"Name": "overlay", "Data": data}
    name = settings.driver
    if name != "overlay":
        return {"Name": name, "Data": None}
    try:
        driver, container = roots.get(record)
        root = driver.root(container)
    except TareError:
        return {"Name": name, "Data": None}
    lowers = ":".join(map(str, root.lowers))
    return {
        "Name": name,
        "Data": {"LowerDir": lowers, "UpperDir": str(root.upper), "WorkDir": str(root.work)},
    }


def _mount(state: State, mount: Mount) -> dict[str, Any]:
    shown = {
        "Type": mount.kind,
        "Source": mount.source,
        "Destination": mount.target,
        "Mode": "ro" if mount.read_only else "",
        "RW": not mount.read_only,
        "Propagation": (mount.propagation or "rprivate") if mount.kind == "bind" else "",
    }
    if mount.kind != "volume":
        return shown
    return {**shown, "Name": mount.source, "Source": _volume(state, mount.source), "Driver": "local"}


def _volume(state: State, name: str) -> str:
    from runtime.volumes.volumes import Volumes

    try:
        return str(Volumes(state).path(name))
    except TareError:
        return ""


def _bind(mount: Mount) -> str:
    options = [*(["ro"] if mount.read_only else []), *([mount.propagation] if mount.propagation else [])]
    return f"{mount.source}:{mount.target}" + (f":{','.join(options)}" if options else "")


def _binds_of(spec: ContainerSpec) -> list[str]:
    return [f"{bind.source}:{bind.target}{':ro' if bind.read_only else ''}" for bind in spec.binds]


def _bindings(ports: tuple[Published, ...]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        binding = {"HostIp": str(port.host or ""), "HostPort": str(port.host_port or "")}
        found.setdefault(f"{port.port}/{port.protocol}", []).append(binding)
    return found


def _log(settings: Settings) -> dict[str, str]:
    if settings.log.max_size is None:
        return {}
    return {"max-size": str(settings.log.max_size), "max-file": str(settings.log.max_file)}


def _rule(rule: Mapping[str, Any]) -> str:
    return f"{rule['type']} {rule.get('major', '*')}:{rule.get('minor', '*')} {rule['access']}"


def _security(spec: ContainerSpec) -> list[str]:
    found = ["no-new-privileges"] if spec.no_new_privileges else []
    if spec.seccomp_profile:
        return [*found, f"seccomp={spec.seccomp_profile}"]
    return found if spec.seccomp or spec.privileged else [*found, "seccomp=unconfined"]


def _resources(resources: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for section, names in (("cpu", _CPU), ("memory", _MEMORY)):
        given = resources.get(section) or {}
        found |= {name: given.get(key, "" if key in ("cpus", "mems") else 0) for key, name in names.items()}
    found["OomKillDisable"] = bool(found["OomKillDisable"])
    found["BlkioWeight"] = (resources.get("blockIO") or {}).get("weight", 0)
    return found
