# ruff: noqa: PTH123 - plain strings and descriptors, as in system calls
"""What connects the containers' network namespace with the host's: a process of the holder's."""

import fcntl
import os
import select
from contextlib import suppress
from importlib import import_module
from typing import Any

from runtime.network import files
from tare.errors import NetworkError

RESOLVER = "10.0.2.3"
"""Answers as the host's resolver does, also where that is on a loopback address."""
_KINDS = ("slirp", "pasta")
_LOG = "connection.log"
_LOCK = "connection.lock"
_STATUS = "connection.json"
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_TUNNEL = "/dev/net/tun"


class Connection:
    """The process, for the holder in whose directory this is called; who needs it waits by `await_ready`."""

    def __init__(self) -> None:
        self._kind = ""
        self._pid = 0
        self._pidfd = -1
        self._lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def start(self, namespace: str) -> None:
        """Connect a network namespace; what stands against that is told to those who wait."""
        self._tell(self._start(namespace))
        os.close(self._lock)

    def _start(self, namespace: str) -> str:
        """Start whatever there is; a clause that says why it can't be."""
        if not os.access(_TUNNEL, os.R_OK | os.W_OK):
            return f"{_TUNNEL} is missing or closed to you; have it made with mode 0666"
        fault = "neither slirp4netns nor pasta is installed; install one"
        log = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        for name in _KINDS:
            module = import_module(f"runtime.rootless.{name}")
            if program := _program(module.NAME):
                self._kind = module.NAME
                self._pid = module.start(program, namespace, log)
                fault = "" if self._pid else f"{self._kind} failed: {_last_line()}"
            if self._pid:
                self._pidfd = os.pidfd_open(self._pid)
                break
        os.close(log)
        return fault

    def _tell(self, fault: str) -> None:
        files.write_json(_STATUS, {"fault": fault, "kind": "" if fault else self._kind, "pid": self._pid})

    def watch(self, timeout: float | None, *others: int) -> None:
        """Wait until a pidfd is ready or the time in seconds is over, and tell should the process end."""
        poll = select.poll()
        for descriptor in (self._pidfd, *others):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(None if timeout is None else timeout * 1000):
            if descriptor == self._pidfd:
                os.waitpid(self._pid, 0)
                os.close(self._pidfd)
                self._pid, self._pidfd = 0, -1
                self._tell(f"{self._kind} has ended: {_last_line()}")


def await_ready(directory: str) -> None:
    """Wait until the containers' networks are connected.

    Raises:
        NetworkError: they can't be.
    """
    if fault := _status(directory)["fault"]:
        raise NetworkError(
            f"the network of an ordinary user can't be connected: {fault}", "or use --network host or none"
        )


def kind(directory: str) -> str:
    """The name of the program that connects, empty without one."""
    return str(_status(directory)["kind"])


def pidfd(directory: str) -> int:
    """A pidfd of the process, -1 where none runs."""
    pid = _status(directory)["pid"]
    try:
        return os.pidfd_open(pid) if pid else -1
    except ProcessLookupError:
        return -1


def _status(directory: str) -> Any:
    """Waits until it is known."""
    with files.locked(f"{directory}/{_LOCK}"):
        return files.read(f"{directory}/{_STATUS}")


def _program(name: str) -> str:
    found = (f"{directory}/{name}" for directory in _PATH.split(":"))
    return next((path for path in found if os.access(path, os.X_OK)), "")


def _last_line() -> str:
    with suppress(OSError), open(_LOG, errors="replace") as lines:
        return ([line.strip() for line in lines if line.strip()] or ["no reason given"])[-1]
    return "no reason given"
