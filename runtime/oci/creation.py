"""Creating a container: everything up to before its command runs; see runtime.md, Lifecycle."""

from __future__ import annotations

import os
import struct
import time

from runtime import light, syscalls
from runtime.cgroups import manager
from runtime.oci import config as configuration
from runtime.oci import plan, spawn
from runtime.oci.errors import HookError, OciError
from runtime.oci.record import VERSION, Record, start_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from runtime.cgroups.manager import Manager
    from runtime.oci.cli import Options


class Creation:
    """One container from its bundle to the point where its command waits to be run.

    Args:
        options: the options before the command.
        name: the container's id.
        bundle: the bundle's directory.

    Attributes:
        record: its record on disk.
        child: its first process.
        config: its configuration.
    """

    def __init__(self, options: Options, name: str, bundle: str) -> None:
        self._options = options
        self._bundle = os.path.abspath(bundle)
        self.record = Record(options.root, name)
        self.config, self._text = configuration.load(self._bundle)
        for warning in configuration.check(self.config):
            options.warn(warning)
        self.child: spawn.Child
        self._groups: Manager
        self._request = plan.Request(name, self._bundle, f"{options.root}/.cache", options.warn)

    def run(
        self,
        *,
        waits: bool,
        preserved: int = 0,
        no_pivot: bool = False,
        new_keyring: bool = True,
        on_console: Callable[[int], None] | None = None,
    ) -> None:
        """Make the container.

        Args:
            waits: whether its command waits for a start through the exec fifo, or runs as soon as it can.
            preserved: how many descriptors from 3 on the command gets.
            no_pivot: whether the root is entered without pivot_root(2).
            new_keyring: whether the container gets a session keyring of its own.
            on_console: takes the descriptor of the terminal's master.

        Raises:
            TareError: it can't be made; nothing of it is left then.
        """
        linux = self.config.get("linux") or {}
        if (self.config.get("process") or {}).get("terminal") and on_console is None:
            raise OciError("the process wants a terminal and nobody takes it", "use --console-socket")
        self._request.preserved = preserved + self._pass_on_sockets()
        self._request.no_pivot = no_pivot
        if new_keyring:
            # A keyring outlives its last process for a moment, and no later container is to find it.
            self._request.keyring = f"_ses.{self.record.name}.{os.urandom(4).hex()}"
        self.record.make(self._text)
        try:
            with self.record.lock() as lock:
                self._groups = manager.for_container(
                    linux.get("cgroupsPath") or "", self.record.name, systemd=self._options.systemd_cgroup
                )
                self._make(linux, lock, waits=waits, on_console=on_console)
        except BaseException as error:
            self._undo(error)
            raise

    def _pass_on_sockets(self) -> int:
        """Hand the sockets of sd_listen_fds(3) on; returns how many."""
        count = os.environ.get("LISTEN_FDS", "")
        described = self.config.get("process")
        if not count.isdecimal() or not described:
            return 0
        described["env"] = [*(described.get("env") or ()), f"LISTEN_FDS={count}", "LISTEN_PID=1"]
        return int(count)

    def _undo(self, error: BaseException) -> None:
        """Take back what was made; the spec has a failed creation end with the poststop hooks."""
        if hasattr(self, "child"):
            # Hooks may have left others behind, which the end of the first one doesn't end.
            if self._groups.paths:
                self._groups.kill()
            self.child.end()
        if hasattr(self, "_groups"):
            self._groups.remove()
        poststop = (self.config.get("hooks") or {}).get("poststop") if isinstance(error, HookError) else None
        state = self.record.state("stopped") if poststop else {}
        self.record.remove()
        if poststop:
            from runtime.oci import hooks

            try:
                hooks.run(poststop, state, what="poststop")
            except HookError as failure:
                self._options.warn(str(failure))

    def _make(
        self, linux: Mapping[str, Any], lock: int, *, waits: bool, on_console: Callable[[int], None] | None
    ) -> None:
        namespaces = plan.Namespaces(linux)
        self._groups.create(linux.get("resources") or {})
        if namespaces.made & syscalls.CLONE_NEWUSER and namespaces.made & syscalls.CLONE_NEWCGROUP:
            self._groups.delegate(_root_outside(linux))
        try:
            result = self._open_fifos(waits=waits)
            steps = plan.build(self.config, self._request, namespaces, self._groups)
            self.child = spawn.first(
                steps,
                namespaces.made & ~namespaces.late,
                joined=namespaces.joined,
                offsets=_offsets(linux),
                unified=self._groups.unified,
                result=result,
                lock=lock,
                map_ids=lambda pid: self._map(pid, linux),
            )
        finally:
            for descriptor in self._request.opened:
                os.close(descriptor)
        self._groups.occupied()
        self.record.values = self._values()
        self._follow(linux, on_console)
        self.record.write()
        self._note_debris()
        self.child.go()
        if not waits:
            # It closes the channel by becoming its command, or says why it can't.
            self.child.follow()

    def _note_debris(self) -> None:
        """Note what a deletion has to remove, where that takes no more than rmdir(2); see shortcuts.c."""
        saved = self._groups.saved()
        if "scope" in saved or (self.config.get("hooks") or {}).get("poststop"):
            return
        debris = "".join(f"{entry}\0" for entry in (self.child.pid, *saved["made"]))
        descriptor = os.open(f"{self.record.path}/debris", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(descriptor, debris.encode())
        os.close(descriptor)

    def _open_fifos(self, *, waits: bool) -> int:
        """Make what `start` needs and open it for the child; returns the descriptor for a late failure."""
        hooks = self.config.get("hooks") or {}
        if not waits:
            return -1
        os.mkfifo(self.record.fifo, 0o600)
        self._request.fifo = self._open(self.record.fifo)
        if not hooks.get("poststart") and not hooks.get("startContainer"):
            return -1
        os.mkfifo(f"{self.record.path}/result.fifo", 0o600)
        os.close(os.open(f"{self.record.path}/attended", os.O_CREAT | os.O_CLOEXEC, 0o600))
        return self._open(f"{self.record.path}/result.fifo")

    def _open(self, fifo: str) -> int:
        descriptor = os.open(fifo, os.O_RDWR | os.O_CLOEXEC)
        self._request.opened.append(descriptor)
        return descriptor

    def _map(self, pid: int, linux: Mapping[str, Any]) -> None:
        from runtime.oci import idmap

        idmap.write(pid, linux.get("uidMappings") or (), linux.get("gidMappings") or ())
        adjustment = (self.config.get("process") or {}).get("oomScoreAdj")
        if adjustment is not None:
            adjust_oom_score(pid, adjustment)

    def _values(self) -> dict[str, Any]:
        return {
            "ociVersion": VERSION,
            "id": self.record.name,
            "pid": self.child.pid,
            "start_time": start_time(self.child.pid),
            "bundle": self._bundle,
            "rootfs": plan.root_of(self.config, self._bundle),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "annotations": self.config.get("annotations") or {},
            "cgroups": self._groups.saved(),
            "owner": os.geteuid(),
            "keyring": self._request.keyring,
        }

    def _follow(self, linux: Mapping[str, Any], on_console: Callable[[int], None] | None) -> None:
        while True:
            message, descriptors = self.child.follow()
            match message:
                case "prepared":
                    self._attend(linux)
                case "console" if on_console:
                    on_console(descriptors[0])
                case "listener":
                    from runtime.oci import notify

                    state = self.record.state("creating")
                    notify.hand_over(linux["seccomp"], descriptors[0], state, self.child.pid)
                case "ready":
                    return
                case _:
                    raise OciError("the container's first process ended before its command", "see its log")

    def _attend(self, linux: Mapping[str, Any]) -> None:
        """Between the namespaces and the entry of the root: devices of the network, and the host's hooks."""
        if devices := linux.get("netDevices"):
            from runtime.oci import net_devices

            net_devices.move(devices, self.child.pid)
        listed = self.config.get("hooks") or {}
        state = self.record.state("creating")
        if listed.get("prestart") or listed.get("createRuntime"):
            from runtime.oci import hooks

            self.record.write()
            hooks.run(listed.get("prestart") or (), state, what="prestart")
            hooks.run(listed.get("createRuntime") or (), state, what="createRuntime")
        self.child.answer(state)


def adjust_oom_score(pid: int, adjustment: int) -> None:
    """Set how much the out-of-memory killer likes a process; see proc_pid_oom_score_adj(5).

    Raises:
        OciError: the kernel refuses.
    """
    try:
        with open(f"/proc/{pid}/oom_score_adj", "wb", 0) as file:
            file.write(str(adjustment).encode())
    except OSError as error:
        if os.geteuid() != 0:
            return
        raise OciError(
            f"can't set oomScoreAdj to {adjustment}: {error.strerror}", "a lower one needs CAP_SYS_RESOURCE"
        ) from error


def _root_outside(linux: Mapping[str, Any]) -> int:
    """The user on the host that is root in the container."""
    owners = (entry["hostID"] for entry in linux.get("uidMappings") or () if entry["containerID"] == 0)
    return next(owners, os.geteuid())


def _offsets(linux: Mapping[str, Any]) -> str:
    """Lines for /proc/PID/timens_offsets; see time_namespaces(7)."""
    return "".join(
        f"{clock} {offset.get('secs', 0)} {offset.get('nanosecs', 0)}\n"
        for clock, offset in (linux.get("timeOffsets") or {}).items()
    )


def write_pid_file(path: str, pid: int) -> None:
    """Write a pid file, so that who sees it sees it whole."""
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    os.write(descriptor, str(pid).encode())
    os.close(descriptor)
    os.rename(temporary, path)


def hand_console(path: str) -> Callable[[int], None]:
    """A taker of a terminal's master that sends it to a console socket, as runc does.

    Raises:
        OciError: nobody listens there.
    """

    def send(master: int) -> None:
        channel = light.socket.socket(
            light.socket.AF_UNIX, light.socket.SOCK_STREAM | light.socket.SOCK_CLOEXEC
        )
        try:
            channel.connect(path)
            rights = struct.pack("=i", master)
            channel.sendmsg([b"/dev/ptmx"], [(light.socket.SOL_SOCKET, light.socket.SCM_RIGHTS, rights)])
        except OSError as error:
            raise OciError(
                f"can't hand the terminal to {path}: {error.strerror}", "see --console-socket"
            ) from error
        finally:
            channel.close()
            os.close(master)

    return send
