"""An interpreter that a container can't change.

A container may get hold of the interpreter that enters it, through /proc/PID/exe or by executing
/proc/self/exe, and could write to the host's file once nothing runs it any more (CVE-2019-5736). So what
enters a container runs from a read-only mount of its own or from a sealed memfd.

The installed `tarebox-oci` is started sealed by its launcher; see launcher.c.
"""

from __future__ import annotations

import os
import sys

from runtime import syscalls
from tare.errors import PrivilegeError

_OWN = "/proc/self/exe"
_MFD_EXEC = 0x0010
_KEPT = (
    "PATH", "LISTEN_FDS", "XDG_RUNTIME_DIR", "DBUS_SYSTEM_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS",
    "TAREBOX_ROOTLESS",
)  # fmt: skip


def is_sealed() -> bool:
    """Whether this process's own interpreter is sealed."""
    target = os.readlink(_OWN)
    # A detached mount of a single file has that file as its root.
    if target in {"/", "/ (deleted)"}:
        return bool(os.statvfs(_OWN).f_flag & os.ST_RDONLY)
    return target.startswith("/memfd:") and _has_seals()


def reexec() -> None:
    """Start this very command again, sealed; returns only where it already is.

    Raises:
        PrivilegeError: this host lets us neither mount nor execute from memory.
    """
    if is_sealed():
        return
    os.execve(seal(sys.executable), [sys.executable, *sys.orig_argv[1:]], environment())


def seal(path: str) -> int:
    """A descriptor to execute the program at `path` by, close-on-exec.

    Raises:
        PrivilegeError: this host lets us neither mount nor execute from memory.
    """
    try:
        return _read_only_mount(path)
    except OSError:
        try:
            return _copy_in_memory(path)
        except OSError as error:
            raise PrivilegeError(
                f"can't protect {path} from the container: {error.strerror}", "see sysctl vm.memfd_noexec"
            ) from error


def environment() -> dict[str, str]:
    """What a command needs of this process's environment, and where a sealed interpreter finds its library.

    Who has CAP_SYS_PTRACE in a container could read the rest while it is entered.
    """
    kept = {name: value for name in _KEPT if (value := os.environ.get(name)) is not None}
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            directory, _, name = line[line.find("/") :].rpartition("/")
            if name.startswith("libpython3"):
                return {**kept, "LD_LIBRARY_PATH": directory}
    return kept


def _read_only_mount(path: str) -> int:
    tree = syscalls.open_tree(syscalls.AT_FDCWD, path, syscalls.OPEN_TREE_CLONE)
    try:
        syscalls.mount_setattr(tree, "", attributes=syscalls.MOUNT_ATTR_RDONLY)
    except OSError:
        os.close(tree)
        raise
    return tree


def _copy_in_memory(path: str) -> int:
    import fcntl

    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    copy = -1
    try:
        copy = _executable_memory()
        while os.sendfile(copy, source, None, 1 << 30):
            pass
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(copy, fcntl.F_ADD_SEALS, seals)
    except OSError:
        if copy >= 0:
            os.close(copy)
        raise
    finally:
        os.close(source)
    return copy


def _executable_memory() -> int:
    """A memfd; kernels before 6.3 do not know MFD_EXEC, later ones may insist on it; see memfd_create(2)."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create("python", flags | _MFD_EXEC)
    except OSError:
        return os.memfd_create("python", flags)


def _has_seals() -> bool:
    import fcntl

    descriptor = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return bool(fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE)
    finally:
        os.close(descriptor)
