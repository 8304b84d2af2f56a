# ruff: noqa: PTH116 - plain strings, as in system calls
"""Control groups made by systemd: a transient scope for each container, asked for over D-Bus.

Sources: org.freedesktop.systemd1(5), systemd.resource-control(5), systemd.scope(5) and systemd's "Control
Group APIs and Delegation". Out of scope: device rules and whatever else systemd has no property for, which
the caller writes into the delegated group; without device properties systemd leaves those alone on version 2.
"""

from __future__ import annotations

import os

from runtime.cgroups.systemd_properties import translate
from runtime.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

_LIMIT = 30.0
"""Seconds a job of systemd may take."""
_ERROR = "org.freedesktop.systemd1."


class Scope:
    """One transient scope, `prefix-name.scope` in a slice.

    Args:
        slice: the slice's unit name, such as `machine.slice`; the manager's default one when empty.
        prefix: what the unit's name starts with, may be empty.
        name: of the container.
    """

    __slots__ = ("slice", "unit")

    def __init__(self, slice: str, prefix: str, name: str) -> None:
        self.slice = slice or ("user.slice" if _is_user() else "system.slice")
        self.unit = f"{prefix}-{name}.scope" if prefix else f"{name}.scope"

    def start(self, pid: int, resources: dict[str, Any]) -> str:
        """Make the scope around a process.

        Args:
            pid: of the process; systemd ends the scope with the last one in it.
            resources: `linux.resources` of the specification; what systemd has no words for is left out.

        Returns:
            The path of its group from the top of the hierarchy, as in /proc/PID/cgroup.

        Raises:
            CgroupError: there is no systemd, it refuses, or a resource's value has no meaning.
        """
        properties = [
            ("Description", ("s", f"Container {self.unit.removesuffix('.scope')}")),
            ("Slice", ("s", self.slice)),
            ("PIDs", ("au", [pid])),
            ("Delegate", ("b", True)),
            ("DefaultDependencies", ("b", False)),
            *((f"{kind}Accounting", ("b", True)) for kind in ("CPU", "IO", "Memory", "Tasks")),
            *translate(resources),
        ]
        with _Bus() as bus:
            # A failed scope of an earlier container keeps the name until it is reset.
            bus.call("ResetFailedUnit", "s", self.unit, but="NoSuchUnit")
            bus.run("StartTransientUnit", "ssa(sv)a(sa(sv))", self.unit, "fail", properties, [])
            return bus.control_group(self.unit)

    def update(self, resources: dict[str, Any]) -> None:
        """Set new limits; those not named stay.

        Raises:
            CgroupError: likewise, or the scope is gone.
        """
        with _Bus() as bus:
            bus.call("SetUnitProperties", "sba(sv)", self.unit, True, translate(resources))

    def attach(self, pid: int, below: str) -> None:
        """Move a process into a group in the scope's, as systemd may where the caller may not.

        Raises:
            CgroupError: likewise.
        """
        with _Bus() as bus:
            bus.call("AttachProcessesToUnit", "ssau", self.unit, f"/{below}", [pid])

    def stop(self) -> None:
        """End the scope and whatever runs in it; nothing happens when it has ended.

        Raises:
            CgroupError: there is no systemd, or it refuses.
        """
        with _Bus() as bus:
            bus.run("StopUnit", "ss", self.unit, "replace", but="NoSuchUnit")
            bus.call("ResetFailedUnit", "s", self.unit, but="NoSuchUnit")


def parse(path: str, name: str) -> Scope:
    """The scope a `linux.cgroupsPath` means for the systemd driver, `slice:prefix:name`.

    Args:
        path: each part may be empty, and so may the whole.
        name: of the container, for a path without one.

    Raises:
        CgroupError: it has another form.
    """
    parts = path.split(":") if path else ["", "tarebox", name]
    if len(parts) != 3:
        raise CgroupError(
            f"the cgroupsPath {path!r} does not suit systemd",
            'write "slice:prefix:name", as in "system.slice:app:1"',
        )
    return Scope(parts[0], parts[1], parts[2] or name)


class _Bus:
    """A connection to systemd, the user's own one for an ordinary user, over the message bus."""

    def __init__(self) -> None:
        self._jeepney, self._connection = _connect()
        self._systemd = self._jeepney.DBusAddress(
            "/org/freedesktop/systemd1", "org.freedesktop.systemd1", "org.freedesktop.systemd1.Manager"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def call(self, method: str, signature: str, *arguments: object, but: str = "") -> tuple[Any, ...]:
        """Call a method of systemd's manager; its results.

        Args:
            method: its name.
            signature: of the arguments.
            arguments: as jeepney takes them.
            but: an error that is as good as success, and gives no results.

        Raises:
            CgroupError: systemd refuses, or does not answer.
        """
        message = self._jeepney.new_method_call(self._systemd, method, signature, arguments)
        return self._ask(message, method, but)

    def run(self, method: str, signature: str, *arguments: object, but: str = "") -> None:
        """Call a method that queues a job and wait for the job's end; arguments and errors as `call`."""
        from collections import deque

        rule = self._jeepney.MatchRule(
            type="signal",
            interface=self._systemd.interface,
            member="JobRemoved",
            path=self._systemd.object_path,
        )
        self._ask(self._jeepney.message_bus.AddMatch(rule), "watch jobs")
        with self._connection.filter(rule, queue=deque()) as ended:
            job = self.call(method, signature, *arguments, but=but)
            while job:
                try:
                    _, path, unit, result = self._connection.recv_until_filtered(ended, timeout=_LIMIT).body
                except (OSError, TimeoutError) as error:
                    raise _silent(method) from error
                if path == job[0]:
                    break
            if job and result != "done":
                raise CgroupError(
                    f"systemd's job {method} for {unit} ended as {result}", f"see systemctl status {unit}"
                )

    def control_group(self, unit: str) -> str:
        """The path of a unit's group."""
        (path,) = self.call("GetUnit", "s", unit)
        address = self._jeepney.DBusAddress(path, self._systemd.bus_name, "org.freedesktop.systemd1.Scope")
        ((_, group),) = self._ask(self._jeepney.Properties(address).get("ControlGroup"), "tell the group")
        return str(group)

    def _ask(self, message: Any, what: str, but: str = "") -> tuple[Any, ...]:
        try:
            reply = self._connection.send_and_get_reply(message, timeout=_LIMIT)
        except (OSError, TimeoutError) as error:
            raise _silent(what) from error
        if reply.header.message_type is not self._jeepney.MessageType.error:
            return tuple(reply.body)
        name = reply.header.fields[self._jeepney.HeaderFields.error_name]
        if but and name == _ERROR + but:
            return ()
        raise CgroupError(f"systemd refuses {what}: {reply.body[0] if reply.body else name}")


def _connect() -> tuple[Any, Any]:
    """The jeepney package and a connection to the bus of the systemd in charge.

    Raises:
        CgroupError: jeepney is missing, or there is no bus.
    """
    jeepney = _import_jeepney()
    import socket

    from jeepney.bus import get_bus
    from jeepney.io.blocking import DBusConnection

    where = _address()
    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(_LIMIT)
        line.connect(get_bus(where))
        # jeepney would name the user id seen in here, which the bus sees otherwise beyond a user namespace.
        line.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
        answer = b""
        while b"OK " not in answer or not answer.endswith(b"\r\n"):
            more = line.recv(256)
            if not more or b"REJECTED" in answer:
                raise ConnectionRefusedError(0, "it does not accept this user")
            answer += more
        line.settimeout(None)
        return jeepney, DBusConnection(line)
    except (OSError, TimeoutError) as error:
        line.close()
        raise CgroupError(
            f"can't reach systemd's message bus at {where}: {error.strerror or error}",
            "start dbus, or leave out --systemd-cgroup",
        ) from error


def _import_jeepney() -> Any:
    try:
        import jeepney
    except ModuleNotFoundError:
        import site

        site.main()  # the command line starts Python without it
        try:
            import jeepney
        except ModuleNotFoundError:
            raise CgroupError("the systemd driver needs the Python package jeepney", "install it") from None
    return jeepney


def _address() -> str:
    if not _is_user():
        return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or "unix:path=/run/dbus/system_bus_socket"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return os.environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={runtime}/bus"


def _is_user() -> bool:
    """Whether the user's own systemd is in charge, also for one who is root in a user namespace only."""
    return os.geteuid() != 0 or os.stat("/proc/1").st_uid != 0


def _silent(what: str) -> CgroupError:
    return CgroupError(f"systemd does not answer {what} within {_LIMIT:g} s", "see systemctl status")
