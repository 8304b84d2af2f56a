# ruff: noqa: D402 - each docstring names its manual page, which looks like a signature
"""Thin wrappers for the system calls containers need and Python 3.11's `os` lacks.

Each wrapper makes exactly one call, raises OSError with its errno, and keeps the kernel's argument order. Out
of scope: anything `os`, `signal`, `socket` or `fcntl` offers already, mount(2) (the descriptor based mount
calls replace it), and any policy. The launcher imports this module, so it imports nothing slow.
"""

import ctypes
import errno
import os
import sys

CLONE_NEWTIME = 0x00000080
CLONE_PIDFD = 0x00001000
CLONE_PARENT = 0x00008000
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_INTO_CGROUP = 0x200000000

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_EMPTY_PATH = 0x40
FSOPEN_CLOEXEC = 1
FSMOUNT_CLOEXEC = 1
FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_CMD_CREATE = 6

MOUNT_ATTR_RDONLY = 0x01
MOUNT_ATTR_NOSUID = 0x02
MOUNT_ATTR_NODEV = 0x04
MOUNT_ATTR_NOEXEC = 0x08
MOUNT_ATTR__ATIME = 0x70
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_IDMAP = 0x100000
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MNT_DETACH = 2

PROC_SUPER_MAGIC = 0x9FA0
DEVPTS_SUPER_MAGIC = 0x1CD1

RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_IN_ROOT = 0x10

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4
KEYCTL_JOIN_SESSION_KEYRING = 1
IOPRIO_WHO_PROCESS = 1
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_GET_ACTION_AVAIL = 2
SECCOMP_FILTER_FLAG_LOG = 1 << 1
SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1 << 2
SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3
SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 1 << 5
CLOSE_RANGE_CLOEXEC = 4

# Asked before anything could change the personality.
_MACHINE = os.uname().machine
_SYS_SECCOMP = {"x86_64": 317, "aarch64": 277, "riscv64": 277, "ppc64le": 358, "s390x": 348}
_SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
_SYS_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "ppc64le": 273, "s390x": 282}
_SYS_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274, "ppc64le": 355, "s390x": 345}
_SYS_SET_MEMPOLICY = {"x86_64": 238, "aarch64": 237, "riscv64": 237, "ppc64le": 261, "s390x": 270}
_SYS_MEMBARRIER = {"x86_64": 324, "aarch64": 283, "riscv64": 283, "ppc64le": 365, "s390x": 356}
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT = 429
_SYS_FSOPEN = 430
_SYS_FSCONFIG = 431
_SYS_FSMOUNT = 432
_SYS_CLONE3 = 435
_SYS_CLOSE_RANGE = 436
_SYS_OPENAT2 = 437
_SYS_MOUNT_SETATTR = 442

_libc = ctypes.CDLL(None, use_errno=True)
# The interpreter's lock stays held across the call, so a clone's child owns it too.
_libc_locked = ctypes.PyDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_syscall_locked = _libc_locked.syscall
_syscall_locked.restype = ctypes.c_long
_long = ctypes.c_long


class _CloneArgs(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "flags",
            "pidfd",
            "child_tid",
            "parent_tid",
            "exit_signal",
            "stack",
            "stack_size",
            "tls",
            "set_tid",
            "set_tid_size",
            "cgroup",
        )
    ]


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


class _MountAttr(ctypes.Structure):
    _fields_ = [
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    ]


class _SockFprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def clone3(flags: int, *, exit_signal: int, cgroup: int = -1) -> tuple[int, int]:
    """Clone this process as fork(2) does, into the new namespaces `flags` asks for; see clone(2).

    Only for single-threaded processes: the child runs Python on.

    Args:
        flags: CLONE_NEW* flags; CLONE_PIDFD is added.
        exit_signal: what the parent gets when the child ends.
        cgroup: descriptor of the version 2 cgroup to be born in, or -1.

    Returns:
        (pid, pidfd) in the parent, (0, -1) in the child; the pidfd is close-on-exec.

    Raises:
        OSError: as clone(2).
    """
    pidfd = ctypes.c_int(-1)
    arguments = _CloneArgs(flags=flags | CLONE_PIDFD, pidfd=ctypes.addressof(pidfd), exit_signal=exit_signal)
    if cgroup >= 0:
        arguments.flags |= CLONE_INTO_CGROUP
        arguments.cgroup = cgroup
    pid = _checked(
        _syscall_locked(_long(_SYS_CLONE3), ctypes.byref(arguments), _long(ctypes.sizeof(arguments)))
    )
    return (pid, pidfd.value) if pid else (0, -1)


def unshare(flags: int) -> None:
    """Leave the namespaces `flags` names for new ones; see unshare(2)."""
    _checked(_libc.unshare(flags))


def setns(descriptor: int, flags: int) -> None:
    """Join namespaces of a pidfd or of one namespace file; see setns(2)."""
    _checked(_libc.setns(descriptor, flags))


def openat2(directory: int, path: str, flags: int, *, resolve: int, mode: int = 0) -> int:
    """Open `path` below a directory descriptor under the RESOLVE_* limits, close-on-exec; see openat2(2)."""
    how = _OpenHow(flags=flags | os.O_CLOEXEC, mode=mode, resolve=resolve)
    size = _long(ctypes.sizeof(how))
    return _checked(_syscall(_long(_SYS_OPENAT2), directory, os.fsencode(path), ctypes.byref(how), size))


def fsopen(filesystem: str) -> int:
    """A new filesystem context, to be filled by fsconfig and mounted by fsmount; see fsopen(2)."""
    return _checked(_syscall(_long(_SYS_FSOPEN), filesystem.encode(), FSOPEN_CLOEXEC))


def fsconfig_string(context: int, key: str, value: str) -> None:
    """Set one `key=value` mount option; values are at most 255 bytes; see fsconfig(2)."""
    _checked(
        _syscall(_long(_SYS_FSCONFIG), context, FSCONFIG_SET_STRING, key.encode(), os.fsencode(value), 0)
    )


def fsconfig_flag(context: int, key: str) -> None:
    """Set one mount option without a value; see fsconfig(2)."""
    _checked(_syscall(_long(_SYS_FSCONFIG), context, FSCONFIG_SET_FLAG, key.encode(), None, 0))


def fsconfig_create(context: int) -> None:
    """Make the filesystem's superblock from the options set; see fsconfig(2)."""
    _checked(_syscall(_long(_SYS_FSCONFIG), context, FSCONFIG_CMD_CREATE, None, None, 0))


def fsmount(context: int, attributes: int) -> int:
    """A detached mount of the context's filesystem, with MOUNT_ATTR_* flags; see fsmount(2)."""
    return _checked(_syscall(_long(_SYS_FSMOUNT), context, FSMOUNT_CLOEXEC, attributes))


def open_tree(directory: int, path: str, flags: int) -> int:
    """A descriptor of a mount, or with OPEN_TREE_CLONE of a detached copy; see open_tree(2)."""
    return _checked(_syscall(_long(_SYS_OPEN_TREE), directory, os.fsencode(path), flags | OPEN_TREE_CLOEXEC))


def move_mount(mount: int, directory: int, path: str = "") -> None:
    """Attach the mount of a descriptor at `path`, or on the directory itself; see move_mount(2)."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | (0 if path else MOVE_MOUNT_T_EMPTY_PATH)
    _checked(_syscall(_long(_SYS_MOVE_MOUNT), mount, b"", directory, os.fsencode(path), flags))


def mount_setattr(
    directory: int,
    path: str,
    *,
    attributes: int = 0,
    clear: int = 0,
    propagation: int = 0,
    user_namespace: int = -1,
    recursive: bool = False,
) -> None:
    """Add and clear MOUNT_ATTR_* flags of a mount, change its propagation; see mount_setattr(2).

    Args:
        directory: descriptor that `path` is relative to, or the mount's own where `path` is empty.
        path: path of the mount.
        attributes: flags to set.
        clear: flags to clear before.
        propagation: MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, or 0.
        user_namespace: descriptor of the namespace whose mapping the mount's owners go through, or -1.
        recursive: whether all mounts below are changed as well.
    """
    change = _MountAttr(attr_set=attributes, attr_clr=clear, propagation=propagation)
    if user_namespace >= 0:
        change.attr_set |= MOUNT_ATTR_IDMAP
        change.userns_fd = user_namespace
    flags = (0 if path else AT_EMPTY_PATH) | (AT_RECURSIVE if recursive else 0)
    size = _long(ctypes.sizeof(change))
    _checked(
        _syscall(_long(_SYS_MOUNT_SETATTR), directory, os.fsencode(path), flags, ctypes.byref(change), size)
    )


def filesystem_type(descriptor: int) -> int:
    """The magic number of the filesystem a descriptor is on; see statfs(2)."""
    buffer = ctypes.create_string_buffer(256)
    _checked(_libc.fstatfs(descriptor, buffer))
    return int.from_bytes(buffer.raw[: ctypes.sizeof(_long)], sys.byteorder)


def umount2(path: str, flags: int) -> None:
    """Unmount what is mounted at `path`; see umount(2)."""
    _checked(_libc.umount2(os.fsencode(path), flags))


def pivot_root(new_root: str, put_old: str) -> None:
    """Make `new_root` the root mount and move the old one to `put_old`; see pivot_root(2)."""
    _checked(_libc.pivot_root(os.fsencode(new_root), os.fsencode(put_old)))


def prctl(option: int, argument: int = 0, third: int = 0) -> None:
    """Change an attribute of the calling thread; see prctl(2)."""
    _checked(_libc.prctl(option, _long(argument), _long(third), _long(0), _long(0)))


def capset(header: bytes, data: bytes) -> None:
    """Set the calling thread's capability sets from the kernel's own structures; see capset(2)."""
    _checked(_libc.capset(header, data))


def seccomp_filter(program: bytes, flags: int) -> None:
    """Install a classic BPF program (an array of struct sock_filter) as seccomp filter; see seccomp(2)."""
    descriptor = _SockFprog(len=len(program) // 8, filter=program)
    _seccomp(SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(descriptor))


def seccomp_listener(program: bytes, flags: int) -> int:
    """Install a filter that may ask; a close-on-exec descriptor to answer through; see seccomp_unotify(2)."""
    descriptor = _SockFprog(len=len(program) // 8, filter=program)
    return _seccomp(
        SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, ctypes.byref(descriptor)
    )


def seccomp_has_action(action: int) -> bool:
    """Whether the kernel knows a SECCOMP_RET_* action; see seccomp(2)."""
    try:
        _seccomp(SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(ctypes.c_uint32(action)))
    except OSError:
        return False
    return True


def seccomp_has_flags(flags: int) -> bool:
    """Whether the kernel takes SECCOMP_FILTER_FLAG_* flags, and only misses the program; see seccomp(2)."""
    try:
        _seccomp(SECCOMP_SET_MODE_FILTER, flags, None)
    except OSError as error:
        return error.errno == errno.EFAULT
    return True


def _seccomp(operation: int, flags: int, argument: object) -> int:
    number = _SYS_SECCOMP[_MACHINE]
    return _checked(_syscall(_long(number), _long(operation), _long(flags), argument))


def close_range(first: int, last: int, flags: int) -> None:
    """Close a range of descriptors, or with CLOSE_RANGE_CLOEXEC mark them; see close_range(2)."""
    _checked(_syscall(_long(_SYS_CLOSE_RANGE), ctypes.c_uint(first), ctypes.c_uint(last), flags))


def bpf(command: int, attributes: bytes) -> int:
    """Load or attach a program; `attributes` is the command's part of union bpf_attr; see bpf(2)."""
    number = _SYS_BPF[_MACHINE]
    return _checked(_syscall(_long(number), command, attributes, ctypes.c_uint(len(attributes))))


def keyctl_join_session_keyring(name: str) -> None:
    """Join a session keyring of that name, made when missing; see keyctl(2)."""
    number = _SYS_KEYCTL[_MACHINE]
    _checked(_syscall(_long(number), _long(KEYCTL_JOIN_SESSION_KEYRING), name.encode()))


def ioprio_set(priority: int) -> None:
    """Set this process's I/O class and priority, class << 13 | priority; see ioprio_set(2)."""
    number = _SYS_IOPRIO_SET[_MACHINE]
    _checked(_syscall(_long(number), _long(IOPRIO_WHO_PROCESS), _long(0), _long(priority)))


def sched_setattr(attributes: bytes) -> None:
    """Set this process's scheduling policy from a struct sched_attr; see sched_setattr(2)."""
    number = _SYS_SCHED_SETATTR[_MACHINE]
    _checked(_syscall(_long(number), _long(0), attributes, _long(0)))


def membarrier() -> None:
    """Wait for a grace period of the kernel's RCU (MEMBARRIER_CMD_GLOBAL); see membarrier(2)."""
    number = _SYS_MEMBARRIER[_MACHINE]
    _checked(_syscall(_long(number), _long(1), _long(0), _long(0)))


def set_mempolicy(mode: int, nodes: bytes) -> None:
    """Set this thread's memory policy for the nodes of a bit mask; see set_mempolicy(2)."""
    number = _SYS_SET_MEMPOLICY[_MACHINE]
    # The kernel takes one bit less than it is told of.
    _checked(_syscall(_long(number), _long(mode), nodes, _long(8 * len(nodes) + 1)))


def personality(persona: int) -> None:
    """Set the execution domain; see personality(2)."""
    _checked(_libc.personality(ctypes.c_ulong(persona)))
