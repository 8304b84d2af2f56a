"""Extended attributes of files in layers: which of them travel, and setting them."""

import errno
import os

CAPABILITY = "security.capability"
_KINDS = ("user.", "trusted.", "system.posix_acl_")
_OVERLAY = ("trusted.overlay.", "user.overlay.")


def travels(name: str) -> bool:
    """Whether an attribute belongs to an image: a host's labels don't, nor what steers overlayfs.

    An image that could set `trusted.overlay.redirect` would choose which lower directory it shows.
    """
    return name == CAPABILITY or (name.startswith(_KINDS) and not name.startswith(_OVERLAY))


def opaque(user_namespace: bool) -> str:
    """The attribute that hides what lies below a directory, see the kernel's overlayfs.rst."""
    return "user.overlay.opaque" if user_namespace else "trusted.overlay.opaque"


def set_attributes(target: int | str, attributes: dict[str, bytes]) -> list[str]:
    """Set those that travel on a descriptor, or on a path whose last part is not followed.

    Returns:
        Names of those the file system or the user namespace has no room for.

    Raises:
        OSError: the disk is full, or the like.
    """
    refused = []
    for name, value in attributes.items():
        if not travels(name):
            continue
        try:
            os.setxattr(target, name, value, follow_symlinks=not isinstance(target, str))
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM):
                raise
            refused.append(name)
    return refused


def attributes_of(target: int | str) -> dict[str, bytes]:
    """Those that travel, in order of their names, of a descriptor or of a path that is not followed."""
    follow = not isinstance(target, str)
    try:
        names = sorted(filter(travels, os.listxattr(target, follow_symlinks=follow)))
        return {name: os.getxattr(target, name, follow_symlinks=follow) for name in names}
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise
