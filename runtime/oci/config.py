"""Reading and checking a bundle's config.json; see config.md of the OCI runtime specification 1.3.

What isn't Linux's (`windows`, `solaris`, `vm`, `zos`, `freebsd`) and members no specification knows are
ignored. A null counts as left out, as it does for the programs that write these files.
"""

from __future__ import annotations

import os

from runtime import light
from runtime.capabilities import NUMBERS
from runtime.oci.config_linux import ID_MAPPINGS, LINUX, check_combinations
from runtime.oci.config_resources import RESOURCES
from runtime.oci.config_shape import (
    ID,
    UINT16,
    UINT64,
    FieldError,
    absolute,
    array,
    boolean,
    filled,
    integer,
    mapping,
    number_list,
    one_of,
    record,
    shown,
    string,
    strings,
    text,
    variables,
)
from runtime.oci.errors import ConfigError
from runtime.oci.record import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ConfigError", "check", "check_process", "check_resources", "load", "parse"]

HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
CAPABILITY_SETS = ("effective", "bounding", "inheritable", "permitted", "ambient")
_HOSTNAME_MAX = 64
_LIMITS = (  # noqa: SIM905 - a tuple literal would fill the page
    "AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING STACK"
).split()
_SCHEDULERS = ("OTHER", "BATCH", "IDLE", "FIFO", "RR", "DEADLINE")
_SCHEDULER_FLAGS = (
    "RESET_ON_FORK",
    "RECLAIM",
    "DL_OVERRUN",
    "KEEP_POLICY",
    "KEEP_PARAMS",
    "UTIL_CLAMP_MIN",
    "UTIL_CLAMP_MAX",
)
_IO_CLASSES = ("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE")


def load(bundle: str) -> tuple[dict[str, Any], bytes]:
    """Read a bundle's config.json.

    Returns:
        The object in it, not yet checked, and the file's bytes.

    Raises:
        ConfigError: there is no such directory or file, or no JSON object in it.
    """
    path = os.path.join(bundle, "config.json")
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except FileNotFoundError:
        if os.path.isdir(bundle):
            raise ConfigError(f"{bundle} has no config.json", "write one with the command spec") from None
        raise ConfigError(f"there is no bundle {bundle}", "name a directory with a config.json") from None
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}") from None
    return parse(raw, path), raw


def parse(raw: bytes, path: str) -> dict[str, Any]:
    """The JSON object in a file's bytes, without its null members.

    Raises:
        ConfigError: there is none; `path` is named.
    """
    try:
        value = light.loads(raw.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deep") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from None
    if type(value) is not dict:
        raise ConfigError(f"{path} holds {shown(value)}", "it must hold an object")
    if b"null" in raw:
        _drop_nulls(value)
    return value


def _drop_nulls(value: Any) -> None:
    pending = [value]
    while pending:
        node = pending.pop()
        if type(node) is dict:
            for name in [name for name, member in node.items() if member is None]:
                del node[name]
            # There a null is a value that is no string, not a member left out.
            pending.extend(member for name, member in node.items() if name != "annotations")
        elif type(node) is list:
            pending.extend(node)


def check(config: dict[str, Any]) -> list[str]:
    """Check a whole configuration; `process` may be missing, as only `start` needs it.

    Returns:
        Warnings: what can't be given but is no error.

    Raises:
        ConfigError: an invalid, unsupported or missing value; the message begins with its path.
    """
    _CONFIG(config)
    linux = config.get("linux", {})
    types = [entry["type"] for entry in linux.get("namespaces", ())]
    for name in ("hostname", "domainname"):
        if config.get(name) and "uts" not in types:
            raise FieldError("would change the host's own name", "add a uts namespace", path=name)
    try:
        check_combinations(linux)
    except FieldError as error:
        raise error.below("linux") from None
    if "user" not in types:
        _check_id_mapped_mounts(config)
    return _warnings(config)


def check_process(process: dict[str, Any]) -> list[str]:
    """Check a process on its own, as `exec` takes it; returns and raises as check does."""
    try:
        _PROCESS(process)
    except FieldError as error:
        raise error.below("process") from None
    return _capability_warnings(process)


def check_resources(resources: dict[str, Any]) -> None:
    """Check `linux.resources` on its own, as `update` takes it.

    Raises:
        ConfigError: an invalid or missing value.
    """
    try:
        RESOURCES(resources)
    except FieldError as error:
        raise error.below("linux.resources") from None


def _check_id_mapped_mounts(config: dict[str, Any]) -> None:
    for index, mount in enumerate(config.get("mounts", ())):
        options = mount.get("options", ())
        if ("idmap" in options or "ridmap" in options) and not mount.get("uidMappings"):
            raise FieldError("an id-mapped mount needs id mappings", path=f"mounts[{index}].uidMappings")


def _warnings(config: dict[str, Any]) -> list[str]:
    warnings = _capability_warnings(config.get("process", {}))
    warnings += [
        f'mounts[{index}].destination: {shown(mount["destination"])} is relative; taken from "/"'
        for index, mount in enumerate(config.get("mounts", ()))
        if mount["destination"][0] != "/"
    ]
    if int(config["ociVersion"].split(".")[1]) > int(VERSION.split(".")[1]):
        warnings.append(f"ociVersion: {config['ociVersion']} is newer than {VERSION}; what is new is ignored")
    return warnings


def _capability_warnings(process: dict[str, Any]) -> list[str]:
    sets = process.get("capabilities", {})
    unknown = {name for kind in CAPABILITY_SETS for name in sets.get(kind, ())} - NUMBERS.keys()
    return [f"process.capabilities: {shown(name)} is unknown; ignored" for name in sorted(unknown)]


def _version(value: Any) -> None:
    """Semantic Versioning 2.0.0, major version 1."""
    string(value)
    rest, plus, build = value.partition("+")
    core, dash, pre = rest.partition("-")
    numbers = core.split(".")
    identifiers = [*(pre.split(".") if dash else ()), *(build.split(".") if plus else ())]
    if (
        len(numbers) != 3
        or not all(_is_version_number(number) for number in numbers)
        or not all(name.isascii() and name.replace("-", "0").isalnum() for name in identifiers)
        or any(name.isdecimal() and not _is_version_number(name) for name in pre.split("."))
    ):
        raise FieldError(f"{shown(value)} is no version", f"write one such as {VERSION}")
    if numbers[0] != "1":
        raise FieldError(f"version {shown(value)} is not supported", "1.0.0 and later 1.x are")


def _is_version_number(digits: str) -> bool:
    return (
        digits.isascii() and digits.isdecimal() and (digits == "0" or digits[0] != "0") and len(digits) < 10
    )


def _name_of_host(value: Any) -> None:
    string(value)
    if len(value.encode()) > _HOSTNAME_MAX:
        raise FieldError(f"{shown(value)} has more than {_HOSTNAME_MAX} bytes")


def _mount(mount: Any) -> None:
    if bool(mount.get("uidMappings")) != bool(mount.get("gidMappings")):
        raise FieldError("uidMappings and gidMappings need each other")
    marks = (mount.get("type"), *mount.get("options", ()))
    if ("bind" in marks or "rbind" in marks) and not mount.get("source"):
        raise FieldError("is missing", "a bind mount needs it", path="source")


def _command(value: Any) -> None:
    strings(value)
    if not value or not value[0]:
        raise FieldError("names no program")


def _rlimits(value: Any) -> None:
    _rlimit_array(value)
    seen = set()
    for index, limit in enumerate(value):
        if limit["type"] in seen:
            raise FieldError(f"a second {limit['type']}", path=f"[{index}].type")
        seen.add(limit["type"])


def _soft_within_hard(limit: Any) -> None:
    if limit["soft"] > limit["hard"]:
        raise FieldError(f"{limit['soft']} is above the hard limit of {limit['hard']}", path="soft")


def _scheduler(scheduler: Any) -> None:
    """The rules of sched_setattr(2)."""
    policy = scheduler["policy"]
    if scheduler.get("priority") and policy not in ("SCHED_FIFO", "SCHED_RR"):
        raise FieldError(f"{policy} has none", "leave it out", path="priority")
    for name in ("runtime", "deadline", "period"):
        if scheduler.get(name) and policy != "SCHED_DEADLINE":
            raise FieldError(f"{policy} has none", "leave it out", path=name)


def _process(process: Any) -> None:
    if process.get("terminal") and "consoleSize" in process:
        try:
            _CONSOLE_SIZE(process["consoleSize"])
        except FieldError as error:
            raise error.below("consoleSize") from None


_rlimit_array = array(
    record(
        {"type": one_of(*(f"RLIMIT_{name}" for name in _LIMITS)), "soft": UINT64, "hard": UINT64},
        ("type", "soft", "hard"),
        _soft_within_hard,
    )
)
_CONSOLE_SIZE = record({"height": UINT16, "width": UINT16}, ("height", "width"))
_PROCESS = record(
    {
        "terminal": boolean,
        "user": record(
            {"uid": ID, "gid": ID, "umask": integer(0, 0o777), "additionalGids": array(ID)}, ("uid", "gid")
        ),
        "cwd": absolute,
        "env": variables,
        "args": _command,
        "rlimits": _rlimits,
        "apparmorProfile": string,
        "capabilities": record(dict.fromkeys(CAPABILITY_SETS, strings)),
        "noNewPrivileges": boolean,
        "oomScoreAdj": integer(-1000, 1000),
        "scheduler": record(
            {
                "policy": one_of(*(f"SCHED_{name}" for name in _SCHEDULERS)),
                "nice": integer(-20, 19),
                "priority": integer(0, 99),
                "flags": array(one_of(*(f"SCHED_FLAG_{name}" for name in _SCHEDULER_FLAGS))),
                "runtime": UINT64,
                "deadline": UINT64,
                "period": UINT64,
            },
            ("policy",),
            _scheduler,
        ),
        "selinuxLabel": string,
        "ioPriority": record(
            {"class": one_of(*_IO_CLASSES), "priority": integer(0, 7)}, ("class", "priority")
        ),
        "execCPUAffinity": record({"initial": number_list, "final": number_list}),
    },
    ("cwd", "args"),
    _process,
)
_HOOK = record(
    {"path": absolute, "args": strings, "env": variables, "timeout": integer(1, (1 << 63) - 1)}, ("path",)
)
_CONFIG = record(
    {
        "ociVersion": _version,
        "root": record({"path": filled, "readonly": boolean}, ("path",)),
        "mounts": array(
            record(
                {
                    "destination": filled,
                    "source": string,
                    "type": string,
                    "options": strings,
                    "uidMappings": ID_MAPPINGS,
                    "gidMappings": ID_MAPPINGS,
                },
                ("destination",),
                _mount,
            )
        ),
        "process": _PROCESS,
        "hostname": _name_of_host,
        "domainname": _name_of_host,
        "hooks": record(dict.fromkeys(HOOKS, array(_HOOK))),
        "annotations": mapping(text),
        "linux": LINUX,
    },
    ("ociVersion", "root"),
)
