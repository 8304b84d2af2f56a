"""`spec`: writes a configuration to start from, as runc's does."""

from __future__ import annotations

import os

from runtime.oci import arguments
from runtime.oci.errors import OciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.oci.cli import Options

_CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")
_NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup")


def run(_options: Options, words: list[str]) -> int:
    """Write config.json: `[--bundle DIR] [--rootless] [--seccomp]`, the last with Docker's default filter.

    Raises:
        OciError: unknown arguments, or config.json is there already or can't be written.
    """
    import json

    chosen, rest = arguments.parse(
        words,
        values={"bundle": "bundle", "b": "bundle"},
        flags={"rootless": "rootless", "seccomp": "seccomp"},
    )
    if rest:
        raise OciError(
            f"unexpected argument {rest[0]!r}", "spec takes --bundle DIR, --rootless and --seccomp"
        )
    path = os.path.join(chosen.get("bundle", "."), "config.json")
    config = rootless(os.geteuid(), os.getegid()) if chosen.get("rootless") else default()
    if chosen.get("seccomp"):
        from runtime import seccomp

        config["linux"]["seccomp"] = seccomp.profile(_CAPABILITIES)
    try:
        with open(path, "x") as file:
            file.write(json.dumps(config, indent=4) + "\n")
    except FileExistsError:
        raise OciError(f"{path} is there already", "move it away first") from None
    except OSError as error:
        raise OciError(f"can't write {path}: {error.strerror}") from None
    return 0


def default() -> dict[str, Any]:
    """A shell on a terminal in the root filesystem `rootfs` of the bundle, for root."""
    from runtime import mounts
    from runtime.oci.record import VERSION

    return {
        "ociVersion": VERSION,
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {name: list(_CAPABILITIES) for name in ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "tarebox",
        "mounts": [
            *(
                {
                    "destination": mount.target,
                    "type": mount.filesystem,
                    "source": mount.filesystem,
                    "options": [*mount.attributes, *mount.options],
                }
                for mount in mounts.KERNEL
            ),
            {
                "destination": "/sys/fs/cgroup",
                "type": "cgroup",
                "source": "cgroup",
                "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
            },
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind} for kind in _NAMESPACES],
            "maskedPaths": list(mounts.MASKED),
            "readonlyPaths": list(mounts.READ_ONLY),
        },
    }


def rootless(uid: int, gid: int) -> dict[str, Any]:
    """The same for an ordinary user, who is root inside and shares the host's network.

    Args:
        uid: the user on the host.
        gid: its group on the host.
    """
    config = default()
    linux = config["linux"]
    del linux["resources"]
    linux["namespaces"] = [
        {"type": kind} for kind in (*(kind for kind in _NAMESPACES if kind != "network"), "user")
    ]
    linux["uidMappings"] = [{"containerID": 0, "hostID": uid, "size": 1}]
    linux["gidMappings"] = [{"containerID": 0, "hostID": gid, "size": 1}]
    for mount in config["mounts"]:
        mount["options"] = [option for option in mount["options"] if not option.startswith("gid=")]
        if mount["type"] == "sysfs":
            options = ["rbind", "nosuid", "noexec", "nodev", "ro"]
            mount |= {"type": "none", "source": "/sys", "options": options}
    return config
