"""User namespaces: their id mappings, and ones that serve only to map the owners of a mount."""

from __future__ import annotations

import os

from runtime import light, syscalls
from runtime.oci.errors import OciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def write(pid: int, uids: Sequence[Mapping[str, int]], gids: Sequence[Mapping[str, int]]) -> None:
    """Write the mappings of a process's user namespace, with newuidmap(1) where the caller isn't root.

    Raises:
        OciError: the kernel or newuidmap refuses.
    """
    for name, entries in (("gid", gids), ("uid", uids)):
        text = "".join(f"{entry['containerID']} {entry['hostID']} {entry['size']}\n" for entry in entries)
        try:
            _write(f"/proc/{pid}/{name}_map", text)
        except PermissionError as error:
            if os.geteuid() == 0:
                raise _refused(name, str(error.strerror)) from error
            _ask(name, pid, text)
        except OSError as error:
            raise _refused(name, str(error.strerror)) from error


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _ask(name: str, pid: int, text: str) -> None:
    """Have the set-user-ID helper write ranges of subuid(5)."""
    program = f"new{name}map"
    try:
        helper = os.posix_spawnp(program, [program, str(pid), *text.split()], os.environ)
    except FileNotFoundError:
        raise _refused(name, f"{program} is not installed") from None
    _, status = os.waitpid(helper, 0)
    if status:
        raise _refused(name, f"{program} failed")


def _refused(name: str, reason: str) -> OciError:
    return OciError(
        f"can't map the {name}s of the user namespace: {reason}", f"see user_namespaces(7), sub{name}(5)"
    )


def user_namespace(uids: Sequence[Mapping[str, int]], gids: Sequence[Mapping[str, int]]) -> int:
    """Descriptor of a user namespace with these mappings and no process.

    Raises:
        OciError: the kernel refuses.
    """
    held, let_go = os.pipe2(os.O_CLOEXEC)
    pid, pidfd = syscalls.clone3(syscalls.CLONE_NEWUSER, exit_signal=light.signal.SIGCHLD)
    if pid == 0:
        os.close(let_go)
        os.read(held, 1)
        os._exit(0)
    os.close(held)
    try:
        write(pid, uids, gids)
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(let_go)
        os.waitpid(pid, 0)
        os.close(pidfd)
