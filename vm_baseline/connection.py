"""The harness's end of libvirt: starts the worker process and calls it."""

import grp
import importlib.util
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tare.state import State
from vm_baseline.disk import require
from vm_baseline.errors import HypervisorError
from vm_baseline.place import new_directory, run_directory

_PACKAGED_NAME = "libvirt-qemu"
_CONFIGURATION = """\
# Written by Tarebench for its private libvirt; lost with the run directory.
user = "+{uid}"
group = "+{gid}"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
max_core = 0
"""
_WITH_FILES = 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && exec "$@"'


class Connection:
    """A connection to libvirt; closing it ends the domains it made.

    Args:
        state: whose run directory holds the private libvirt's root.
        uri: a libvirt URI, or None for a private, embedded libvirt.

    Raises:
        HypervisorError: libvirt or its QEMU driver is missing, or refuses.
    """

    def __init__(self, state: State, uri: str | None = None) -> None:
        if importlib.util.find_spec("libvirt") is None:
            raise HypervisorError(
                "the Python module libvirt is missing", "install libvirt-python or run tools/setup"
            )
        self.root: Path | None = None
        self._lock = threading.Lock()
        with ExitStack() as undo:
            command: list[str] = []
            if uri is None:
                require("qemu-system-x86_64", "qemu-system-x86")
                self.root = new_directory(state, "libvirt")
                undo.callback(shutil.rmtree, self.root, ignore_errors=True)
                _furnish(self.root, state)
                command = _with_packaged_user(self.root)
                uri = f"qemu:///embed?root={quote(str(self.root))}"
            self.uri = uri
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [*command, sys.executable, "-m", "vm_baseline.worker", str(theirs.fileno()), uri,
                     str(run_directory(state)), *([str(self.root)] if self.root else [])],
                    pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE, start_new_session=True,
                )  # fmt: skip
            undo.callback(self._end)
            self._socket = ours
            self._stream = ours.makefile("rwb")
            self._reply()
            self._undo = undo.pop_all()

    def call(self, method: str, /, **arguments: Any) -> Any:
        """Call a method of the worker.

        Raises:
            HypervisorError: with libvirt's message.
        """
        with self._lock:
            try:
                self._stream.write(json.dumps({"call": method, **arguments}).encode() + b"\n")
                self._stream.flush()
            except OSError as error:
                raise HypervisorError("the process that talks to libvirt is gone", "run it again") from error
            return self._reply()

    def close(self) -> None:
        """End the worker and its domains; may be called twice."""
        self._undo.close()

    def _reply(self) -> Any:
        line = self._stream.readline()
        if not line:
            errors = self._process.communicate()[1].decode(errors="replace").strip().splitlines()
            raise HypervisorError(f"libvirt can't be used: {errors[-1] if errors else 'its process ended'}")
        reply = json.loads(line)
        if "error" in reply:
            raise HypervisorError(f"libvirt says: {reply['error']}", _hint(reply["error"]))
        return reply["value"]

    def _end(self) -> None:
        self._stream.close()
        self._socket.close()
        self._process.communicate()


def _furnish(root: Path, state: State) -> None:
    """A private qemu.conf, and a cache of QEMU's capabilities that outlives the root."""
    (root / "etc").mkdir()
    (root / "etc/qemu.conf").write_text(_CONFIGURATION.format(uid=os.geteuid(), gid=os.getegid()))
    (root / "cache").symlink_to(state.directory("libvirt-cache"))


def _with_packaged_user(root: Path) -> list[str]:
    """A command prefix under which the user exists that a privileged libvirt always looks up.

    The user comes with the system daemon's package, which an embedded libvirt has no need of; where it is
    missing, the worker sees account files with it, in a mount namespace of its own.
    """
    if os.geteuid() != 0 or _exists(_PACKAGED_NAME):
        return []
    for name, line in (("passwd", "x:{0}:{1}::/:/bin/false"), ("group", "x:{1}:")):
        own = line.format(os.geteuid(), os.getegid())
        (root / name).write_text(Path("/etc", name).read_text() + f"{_PACKAGED_NAME}:{own}\n")
    files = [str(root / "passwd"), str(root / "group")]
    return [
        require("unshare", "util-linux"),
        "--mount",
        "--propagation",
        "slave",
        "--",
        "sh",
        "-c",
        _WITH_FILES,
        "sh",
        *files,
    ]


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _hint(message: str) -> str:
    if "no connection driver" in message:
        return "install the package libvirt-daemon-driver-qemu or run tools/setup"
    if ("find" in message and "emulator" in message) or "qemu-system" in message:
        return "install the package qemu-system-x86 or run tools/setup"
    if "Permission denied" in message:
        return "choose a TAREBENCH_ROOT that libvirt's QEMU user can reach"
    if "connect socket" in message or "Failed to connect" in message:
        return "start libvirtd, or leave --connect away"
    return ""
