"""What `linux` of a configuration may hold; see config-linux.md of the OCI runtime specification."""

from __future__ import annotations

import os

from runtime.oci.config_resources import RESOURCES
from runtime.oci.config_seccomp import SECCOMP
from runtime.oci.config_shape import (
    ID,
    INT64,
    UINT32,
    FieldError,
    absolute,
    absolutes,
    array,
    integer,
    mapping,
    number_list,
    one_of,
    record,
    shown,
    string,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

NAMESPACES = ("cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts")
MEMORY_POLICIES = (
    "MPOL_BIND",
    "MPOL_DEFAULT",
    "MPOL_INTERLEAVE",
    "MPOL_LOCAL",
    "MPOL_PREFERRED",
    "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
)
MEMORY_POLICY_FLAGS = ("MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES")
_WITHOUT_NODES = ("MPOL_DEFAULT", "MPOL_LOCAL")
_PROPAGATIONS = ("shared", "slave", "private", "unbindable")
_SYSCTL_NAMESPACES = {"net": "network", "fs.mqueue": "ipc", "user": "user"} | dict.fromkeys(
    (
        "kernel.auto_msgmni",
        "kernel.msg_next_id",
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.sem_next_id",
        "kernel.shm_next_id",
        "kernel.shm_rmid_forced",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
    ),
    "ipc",
)
_SYSCTL_NAMESPACES |= {"kernel.domainname": "uts"}


def _namespace_path(value: Any) -> None:
    string(value)
    if value:
        absolute(value)


def _no_duplicates(namespaces: Any) -> None:
    _namespaces(namespaces)
    seen = set()
    for index, namespace in enumerate(namespaces):
        if namespace["type"] in seen:
            raise FieldError(f"a second namespace of type {namespace['type']}", path=f"[{index}]")
        seen.add(namespace["type"])


def _within_32_bits(ids: Any) -> None:
    for start in ("containerID", "hostID"):
        if ids[start] + ids["size"] >= 1 << 32:
            raise FieldError(f"{start} {ids[start]} and size {ids['size']} go beyond the highest id")


def _device(device: Any) -> None:
    if device["type"] == "p":
        return
    for name, bits in (("major", 12), ("minor", 20)):
        if name not in device:
            raise FieldError("is missing", path=name)
        if not 0 <= device[name] < 1 << bits:
            raise FieldError(f"{device[name]} is no {name} number of a device", path=name)


def _interface_name(value: Any) -> None:
    """As dev_valid_name of the kernel's net/core/dev.c has it, with `%d` at most once."""
    string(value)
    rest = value.replace("%d", "", 1)
    forbidden = any(character in "/:%" or character.isspace() for character in rest)
    if not 0 < len(value.encode()) < 16 or value in (".", "..") or forbidden:
        raise FieldError(f"{shown(value)} is no name of a network interface")


def _net_devices(devices: Any) -> None:
    _devices_by_name(devices)
    seen: set[str] = set()
    for name, device in devices.items():
        place = f"[{shown(name)}]"
        try:
            _interface_name(name)
        except FieldError as error:
            raise error.below(place) from None
        inside = device.get("name") or name
        if inside in seen and "%d" not in inside:
            raise FieldError(f"a second interface is called {shown(inside)}", path=f"{place}.name")
        seen.add(inside)


def _memory_policy(policy: Any) -> None:
    """The rules of set_mempolicy(2)."""
    mode, has_nodes = policy["mode"], bool(policy.get("nodes"))
    if has_nodes and mode in _WITHOUT_NODES:
        raise FieldError(f"{mode} takes no nodes", path="nodes")
    if not has_nodes and mode not in (*_WITHOUT_NODES, "MPOL_PREFERRED"):
        raise FieldError(f"{mode} needs nodes", path="nodes")
    if {"MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"} <= set(policy.get("flags", ())):
        raise FieldError("nodes can't be both static and relative", path="flags")


def _cgroups_path(value: Any) -> None:
    string(value)
    if ".." in value.split("/"):
        raise FieldError(f"{shown(value)} leaves its parent", 'it may not contain ".."')


def _no_flags(value: Any) -> None:
    if value != []:
        raise FieldError(f"{shown(value)} is unknown", "the specification knows no flags")


def _intel_rdt(_value: Any) -> NoReturn:
    raise FieldError("Intel RDT is not supported", "leave it out")


_namespaces = array(record({"type": one_of(*NAMESPACES), "path": _namespace_path}, ("type",)))
_devices_by_name = mapping(record({"name": _interface_name}))
ID_MAPPINGS = array(
    record(
        {"containerID": ID, "hostID": ID, "size": integer(1, (1 << 32) - 1)},
        ("containerID", "hostID", "size"),
        _within_32_bits,
    )
)
LINUX = record(
    {
        "namespaces": _no_duplicates,
        "uidMappings": ID_MAPPINGS,
        "gidMappings": ID_MAPPINGS,
        "timeOffsets": mapping(record({"secs": INT64, "nanosecs": integer(0, 999_999_999)})),
        "devices": array(
            record(
                {
                    "type": one_of("c", "b", "u", "p"),
                    "path": absolute,
                    "major": INT64,
                    "minor": INT64,
                    "fileMode": UINT32,
                    "uid": ID,
                    "gid": ID,
                },
                ("type", "path"),
                _device,
            )
        ),
        "netDevices": _net_devices,
        "cgroupsPath": _cgroups_path,
        "resources": RESOURCES,
        "rootfsPropagation": one_of("", *_PROPAGATIONS, *(f"r{kind}" for kind in _PROPAGATIONS)),
        "seccomp": SECCOMP,
        "sysctl": mapping(string),
        "maskedPaths": absolutes,
        "readonlyPaths": absolutes,
        "mountLabel": string,
        "intelRdt": _intel_rdt,
        "personality": record({"domain": one_of("LINUX", "LINUX32"), "flags": _no_flags}, ("domain",)),
        "memoryPolicy": record(
            {
                "mode": one_of(*MEMORY_POLICIES),
                "nodes": number_list,
                "flags": array(one_of(*MEMORY_POLICY_FLAGS)),
            },
            ("mode",),
            _memory_policy,
        ),
    }
)
"""Every member of `linux`, each for itself."""


def check_combinations(linux: dict[str, Any]) -> None:
    """What needs a namespace has it; `linux` is valid otherwise.

    Raises:
        ConfigError: a setting would reach the host, or have no effect.
    """
    namespaces = {entry["type"]: entry.get("path", "") for entry in linux.get("namespaces", ())}
    mapped = bool(linux.get("uidMappings") or linux.get("gidMappings"))
    if mapped and "user" not in namespaces:
        raise FieldError("id mappings need a user namespace", path="uidMappings")
    for name in ("uidMappings", "gidMappings"):
        if namespaces.get("user") == "" and not linux.get(name):
            raise FieldError("is missing", "a new user namespace needs it", path=name)
    if linux.get("timeOffsets"):
        _check_time_offsets(linux["timeOffsets"], namespaces)
    if linux.get("netDevices") and "network" not in namespaces:
        raise FieldError("network devices need a network namespace", path="netDevices")
    for name in linux.get("sysctl", ()):
        _check_sysctl(name, namespaces)


def _check_time_offsets(offsets: dict[str, Any], namespaces: dict[str, str]) -> None:
    if namespaces.get("time") != "":
        raise FieldError("offsets need a new time namespace", path="timeOffsets")
    for clock in offsets:
        if clock not in ("monotonic", "boottime"):
            raise FieldError(
                f"{shown(clock)} has no offset", "monotonic and boottime have", path="timeOffsets"
            )


def sysctl_path(name: str) -> str:
    """The file of a kernel parameter below /proc/sys; its name as sysctl(8) takes it, with dots or slashes.

    Raises:
        ConfigError: no such name is possible.
    """
    dotted = name.find("/") < 0 or 0 <= name.find(".") < name.find("/")
    path = name.translate({ord("."): "/", ord("/"): "."}) if dotted else name
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise FieldError("is no name of a kernel parameter")
    return path


def _check_sysctl(name: str, namespaces: dict[str, str]) -> None:
    place = f"sysctl[{shown(name)}]"
    try:
        first, *rest = sysctl_path(name).split("/")
    except FieldError as error:
        raise error.below(place) from None
    needed = _SYSCTL_NAMESPACES.get(first) or _SYSCTL_NAMESPACES.get(f"{first}.{rest[0] if rest else ''}")
    if needed is None:
        hint = "set hostname instead" if [first, *rest] == ["kernel", "hostname"] else "leave it out"
        raise FieldError("belongs to no namespace and would change the host", hint, path=place)
    if needed not in namespaces or _is_ours(namespaces[needed], needed):
        raise FieldError(f"needs a namespace of its own of type {needed}", path=place)


def _is_ours(path: str, kind: str) -> bool:
    """Whether a namespace is the one the runtime itself is in; one that isn't there fails when joined."""
    try:
        return bool(path) and os.path.samefile(path, f"/proc/self/ns/{kind.replace('network', 'net')}")
    except OSError:
        return False
