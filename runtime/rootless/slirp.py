# ruff: noqa: PTH100, PTH123 - plain strings and descriptors, as in system calls
"""The user-mode network of slirp4netns(1): its process, and the ports it opens on the host."""

import os
import select
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from runtime import light
from runtime.network import files
from runtime.network.model import Published
from tare.errors import NetworkError

ADDRESS = "10.0.2.100"
"""Of the containers' network namespace, where published ports arrive."""
RESOLVER = "10.0.2.3"
"""Answers as the host's resolver does, also where that is on a loopback address."""
_MTU = 65520
_SANDBOX = ("--enable-sandbox", "--enable-seccomp")
_SOCKET = "slirp.sock"
_LOG = "slirp.log"
_LOCK = "slirp.lock"
_STATUS = "slirp.json"
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_TUNNEL = "/dev/net/tun"


class Connection:
    """The process, for the holder in whose directory this is called; who needs it waits by `await_ready`."""

    def __init__(self) -> None:
        self._pid = 0
        self._pidfd = -1
        self._lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        import fcntl

        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def start(self, namespace: str) -> None:
        """Connect a network namespace; what stands against that is told to those who wait."""
        fault = _lacking()
        if not fault and (fault := self._start(namespace, *_SANDBOX)):
            # The sandbox wants the resolver's configuration to lie below /etc or /run.
            fault = self._start(namespace)
        files.write_json(_STATUS, {"fault": fault, "pid": self._pid})
        os.close(self._lock)

    def _start(self, namespace: str, *options: str) -> str:
        # It ends when nobody has the other end of this any more, however the holder ends.
        until, self._held = os.pipe2(os.O_CLOEXEC)
        ready, tell = os.pipe2(os.O_CLOEXEC)
        for descriptor in (until, tell):
            os.set_inheritable(descriptor, True)
        files.remove(_SOCKET)
        program = _program()
        words = [
            program, *options, "--configure", f"--mtu={_MTU}", "--disable-host-loopback",
            f"--api-socket={_SOCKET}", f"--exit-fd={until}", f"--ready-fd={tell}",
            "--netns-type=path", os.path.abspath(namespace), "tap0",
        ]  # fmt: skip
        log = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        actions = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
        self._pid = os.posix_spawn(program, words, {"PATH": _PATH}, file_actions=actions)
        self._pidfd = os.pidfd_open(self._pid)
        for descriptor in (until, tell, log):
            os.close(descriptor)
        is_ready = os.read(ready, 1) == b"1"
        os.close(ready)
        if is_ready:
            return ""
        os.close(self._held)
        return self._reap("failed")

    def _reap(self, what: str) -> str:
        """Let go of the process, which ends; a clause that says why."""
        os.waitpid(self._pid, 0)
        os.close(self._pidfd)
        self._pid, self._pidfd = 0, -1
        return f"slirp4netns {what}: {_last_line(_LOG)}"

    def watch(self, timeout: float | None, *others: int) -> None:
        """Wait until a pidfd is ready or the time in seconds is over, and tell should the process end."""
        poll = select.poll()
        for descriptor in (self._pidfd, *others):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(None if timeout is None else timeout * 1000):
            if descriptor == self._pidfd:
                files.write_json(_STATUS, {"fault": self._reap("has ended"), "pid": 0})


def await_ready(directory: str) -> None:
    """Wait until the containers' networks are connected.

    Raises:
        NetworkError: they can't be.
    """
    fault = _status(directory)["fault"]
    if fault:
        raise NetworkError(
            f"the network of an ordinary user can't be connected: {fault}", "or use --network host or none"
        )


def pidfd(directory: str) -> int:
    """A pidfd of the process, -1 where none runs."""
    pid = _status(directory)["pid"]
    try:
        return os.pidfd_open(pid) if pid else -1
    except ProcessLookupError:
        return -1


def open_ports(directory: str, published: Iterable[Published]) -> None:
    """Lead ports of the host into the containers' network namespace; again is no fault.

    Raises:
        NetworkError: one can't be had.
    """
    await_ready(directory)
    open_now = _forwards(directory)
    for port in published:
        wanted = _arguments(port)
        if _key(wanted) in open_now:
            continue
        answer = _ask(directory, {"execute": "add_hostfwd", "arguments": wanted})
        if "error" in answer:
            raise NetworkError(
                f"the port {port} can't be published: {answer['error'].get('desc', 'slirp4netns refuses')}",
                "choose another one",
            )


def close_ports(directory: str, published: Iterable[Published]) -> None:
    """Give ports back; those that aren't open are no fault."""
    unwanted = {_key(_arguments(port)) for port in published}
    _close(directory, {number for key, number in _forwards(directory).items() if key in unwanted})


def close_others(directory: str, published: Iterable[Published]) -> None:
    """Give all ports back but these."""
    kept = {_key(_arguments(port)) for port in published}
    _close(directory, {number for key, number in _forwards(directory).items() if key not in kept})


def _close(directory: str, numbers: Iterable[int]) -> None:
    for number in numbers:
        _ask(directory, {"execute": "remove_hostfwd", "arguments": {"id": number}})


def _arguments(port: Published) -> dict[str, Any]:
    if port.protocol == "sctp":
        raise NetworkError(f"the port {port} can't be published by an ordinary user", "use tcp or udp")
    if port.host and port.host.version == 6:
        raise NetworkError(f"the port {port} can't be published on IPv6 by an ordinary user", "use IPv4")
    return {
        "proto": port.protocol,
        "host_addr": str(port.host or "0.0.0.0"),  # noqa: S104 - as Docker does
        "host_port": port.host_port,
        "guest_addr": ADDRESS,
        "guest_port": port.host_port,
    }


def _key(forward: dict[str, Any]) -> tuple[str, str, int]:
    return forward["proto"], forward["host_addr"], forward["host_port"]


def _status(directory: str) -> Any:
    """Waits until it is known."""
    with files.locked(f"{directory}/{_LOCK}"):
        return files.read(f"{directory}/{_STATUS}")


def _forwards(directory: str) -> dict[tuple[str, str, int], int]:
    if _status(directory)["fault"]:
        return {}
    answer = _ask(directory, {"execute": "list_hostfwd"})
    # Its manual has an envelope that it leaves out.
    return {_key(entry): entry["id"] for entry in answer.get("return", answer)["entries"]}


def _ask(directory: str, request: dict[str, Any]) -> Any:
    """One request and its answer; see slirp4netns(1), API socket."""
    held = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            # A path below a socket may be longer than its address.
            channel.connect(f"/proc/self/fd/{held}/{_SOCKET}")
            channel.sendall(light.dumps(request).encode())
            channel.shutdown(socket.SHUT_WR)
            with channel.makefile("rb") as file:
                return light.loads(file.read().decode())
    except OSError as error:
        raise NetworkError(f"slirp4netns doesn't answer: {error.strerror}", "run `tarebox clean`") from None
    finally:
        os.close(held)


def _lacking() -> str:
    if not _program():
        return "slirp4netns is not installed; install it"
    if not os.access(_TUNNEL, os.R_OK | os.W_OK):
        return f"{_TUNNEL} is missing or closed to you; have it made with mode 0666"
    return ""


def _program() -> str:
    found = (f"{directory}/slirp4netns" for directory in _PATH.split(":"))
    return next((path for path in found if os.access(path, os.X_OK)), "")


def _last_line(file: str) -> str:
    with suppress(OSError), open(file, errors="replace") as lines:
        return ([line.strip() for line in lines if line.strip()] or ["no reason given"])[-1]
    return "no reason given"
