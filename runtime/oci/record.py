"""What is kept on disk of one container, from its creation to its deletion.

A directory `<root>/<id>` with `state.json`, `config.json` as it was at the creation, `exec.fifo` for as long
as the container is created and not started, `attended` when its start has hooks to see to, `debris` when its
deletion has none, and `lock`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select

from runtime import light, teardown
from runtime.oci.errors import ConfigError, OciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any, Self

    from runtime.cgroups.manager import Manager

VERSION = "1.3.0"
"""The version of the OCI runtime specification that the records, and the runtime, follow."""
_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")


class UnknownContainerError(OciError):
    """No container has this id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"container {name!r} does not exist", "see `tarebox-oci list` for those that do")


class Record:
    """One container's directory.

    Args:
        root: the directory of all containers.
        name: the container's id.

    Attributes:
        path: the directory.
        values: content of state.json; empty while the container is being created.

    Raises:
        OciError: the id has no meaning.
    """

    def __init__(self, root: str, name: str) -> None:
        if not _is_id(name):
            raise OciError(f"{name!r} is no container id", "use letters, digits, '_', '+', '-' and '.'")
        self.name = name
        self.path = os.path.join(os.path.abspath(root), name)
        self.values: dict[str, Any] = {}

    @classmethod
    def load(cls, root: str, name: str) -> Self:
        """The record of an existing container.

        Raises:
            UnknownContainerError: there is none.
            OciError: it can't be read.
        """
        record = cls(root, name)
        if not os.path.isdir(record.path):
            raise UnknownContainerError(name)
        record.read()
        if not record.values and not os.path.exists(f"{record.path}/config.json"):
            raise UnknownContainerError(name)
        return record

    def read(self) -> None:
        """Read state.json again.

        Raises:
            OciError: it can't be read.
        """
        try:
            with open(f"{self.path}/state.json", encoding="utf-8") as file:
                values = light.loads(file.read())
            if not isinstance(values, dict) or not isinstance(values.get("pid", 0), int):
                raise ValueError("it is no container's state")
            self.values = values
        except FileNotFoundError:
            self.values = {}
        except (OSError, ValueError, RecursionError) as error:
            raise self._unreadable("state.json", error) from error

    def config(self) -> dict[str, Any]:
        """The configuration as it was when the container was created.

        Raises:
            OciError: it can't be read.
        """
        from runtime.oci import config

        path = f"{self.path}/config.json"
        try:
            with open(path, "rb") as file:
                return config.parse(file.read(), path)
        except (OSError, ConfigError) as error:
            raise self._unreadable("config.json", error) from error

    def _unreadable(self, file: str, error: Exception) -> OciError:
        return OciError(
            f"can't read {file} of container {self.name!r}: {error}", "remove it with delete --force"
        )

    def make(self, config: bytes) -> None:
        """Make the directory; whoever makes it owns the id.

        Raises:
            OciError: the id is taken, or the root can't be written to.
        """
        try:
            os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
            os.mkdir(self.path, 0o700)
        except FileExistsError:
            raise OciError(f"container with id {self.name!r} already exists", "choose another id") from None
        except OSError as error:
            raise OciError(f"can't make {self.path}: {error.strerror}", "see --root") from error
        descriptor = os.open(f"{self.path}/config.json", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(descriptor, config)
        os.close(descriptor)

    def write(self) -> None:
        """Replace state.json, so that a reader sees the old one or the new one."""
        temporary = f"{self.path}/.state.{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(light.dumps(self.values))
        os.rename(temporary, f"{self.path}/state.json")

    def remove(self) -> None:
        """Remove the directory, at once for whoever looks for the id; a missing one is fine."""
        doomed = f"{self.path}~{os.getpid()}"
        try:
            os.rename(self.path, doomed)
        except FileNotFoundError:
            return
        teardown.remove_tree(doomed)

    @property
    def fifo(self) -> str:
        """Path of the exec fifo."""
        return f"{self.path}/exec.fifo"

    @property
    def pid(self) -> int:
        """Process id of the container's first process on the host; 0 before there is one."""
        return int(self.values.get("pid", 0))

    def pidfd(self) -> int:
        """A pidfd of the container's first process, or -1 when it has ended.

        The start time tells it from a later process with the same id; a pidfd that was opened before the
        start time was read can't change its process any more.
        """
        if not self.pid:
            return -1
        try:
            descriptor = os.pidfd_open(self.pid)
        except (ProcessLookupError, ValueError):
            return -1
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ESRCH):
                return -1
            raise
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if poll.poll(0) or start_time(self.pid) != self.values.get("start_time"):
            os.close(descriptor)
            return -1
        return descriptor

    def status(self) -> str:
        """`creating`, `created`, `running`, `paused` or `stopped`; see runtime.md, State."""
        if not self.pid:
            return "creating"
        descriptor = self.pidfd()
        if descriptor < 0:
            return "stopped"
        os.close(descriptor)
        if os.path.exists(self.fifo):
            return "created"
        return "paused" if self._is_frozen() else "running"

    def require(self, action: str, *allowed: str) -> str:
        """The status, which is one of those allowed.

        Raises:
            OciError: it is another one; containerd knows a stopped container by this message.
        """
        status = self.status()
        if status not in allowed:
            raise OciError(f"can't {action} {self.name!r}: container not {' or '.join(allowed)}: {status}")
        return status

    def cgroups(self) -> Manager | None:
        """The container's control groups, or None when it has none."""
        saved = self.values.get("cgroups")
        if not saved:
            return None
        from runtime.cgroups import manager

        found = manager.load(saved)
        return found if found.paths else None

    def _is_frozen(self) -> bool:
        groups = self.cgroups()
        return groups is not None and groups.is_frozen()

    def state(self, status: str = "") -> dict[str, Any]:
        """The state as the specification has it; see runtime.md, State."""
        status = status or self.status()
        state = {
            "ociVersion": VERSION,
            "id": self.name,
            "status": status,
            "pid": 0 if status == "stopped" else self.pid,
            "bundle": self.values.get("bundle", ""),
        }
        if annotations := self.values.get("annotations"):
            state["annotations"] = annotations
        return state

    def lock(self) -> _Lock:
        """A context in which no other command changes this container.

        Raises:
            UnknownContainerError: the container is gone.
        """
        return _Lock(self)


class _Lock:
    def __init__(self, record: Record) -> None:
        self._record = record
        self._descriptor = -1

    def __enter__(self) -> int:
        path = f"{self._record.path}/lock"
        while True:
            try:
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except (FileNotFoundError, NotADirectoryError):
                raise UnknownContainerError(self._record.name) from None
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            # Who had the lock before may have removed the container, and another may have made it anew.
            if self._is_at(path):
                return self._descriptor
            os.close(self._descriptor)

    def _is_at(self, path: str) -> bool:
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A process cloned meanwhile has the descriptor too, and closing ours alone would leave it the lock.
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)


def _is_id(name: str) -> bool:
    return bool(name) and name[0] != "." and len(name) <= 240 and _ID_CHARACTERS.issuperset(name)


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since the boot, or 0 when it has ended; see proc_pid_stat(5)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(text[text.rindex(b")") + 2 :].split()[19])


def names(root: str) -> Iterator[str]:
    """Ids of all containers below a root, sorted; a missing root has none."""
    try:
        entries = sorted(os.listdir(root))
    except FileNotFoundError:
        return
    for entry in entries:
        if _is_id(entry) and os.path.isdir(os.path.join(root, entry)):
            yield entry
