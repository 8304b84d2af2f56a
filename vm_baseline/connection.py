"""The harness's end of libvirt: starts the worker process and calls it."""

import grp
import importlib.util
import itertools
import json
import os
import pwd
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tare.state import State
from vm_baseline.architecture import architecture, host_name
from vm_baseline.errors import HypervisorError
from vm_baseline.place import Place, new_place, run_directory
from vm_baseline.processes import children, command_lines
from vm_baseline.questioned import end_questioned
from vm_baseline.tools import require

WORKER = "vm_baseline.worker"
_PACKAGED_NAME = "libvirt-qemu"
CONFIGURATION = """\
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
"""Of a libvirt that nobody else uses, with QEMU's user and group to be filled in."""
_HINTS = (
    (
        "host forwarding rule",
        "the port is in use on this host, or the address isn't its own: choose another one",
    ),
    ("no connection driver", "install the package libvirt-daemon-driver-qemu or run tools/setup"),
    ("virtiofs", "directories of the host need root and virtiofsd: install its package or run tools/setup"),
    ("find.*emulator|emulator.*find|qemu-system", "install the package qemu-system-x86 or run tools/setup"),
    ("Permission denied", "choose a TAREBENCH_ROOT that libvirt's QEMU user can reach"),
    ("connect socket|Failed to connect", "start libvirtd, or leave --connect away"),
)
"""What to do about a message of libvirt's, by a pattern in it."""
_LIMIT = 180.0
"""Seconds for one answer: a libvirtd that can't keep what QEMU can do asks it for most of a minute."""
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
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._replies: dict[int, dict[str, Any]] = {}
        self._fault: str | None = None
        with ExitStack() as undo:
            command: list[str] = []
            if uri is None:
                own = architecture(host_name())
                require(own.qemu, own.package)
                place = new_place(state, "libvirt")
                undo.callback(place.remove)
                undo.callback(end_questioned, [place.run])
                self.root = place.run
                _furnish(place, state)
                command = _with_packaged_user(self.root)
                uri = f"qemu:///embed?root={quote(str(self.root))}"
            self.uri = uri
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [*command, sys.executable, "-m", WORKER, str(theirs.fileno()), uri,
                     str(run_directory(state)), *([str(self.root)] if self.root else [])],
                    pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE, start_new_session=True,
                )  # fmt: skip
            undo.callback(self._end)
            self._socket = ours
            self._stream = ours.makefile("rwb")
            self._server = os.pidfd_open(self._greeting())
            undo.callback(os.close, self._server)
            self._reader = threading.Thread(target=self._read, name="tare-libvirt", daemon=True)
            self._reader.start()
            undo.callback(self._hang_up)
            if urlsplit(uri).hostname is not None:
                self._check_host(uri)
            self._undo = undo.pop_all()

    def call(self, method: str, /, limit: float = _LIMIT, **arguments: Any) -> Any:
        """Call a method of the worker.

        Args:
            method: its name.
            limit: seconds after which libvirt is ended, as nothing else ends its call.
            arguments: the method's.

        Raises:
            HypervisorError: with libvirt's message, or it has not answered in time.
        """
        with self._changed:
            number = next(self._numbers)
            request = {"number": number, "call": method, **arguments}
            try:
                self._stream.write(json.dumps(request).encode() + b"\n")
                self._stream.flush()
            except OSError as error:
                raise HypervisorError("the process that talks to libvirt is gone", "run it again") from error
            if not self._changed.wait_for(lambda: number in self._replies or self._fault is not None, limit):
                signal.pidfd_send_signal(self._server, signal.SIGKILL)
                raise HypervisorError(
                    f"libvirt has not answered for {limit:g} s when asked to {method}", "look at its log"
                )
            if number not in self._replies and self._fault is not None:
                raise HypervisorError(self._fault)
            reply = self._replies.pop(number)
        return _value(reply)

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """Keep an embedded libvirt from seeing a process end before all of it has ended.

        It closes its files a little earlier, at which libvirt looks for it, and if it is still there, again
        after 0.2 s (`virProcessKillPainfullyDelay` in its src/util/virprocess.c).
        """
        if self.root is None:
            yield
            return
        with suppress(ProcessLookupError):  # it was ended, and sees nothing any more
            signal.pidfd_send_signal(self._server, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._server, signal.SIGCONT)

    def log(self, name: str) -> Path | None:
        """Where libvirt keeps what QEMU said of the domain of that name; None when that isn't ours."""
        return self.root / "log/qemu" / f"{name}.log" if self.root else None

    def lifeline(self) -> int:
        """A pidfd of the process that talks to libvirt, which ends when it has lost it."""
        return os.dup(self._server)

    def pids(self) -> list[int]:
        """The processes that speak with libvirt: the one that serves calls and the one above it."""
        pids = {self._process.pid, *children(self._process.pid)}
        return [pid for pid, words in command_lines() if pid in pids and WORKER in words]

    def close(self) -> None:
        """End the worker and its domains; may be called twice."""
        self._undo.close()

    def _check_host(self, uri: str) -> None:
        """The disks and the lines of a machine are files and sockets of this host."""
        host = self.call("host")
        if host.partition(".")[0] != socket.gethostname().partition(".")[0]:
            raise HypervisorError(
                f"libvirt at {uri} runs machines on {host}",
                "run this command there, or choose one of this host",
            )

    def _greeting(self) -> int:
        """The process that talks to libvirt, once it does."""
        if not select.select([self._socket], [], [], _LIMIT)[0]:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise HypervisorError(
                f"libvirt at {self.uri} has not answered for {_LIMIT:g} s", "see whether it runs"
            )
        line = self._stream.readline()
        if not line:
            raise HypervisorError(self._last_words())
        return int(_value(json.loads(line)))

    def _read(self) -> None:
        """Hand out replies until the worker ends."""
        # Signals are for whoever gave the machine its streams.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        # Killed, it may have left a request unread, which resets the connection, or half a reply.
        with suppress(ConnectionResetError, json.JSONDecodeError):
            for line in self._stream:
                reply = json.loads(line)
                with self._changed:
                    self._replies[reply.pop("number")] = reply
                    self._changed.notify_all()
        with self._changed:
            self._fault = self._last_words()
            self._changed.notify_all()

    def _last_words(self) -> str:
        errors = self._process.communicate()[1].decode(errors="replace").strip().splitlines()
        return f"libvirt can't be used: {errors[-1] if errors else 'its process ended'}"

    def _hang_up(self) -> None:
        with suppress(OSError):  # the worker has ended already
            self._socket.shutdown(socket.SHUT_WR)
        self._reader.join()

    def _end(self) -> None:
        with suppress(OSError):  # what could not be sent to a dead process is still tried
            self._stream.close()
        self._socket.close()
        with self._process:  # its end is waited for
            pass


def _value(reply: dict[str, Any]) -> Any:
    if "error" in reply:
        raise HypervisorError(f"libvirt says: {reply['error']}", _hint(reply["error"]))
    return reply["value"]


def _furnish(place: Place, state: State) -> None:
    """A private qemu.conf, logs on the disk, and a cache of QEMU's capabilities that outlives the root."""
    root = place.run
    (root / "etc").mkdir()
    (root / "etc/qemu.conf").write_text(CONFIGURATION.format(uid=os.geteuid(), gid=os.getegid()))
    (root / "log").symlink_to(place.data)
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
    return next((hint for words, hint in _HINTS if re.search(words, message)), "")
