# ruff: noqa: PTH110, PTH119 - plain strings and descriptors, as in system calls
"""What is on disk of one container, and the status that follows from it and the process table.

A directory `<id>` with `container.json` (settings), `state.json` (the last start, written by the process that
becomes the monitor), `exit.json` (the end of that start, written by the monitor), `stopped` (a person's
wish), `health.json`, `container.log`, `attach` (the monitor's socket), `layer` (what it wrote) and `lock`.
"""

import os
import select
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runtime.cgroups import manager
from runtime.lifecycle import codec, files
from runtime.lifecycle.errors import NoSuchContainerError, StatusError
from runtime.lifecycle.settings import Settings
from runtime.monitor.parent import start_time

KILLED = 137


@dataclass(frozen=True)
class Exit:
    """How a container's last start ended; times in nanoseconds since the epoch."""

    code: int
    oom_killed: bool = False
    finished_at: int = 0
    error: str = ""


class Record:
    """One container's directory.

    Attributes:
        path: the directory.
        id: 64 hexadecimal digits.
        told: exit status, and whether memory ran out, as the monitor told at the end; None before.

    Raises:
        NoSuchContainerError: it is gone.
        StatusError: it can't be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.id = os.path.basename(path)
        self.told: tuple[int, bool] | None = None
        self.values: dict[str, Any] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read what may have changed."""
        values = self._read("container.json")
        self.state = self._read("state.json")
        if not values:
            raise NoSuchContainerError(self.id[:12])
        if values != self.values:
            self.values = values
            self.__dict__.pop("settings", None)

    @cached_property
    def settings(self) -> Settings:
        """What it is to be."""
        try:
            return codec.decode(Settings, self.values["settings"])
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise self._unreadable("container.json", error) from error

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.values["name"])

    def volumes(self) -> set[str]:
        """Names of the volumes it has."""
        mounts = self.values["settings"].get("mounts", ())
        return {mount["source"] for mount in mounts if mount["kind"] == "volume"}

    def lock(self) -> "_Lock":
        """A context in which nobody else changes this container; what is on disk is read again."""
        return _Lock(self)

    def write(self) -> None:
        """Put name and settings on disk."""
        self.values["settings"] = codec.encode(self.settings)
        files.write_json(f"{self.path}/container.json", self.values)

    def pidfd(self, key: str = "") -> int:
        """A pidfd of the first process, or with `monitor` of the monitor; -1 when it has ended.

        The start time tells it from a later process with the same id; a pidfd that was opened before the
        start time was read can't change its process any more.
        """
        pid = self.state.get(key or "pid", 0)
        if not pid or self.state.get("boot") != boot_id():
            return -1
        try:
            descriptor = os.pidfd_open(pid)
        except (ProcessLookupError, ValueError):
            return -1
        if has_ended(descriptor) or start_time(pid) != self.state.get(f"{key}_start_time".lstrip("_")):
            os.close(descriptor)
            return -1
        return descriptor

    def is_alive(self, key: str = "") -> bool:
        """Whether the first process, or with `monitor` the monitor, runs."""
        descriptor = self.pidfd(key)
        if descriptor >= 0:
            os.close(descriptor)
        return descriptor >= 0

    def status(self) -> str:
        """`created`, `running`, `paused`, `restarting`, `removing` or `exited`, as Docker has them."""
        if not self.state.get("pid"):
            return "created"
        if self.is_alive():
            groups = self.groups()
            return "paused" if groups and groups.is_frozen() else "running"
        is_watched = self.is_alive("monitor")
        if self._exit() is None:
            # The monitor is about to record the end.
            return "running" if is_watched and self._exit() is None else "exited"
        if not is_watched or self.is_stopped:
            return "exited"
        if self.settings.auto_remove:
            return "removing"
        return "restarting" if self.settings.restart.name != "no" else "exited"

    def exit(self) -> Exit:
        """How the last start ended; a monitor that was killed takes its container along."""
        if not self.state:
            return Exit(0)
        found = self._exit()
        if found is None and self.told:
            # It was removed right at its end.
            return Exit(*self.told)
        return found or Exit(KILLED, error="the container's monitor was killed")

    def _exit(self) -> Exit | None:
        values = self._read("exit.json")
        if not values or values.get("run") != self.state.get("run"):
            return None
        return Exit(
            values["exit_code"],
            values.get("oom_killed", False),
            values["finished_at"],
            values.get("error", ""),
        )

    def fail(self, code: int, error: str, finished_at: int) -> None:
        """Put on record that the start `run` never got as far as running."""
        self.state = {"run": self.run + 1}
        files.write_json(f"{self.path}/state.json", self.state)
        values = {"run": self.run, "exit_code": code, "error": error, "finished_at": finished_at}
        files.write_json(f"{self.path}/exit.json", values)

    @property
    def run(self) -> int:
        """How many times it was started."""
        return int(self.state.get("run", 0))

    @property
    def is_stopped(self) -> bool:
        """Whether a person stopped it since it was started."""
        return os.path.exists(f"{self.path}/stopped")

    def mark_stopped(self, wish: bool) -> None:
        """Put on record whether a person stopped it."""
        path = Path(self.path, "stopped")
        if wish:
            path.touch(0o600)
        else:
            path.unlink(missing_ok=True)

    def groups(self) -> manager.Manager | None:
        """Its control groups; None when it has none."""
        saved = self.state.get("cgroups")
        return manager.load(saved) if saved else None

    def require(self, action: str, *allowed: str) -> str:
        """The status, which is one of those allowed.

        Raises:
            StatusError: it is another one.
        """
        status = self.status()
        if status not in allowed:
            raise StatusError(
                f"can't {action} container {self.name}: it is {status}", _REMEDY.get(status, "")
            )
        return status

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return files.read_json(f"{self.path}/{name}")
        except (OSError, ValueError) as error:
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: str, error: Exception) -> StatusError:
        return StatusError(
            f"can't read {name} of container {self.id[:12]}: {error}", "remove it with rm --force"
        )


_REMEDY = {
    "created": "start it first",
    "exited": "start it first",
    "paused": "unpause it first",
    "running": "stop it first",
    "restarting": "stop it, or wait until it runs",
}


class _Lock:
    def __init__(self, record: Record) -> None:
        self._record = record
        self._lock = files.Lock(f"{record.path}/lock")

    def __enter__(self) -> int:
        try:
            descriptor = self._lock.__enter__()
        except FileNotFoundError:
            raise NoSuchContainerError(self._record.name) from None
        try:
            self._record.refresh()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return descriptor

    def __exit__(self, *failure: Any) -> None:
        self._lock.__exit__(*failure)


def has_ended(pidfd: int, timeout: float | None = 0) -> bool:
    """Whether a process ends within `timeout` seconds, None for ever."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))


def boot_id() -> str:
    """What tells this boot from others; see random(4)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
