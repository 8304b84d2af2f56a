"""`features`: what this runtime knows, whatever the host has; see features.md and features-linux.md."""

from __future__ import annotations

import sys

from runtime import light
from runtime.oci import arguments
from runtime.oci.errors import OciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.oci.cli import Options


def run(_options: Options, words: list[str]) -> int:
    """Print the features structure as JSON.

    Raises:
        OciError: there are arguments.
    """
    _, rest = arguments.parse(words)
    if rest:
        raise OciError(f"unexpected argument {rest[0]!r}", "features takes none")
    sys.stdout.write(light.dumps(features()) + "\n")
    return 0


def features() -> dict[str, Any]:
    """The features structure of the OCI runtime specification."""
    from runtime import capabilities, seccomp
    from runtime.oci import config, config_linux, mount_options, record

    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": record.VERSION,
        "hooks": list(config.HOOKS),
        "mountOptions": list(mount_options.KNOWN),
        "linux": {
            "namespaces": list(config_linux.NAMESPACES),
            "capabilities": list(capabilities.NUMBERS),
            "cgroup": {"v1": True, "v2": True, "systemd": True, "systemdUser": True, "rdma": True},
            "seccomp": seccomp.supported(),
            "apparmor": {"enabled": True},
            "selinux": {"enabled": True},
            "intelRdt": {"enabled": False},
            "memoryPolicy": {
                "modes": list(config_linux.MEMORY_POLICIES),
                "flags": list(config_linux.MEMORY_POLICY_FLAGS),
            },
            "mountExtensions": {"idmap": {"enabled": True}},
            "netDevices": {"enabled": True},
        },
        "potentiallyUnsafeConfigAnnotations": [],
    }
