"""Bundles for the conformance tests: a small sane configuration that each test changes in one place."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SHARE = "/mnt"
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_CHROOT"]
READY = "echo ready; exec sleep 1000"


@dataclass
class Bundle:
    """A bundle directory and the configuration that is written into it when the runtime is called."""

    path: Path
    config: Json = field(default_factory=dict)

    @property
    def process(self) -> Json:
        return self.config["process"]

    @property
    def linux(self) -> Json:
        return self.config["linux"]

    @property
    def resources(self) -> Json:
        return self.linux.setdefault("resources", {})

    @property
    def root(self) -> Path:
        return self.path / self.config["root"]["path"]

    def share(self) -> Path:
        """A directory of the host which the container has at SHARE."""
        path = self.path / "share"
        if not path.exists():
            path.mkdir(parents=True)
            self.mount(SHARE, "none", str(path), "bind", "rw")
        return path

    def write(self) -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "config.json").write_text(json.dumps(self.config))
        return self.path

    def shell(self, script: str) -> None:
        self.process["args"] = ["sh", "-c", script]

    def mount(self, destination: str, kind: str, source: str, *options: str, **more: object) -> None:
        self.config["mounts"].append(
            {"destination": destination, "type": kind, "source": source, "options": [*options], **more}
        )

    def unmount(self, destination: str) -> None:
        """Leave a mount of the sane configuration out."""
        self.config["mounts"] = [
            mount for mount in self.config["mounts"] if mount["destination"] != destination
        ]

    def namespace(self, kind: str, path: str | None = None) -> None:
        """Ask for a namespace; for that one of the host where a path is given."""
        self.without_namespace(kind)
        self.linux["namespaces"].append({"type": kind} | ({} if path is None else {"path": path}))

    def without_namespace(self, kind: str) -> None:
        self.linux["namespaces"] = [entry for entry in self.linux["namespaces"] if entry["type"] != kind]

    def map_ids(self, inside: int = 0, outside: int = 100_000, size: int = 65_536) -> None:
        """Give the container a user namespace."""
        self.namespace("user")
        ranges = [{"containerID": inside, "hostID": outside, "size": size}]
        self.linux.update(uidMappings=ranges, gidMappings=ranges)

    def hook(self, kind: str, script: str, **more: object) -> None:
        """Append a hook that runs a shell script, with the container's state on its standard input."""
        entry = {"path": "/bin/sh", "args": ["sh", "-c", script], **more}
        self.config.setdefault("hooks", {}).setdefault(kind, []).append(entry)

    def own_root(self) -> Path:
        """Take a copy of the root filesystem that a test may change."""
        copy = self.path / "rootfs"
        shutil.copytree(self.root, copy, symlinks=True)
        self.config["root"] = {"path": "rootfs"}
        return copy


def link(path: str) -> str:
    """What a symbolic link says, as that of a namespace in /proc."""
    return str(Path(path).readlink())


def mounts_below(path: Path) -> list[str]:
    """The host's mounts at a directory or below it."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if Path(line.split()[4]).is_relative_to(path)]


def sane(path: Path, root: Path) -> Bundle:
    """A container of its own in all that a test may want to see, on a read-only root."""
    kinds = ("pid", "network", "ipc", "uts", "mount")
    return Bundle(
        path,
        {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": 0, "gid": 0},
                "args": ["true"],
                "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "cwd": "/",
                "capabilities": {kind: list(CAPABILITIES) for kind in ("bounding", "effective", "permitted")},
                "noNewPrivileges": True,
            },
            "root": {"path": str(root), "readonly": True},
            "hostname": "box",
            "mounts": [
                _kernel("/proc", "proc"),
                _kernel("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
                _kernel(
                    "/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"
                ),
                _kernel("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
                _kernel("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            ],
            "linux": {
                "namespaces": [{"type": kind} for kind in kinds],
                "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            },
        },
    )


def _kernel(destination: str, kind: str, *options: str) -> Json:
    return {"destination": destination, "type": kind, "source": kind, "options": [*options]}
