"""The kernel's overlay filesystem, mounted from descriptors; see the kernel's filesystems/overlayfs.rst.

What a root is mounted with, and why:

- `redirect_dir=nofollow`, `metacopy=off`: a renamed directory or changed owner would leave an upper directory
  that refers to its lowers, which no layer can be made of; a hostile layer's redirect would lead anywhere.
- `index=off`: it ties an upper to the very inodes of its lowers, which a copied or restored store has not.
- `xino` stays as the kernel has it (`auto` where built so), as inode numbers are stable without it where all
  layers are on one filesystem.
- `volatile` never: a container's fsync is to mean what it says, and a volatile upper can't be mounted again.
- `userxattr` in a user namespace, where `trusted.` attributes are out of reach.

The launcher imports this module, so it imports nothing slow.
"""

from __future__ import annotations

import ctypes
import errno
import os

from runtime import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SUPER_MAGIC = 0x794C7630
_LONGEST_VALUE = 255
"""Bytes of a string that fsconfig(2) takes."""
_SAFE = (("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off"))


def mount(
    lowers: Sequence[int], name: str, place: str, *, writable: bool = True, unprivileged: bool = False
) -> int:
    """A detached mount of an overlay.

    Args:
        lowers: descriptors of the read-only directories, top first; at least two where nothing is writable.
        name: what the mount is named by on the host.
        place: directory with `upper` and `work`; before Linux 6.5 many layers are mounted on it for a moment.
        writable: whether `upper` is written to, or left out.
        unprivileged: whether this is in a user namespace.

    Returns:
        A descriptor; the mount is gone with the last one unless it is attached.

    Raises:
        OSError: as mount(2); there may be 500 lowers.
    """
    paths = [f"/proc/self/fd/{lower}" for lower in lowers]
    joined = ":".join(paths)
    # One by one as Linux 6.5 and later take them, unless they fit.
    options = (
        [("lowerdir", joined)] if len(joined) <= _LONGEST_VALUE else [("lowerdir+", path) for path in paths]
    )
    options += [*_SAFE, *(_upper(place) if writable else ())]
    try:
        return _mount(options, name, unprivileged)
    except OSError as error:
        if error.errno != errno.EINVAL or len(joined) <= _LONGEST_VALUE:
            raise
    return mount_by_page(lowers, name, place, writable=writable, unprivileged=unprivileged)


def _mount(options: Sequence[tuple[str, str]], name: str, unprivileged: bool) -> int:
    context = syscalls.fsopen("overlay")
    try:
        for key, value in (("source", name), *options):
            syscalls.fsconfig_string(context, key, value)
        if unprivileged:
            syscalls.fsconfig_flag(context, "userxattr")
        syscalls.fsconfig_create(context)
        return syscalls.fsmount(context, 0)
    finally:
        os.close(context)


def mount_by_page(
    lowers: Sequence[int], name: str, place: str, *, writable: bool = True, unprivileged: bool = False
) -> int:
    """As `mount`, by mount(2), whose page of options has room for many lowers named by their numbers alone.

    Raises:
        OSError: as mount(2); some 1000 lowers fill the page.
    """
    target = os.path.realpath(place)
    held = os.open(target, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.chdir("/proc/self/fd")
        options = [("lowerdir", ":".join(map(str, lowers))), *_SAFE, *(_upper(str(held)) if writable else ())]
        words = [f"{key}={value}" for key, value in options] + ["userxattr"] * unprivileged
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(os.fsencode(name), os.fsencode(target), b"overlay", 0, ",".join(words).encode()) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        try:
            return syscalls.open_tree(syscalls.AT_FDCWD, target, syscalls.OPEN_TREE_CLONE)
        finally:
            syscalls.umount2(target, syscalls.MNT_DETACH)
    finally:
        os.fchdir(here)
        os.close(here)
        os.close(held)


def _upper(place: str) -> tuple[tuple[str, str], ...]:
    return (("upperdir", f"{place}/upper"), ("workdir", f"{place}/work"))
