"""Whose the files of a directory are in the image they come from, where an ordinary user has unpacked it.

They are all that user's then, and a list beside the directory says what each is to be. Who reads files asks
`Owners`; what `command` gives precedes the words of a program, to which fakeroot(1) shows the files so.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Self


@dataclass(frozen=True)
class Status:
    """What a file is in its image.

    Args:
        mode: type and permission bits as in stat(2).
        uid: its owner.
        gid: its group.
        device: number of a device node, which is an empty file for an ordinary user.
        attributes: extended attributes.
    """

    mode: int
    uid: int = 0
    gid: int = 0
    device: int = 0
    attributes: Mapping[str, bytes] = field(default_factory=dict)


class Owners:
    """What the files of a directory are in their image; one that isn't listed is root's.

    Args:
        tree: the directory.
        listed: by path below it, or None where the files are what they are to be.
    """

    def __init__(self, tree: Path, listed: Mapping[str, Status] | None) -> None:
        self._tree = tree
        self._listed = listed

    @classmethod
    def of(cls, tree: Path) -> Self:
        """By the list beside a directory, if there is one."""
        try:
            text = _file(tree).read_text()
        except FileNotFoundError:
            return cls(tree, None)
        return cls(tree, {path: _status(*fields) for path, *fields in json.loads(text)})

    def write(self) -> None:
        """Put the list beside the directory."""
        rows = [
            (path, about.mode, about.uid, about.gid, about.device, _texts(about.attributes))
            for path, about in (self._listed or {}).items()
        ]
        _file(self._tree).write_text(json.dumps(rows))

    def status(self, path: str, found: os.stat_result) -> Status:
        """What a file is to be.

        Args:
            path: below the directory.
            found: what lstat(2) says of it.
        """
        if self._listed is None:
            return Status(found.st_mode, found.st_uid, found.st_gid, found.st_rdev)
        return self._listed.get(path) or Status(found.st_mode)

    def show_to(self, argv: list[str]) -> NoReturn:
        """Become a program that fakeroot shows the files as they are to be."""
        listed = self._listed or {}
        # A file without a name, for fakeroot has a shell evaluate the name.
        known = os.memfd_create("owners", 0)
        with open(known, "w", closefd=False) as file:
            file.writelines(_known((self._tree / path).lstat(), about) for path, about in listed.items())
        if any(about.attributes for about in listed.values()):
            argv = [*command(self._tree), *argv]
        os.execvp("fakeroot", ["fakeroot", "-i", f"/proc/self/fd/{known}", "--", *argv])

    def set_attributes(self) -> None:
        """Have fakeroot, under which this runs, know the extended attributes, which its file doesn't hold."""
        for path, about in (self._listed or {}).items():
            for name, value in about.attributes.items():
                os.setxattr(self._tree / path, name, value, follow_symlinks=False)


def command(tree: Path) -> tuple[str, ...]:
    """What precedes the words of a program that is to see a directory's files as they are in their image.

    Nothing where they are so; otherwise fakeroot has to be installed.
    """
    return (sys.executable, "-m", "tare.owners", str(tree)) if _file(tree).exists() else ()


def _main() -> NoReturn:
    """`TREE PROGRAM [ARGUMENT...]`, twice where there are attributes: before fakeroot and under it."""
    owners, argv = Owners.of(Path(sys.argv[1])), sys.argv[2:]
    if "FAKEROOTKEY" not in os.environ:
        owners.show_to(argv)
    owners.set_attributes()
    os.execvp(argv[0], argv)


def _file(tree: Path) -> Path:
    place = tree.absolute()
    return place.parent / f"{place.name}.owners"


def _texts(attributes: Mapping[str, bytes]) -> dict[str, str]:
    return {name: value.hex() for name, value in attributes.items()}


def _status(mode: int, uid: int, gid: int, device: int, attributes: dict[str, str]) -> Status:
    return Status(mode, uid, gid, device, {name: bytes.fromhex(text) for name, text in attributes.items()})


def _known(found: os.stat_result, about: Status) -> str:
    """A line of the file that faked(1) writes and loads: device in hexadecimal, mode in octal digits."""
    return (
        f"dev={found.st_dev:x},ino={found.st_ino},mode={about.mode:o},uid={about.uid},gid={about.gid},"
        f"nlink={found.st_nlink},rdev={about.device}\n"
    )


if __name__ == "__main__":
    _main()
