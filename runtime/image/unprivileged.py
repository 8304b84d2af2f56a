"""An image's files as an ordinary user unpacks them: all are that user's, and a list has their owners."""

import os
import stat
from functools import partial
from pathlib import Path

from runtime.image.attributes import travels
from runtime.image.content import Content
from runtime.image.layers import fill
from runtime.image.store import StoredImage
from runtime.image.tar_header import Member
from runtime.image.unpack import WHITEOUT, relative
from runtime.storage import tree
from runtime.storage.store import opened
from runtime.storage.whole import add
from tare.owners import Owners, Status

_TYPES = {
    b"0": stat.S_IFREG,
    b"2": stat.S_IFLNK,
    b"3": stat.S_IFCHR,
    b"4": stat.S_IFBLK,
    b"5": stat.S_IFDIR,
    b"6": stat.S_IFIFO,
}


def unpack(content: Content, image: StoredImage, files: Path) -> None:
    """Unpack an image's layers over each other, with the list of `tare.owners` beside them.

    Args:
        content: where the packed layers are.
        image: whose layers.
        files: the directory to make.

    Raises:
        ImageError: a layer is missing, broken or hostile, or the disk is full.
        OSError: something can't be read or written.
    """
    files.mkdir()
    files.chmod(0o755)
    listed: dict[bytes, Status] = {}
    for layer, diff_id in zip(image.manifest.layers, image.config.diff_ids, strict=True):
        add(
            files,
            partial(
                fill, content, layer, diff_id=diff_id, lower=(files,), user_namespace=True,
                tell=partial(_note, listed),
            ),
        )  # fmt: skip
    Owners(files, _of_what_is_there(files, listed)).write()


def _note(listed: dict[bytes, Status], path: bytes, member: Member) -> None:
    parent, _, name = path.rpartition(b"/")
    if name.startswith(WHITEOUT):
        gone = name.removeprefix(WHITEOUT)
        listed.pop(parent + b"/" + gone if parent else gone, None)
    elif member.kind == b"1":
        listed[path] = listed.get(relative(member.link), Status(stat.S_IFREG | member.mode))
    else:
        # A symbolic link has no mode of its own; see symlink(7).
        mode = _TYPES[member.kind] | (0o777 if member.kind == b"2" else member.mode)
        attributes = {key: value for key, value in member.attributes.items() if travels(key)}
        listed[path] = Status(mode, member.uid, member.gid, member.device, attributes)


def _of_what_is_there(files: Path, listed: dict[bytes, Status]) -> dict[str, Status]:
    """What later layers took away or put other things in the place of doesn't count."""
    found = {"": listed[b""]} if b"" in listed else {}
    with opened(files) as root:
        for path, _, entries in tree.walk(root):
            for name, entry in entries:
                inner = f"{path}/{name}" if path else name
                about = listed.get(os.fsencode(inner))
                if about and _is_such(entry.st_mode, about.mode):
                    found[inner] = about
    return found


def _is_such(mode: int, wanted: int) -> bool:
    is_device = stat.S_ISCHR(wanted) or stat.S_ISBLK(wanted)
    return stat.S_IFMT(mode) == (stat.S_IFREG if is_device else stat.S_IFMT(wanted))
