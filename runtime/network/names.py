# ruff: noqa: PTH123 - plain strings; a start can't afford pathlib's detours
"""Names of the containers on a network, in each one's own /etc/hosts, without a daemon.

A network's `members` file has a line `CONTAINER ADDRESS NAME...` of each. Who joins finds the others there
and appends its own lines to their files; who leaves has its lines there turned into comments, by the one
byte that does so. A container that reads meanwhile thus never sees half a file. Every call needs the
network's lock held.
"""

import os
from collections.abc import Sequence

from runtime.network import files

_LARGE = 64 << 10
_LIMIT = 1 << 20
"""Bytes of a file that count: a container may write to its own without end."""


class Names:
    """The names of one network.

    Args:
        directory: of the network.
        sandboxes: directory of all containers' files, a directory a container.
    """

    def __init__(self, directory: str, sandboxes: str) -> None:
        self._path = f"{directory}/members"
        self._sandboxes = sandboxes

    def join(self, container: str, lines: Sequence[str]) -> str:
        """Put the container on record.

        Args:
            container: its id.
            lines: `ADDRESS NAME...` for its own, with line ends.

        Returns:
            The lines of all others that are there already.
        """
        others = "".join(line for member, line in self._members() if member != container)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write("".join(f"{container} {line}" for line in lines))
        return others

    def announce(self, container: str) -> None:
        """Tell those that joined before the container of it; those that came later know."""
        members = self._members()
        own = "".join(line for member, line in members if member == container).encode()
        told = set()
        for member, _ in members:
            if member == container:
                return
            if member not in told:
                told.add(member)
                _append(self._hosts(member), own)

    def change(self, container: str, old: Sequence[str], new: Sequence[str]) -> None:
        """Have other lines in the place of the container's; for nobody is there ever a wrong one."""
        members = self._members()
        if all(member != container for member, _ in members):
            return
        others = list(dict.fromkeys(member for member, _ in members if member != container))
        for member in others:
            _strike(self._hosts(member), old)
        # The place in the file says who knows of whom already.
        changed = {f"{container} {line}": f"{container} {then}" for line, then in zip(old, new, strict=True)}
        record = files.text(self._path).splitlines(keepends=True)
        files.write(self._path, "".join(changed.get(line, line) for line in record))
        for member in others:
            _append(self._hosts(member), "".join(new).encode())

    def leave(self, container: str) -> None:
        """Take the container off the record, and out of the others' files."""
        members = self._members()
        own = [line for member, line in members if member == container]
        if not own:
            return
        _strike(self._path, [f"{container} {line}" for line in own])
        for member in {member for member, _ in members} - {container}:
            _strike(self._hosts(member), own)
        _strike(self._hosts(container), [line for member, line in members if member != container])

    def members(self) -> list[str]:
        """Ids of the containers, in the order in which they joined."""
        return list(dict.fromkeys(member for member, _ in self._members()))

    def _members(self) -> list[tuple[str, str]]:
        lines = files.text(self._path).splitlines(keepends=True)
        split = (line.partition(" ") for line in lines if not line.startswith("#"))
        return [(member, line) for member, _, line in split]

    def _hosts(self, member: str) -> str:
        return f"{self._sandboxes}/{member}/hosts"


def change(path: str, old: Sequence[str], new: Sequence[str]) -> None:
    """Have other lines in the place of those in a container's own file."""
    _strike(path, old)
    _append(path, "".join(new).encode())


def _append(path: str, lines: bytes) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.write(file, lines)
    finally:
        os.close(file)


def _strike(path: str, lines: Sequence[str]) -> None:
    """Make comments of lines."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        text = b"\n" + os.read(file, _LIMIT)
        for line in lines:
            place = text.find(b"\n" + line.encode())
            if place >= 0:
                os.pwrite(file, b"#", place)
        if len(text) > _LARGE:
            _compact(file)
    finally:
        os.close(file)


def _compact(file: int) -> None:
    """Leave comments out, as they would otherwise become more with each that comes and goes."""
    lines = os.pread(file, _LIMIT, 0).splitlines(keepends=True)
    kept = b"".join(line for line in lines if not line.startswith(b"#"))
    os.pwrite(file, kept, 0)
    os.ftruncate(file, len(kept))
