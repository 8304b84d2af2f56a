"""Steps that make a process what the configuration's `process` says; see config.md, Process."""

from __future__ import annotations

import errno
import os
import select
import stat

from runtime import syscalls, wire
from runtime.oci.mounting import is_proc_root
from runtime.steps.filesystem import RESOLVE_NO_XDEV
from runtime.steps.privileges import Privileges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_WRITE = os.O_WRONLY | os.O_CLOEXEC


class Processing(Privileges):
    """Credentials, scheduling and labels, and the search for the command."""

    is_among_strangers = False
    """Whether it was born into the mount namespace of another container."""
    _command = ""
    _has_entered = False

    def close_inherited(self, preserved: int) -> None:
        """Close what the caller left open, before the container can see it; all of ours is close-on-exec."""
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            try:
                if descriptor >= 3 + preserved and os.get_inheritable(descriptor):
                    os.close(descriptor)
            except OSError as error:
                # The descriptor of the listing itself is gone by now.
                if error.errno != errno.EBADF:
                    raise

    def hide(self) -> None:
        """Keep others in the same PID namespace from this process's memory, descriptors and executable."""
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)

    def write(self, path: str, text: str) -> None:
        """Write to a file of the host's /proc, or of that of a container which was joined and may fake it."""
        self._detail = path
        descriptor = self._genuine(path) if self.is_among_strangers else os.open(path, _WRITE)
        os.write(descriptor, text.encode())
        os.close(descriptor)

    def _genuine(self, path: str) -> int:
        proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        if not is_proc_root(proc):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        limits = syscalls.RESOLVE_IN_ROOT | RESOLVE_NO_XDEV
        descriptor = syscalls.openat2(proc, path.removeprefix("/proc/"), _WRITE, resolve=limits)
        os.close(proc)
        return descriptor

    def keyring(self, name: str) -> None:
        """Have a session keyring of one's own, where the kernel has keyrings."""
        try:
            syscalls.keyctl_join_session_keyring(name)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EPERM):
                raise

    def personality(self, persona: int) -> None:
        """Set the execution domain."""
        syscalls.personality(persona)

    def scheduler(self, attributes: bytes) -> None:
        """Set policy, priority and deadline."""
        syscalls.sched_setattr(attributes)

    def io_priority(self, priority: int) -> None:
        """Set the I/O class and priority."""
        syscalls.ioprio_set(priority)

    def affinity(self, processors: Sequence[int]) -> None:
        """Run on these processors only."""
        os.sched_setaffinity(0, processors)

    def memory_policy(self, mode: int, nodes: bytes) -> None:
        """Set the memory policy."""
        syscalls.set_mempolicy(mode, nodes)

    def mask_of_modes(self, mask: int) -> None:
        """Set the file mode creation mask."""
        os.umask(mask)

    def user(self, uid: int, gid: int, groups: Sequence[int] | None) -> None:
        """Become the user and keep the permitted capabilities for the steps that follow."""
        if groups is not None:
            os.setgroups(groups)
        syscalls.prctl(syscalls.PR_SET_KEEPCAPS, 1)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        syscalls.prctl(syscalls.PR_SET_KEEPCAPS, 0)
        self.hide()

    def ambient(self, numbers: Sequence[int]) -> None:
        """Raise capabilities that survive the exec of an ordinary program."""
        syscalls.prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_CLEAR_ALL)
        for number in numbers:
            syscalls.prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_RAISE, number)

    def enter_directory(self, path: str, last: bool) -> None:
        """Enter the working directory, with the rights of root or of the user, and see that it is inside.

        Args:
            path: absolute path inside the root.
            last: whether there won't be another try with other rights.
        """
        self._detail = path
        try:
            os.chdir(path)
        except PermissionError:
            if last and not self._has_entered:
                raise
            return
        os.getcwd()
        self._has_entered = True

    def find_command(self, command: str, path: str) -> None:
        """Find the command along `path`, before anybody waits for its start."""
        self._detail = command
        if not command:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        candidates = [command] if "/" in command else [f"{part or '.'}/{command}" for part in path.split(":")]
        failure: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        for candidate in candidates:
            try:
                if os.path.isdir(candidate):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                if os.access(candidate, os.X_OK, effective_ids=True):
                    self._command = candidate
                    return
                os.stat(candidate)
                failure = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (PermissionError, IsADirectoryError) as error:
                failure = error
        raise failure

    def listen(self, program: bytes, flags: int) -> None:
        """Install a filter that asks a listener, and hand the parent the descriptor it asks through."""
        listener = syscalls.seccomp_listener(program, flags)
        wire.send(self._channel, ("listener",), (listener,))
        os.close(listener)

    def filter(self, program: bytes, flags: int) -> None:
        """Install the system call filter."""
        syscalls.seccomp_filter(program, flags)

    def report(self, message: str) -> None:
        """Tell the parent how far this process has come."""
        wire.send(self._channel, (message,))

    def await_start(self, fifo: int) -> None:
        """Wait until somebody writes to the exec fifo, held open so that they see it is waited for."""
        self._channel.close()
        poll = select.poll()
        poll.register(fifo, select.POLLIN)
        poll.poll()
        os.close(fifo)

    def command(self, argv: Sequence[str], environment: Sequence[str], uid: int, preserved: int) -> None:
        """Become the command; of the descriptors only the standard ones and those to be preserved remain."""
        self._detail = argv[0]
        variables = dict(entry.partition("=")[::2] for entry in environment)
        if not variables.get("HOME"):
            variables["HOME"] = _home(uid)
        syscalls.close_range(3 + preserved, 0xFFFFFFFF, syscalls.CLOSE_RANGE_CLOEXEC)
        os.execve(self._command, tuple(argv), variables)


def _home(uid: int) -> str:
    """The user's home directory as the image's passwd(5) has it, or / ."""
    try:
        descriptor = os.open("/etc/passwd", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return "/"
    # An image may have a pipe there, which would never end, or a device.
    text = os.read(descriptor, 1 << 20) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    os.close(descriptor)
    wanted = str(uid).encode()
    for line in text.splitlines():
        fields = line.split(b":")
        if len(fields) >= 6 and fields[2] == wanted and fields[5]:
            return os.fsdecode(fields[5])
    return "/"
