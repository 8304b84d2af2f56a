"""Mount options of a configuration, sorted by the system call that takes them.

See config.md, Linux mount options; mount(8); mount_setattr(2); fsconfig(2).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_RDONLY = 0x01
_NOSUID = 0x02
_NODEV = 0x04
_NOEXEC = 0x08
_NOATIME = 0x10
_STRICTATIME = 0x20
_ATIME = 0x70
"""MOUNT_ATTR__ATIME: access times are one field of three values, relatime being 0."""
_NODIRATIME = 0x80
_NOSYMFOLLOW = 0x200000

_ATTRIBUTES = {
    "ro": (_RDONLY, 0),
    "rw": (0, _RDONLY),
    "nosuid": (_NOSUID, 0),
    "suid": (0, _NOSUID),
    "nodev": (_NODEV, 0),
    "dev": (0, _NODEV),
    "noexec": (_NOEXEC, 0),
    "exec": (0, _NOEXEC),
    "nodiratime": (_NODIRATIME, 0),
    "diratime": (0, _NODIRATIME),
    "nosymfollow": (_NOSYMFOLLOW, 0),
    "symfollow": (0, _NOSYMFOLLOW),
    "noatime": (_NOATIME, _ATIME),
    "strictatime": (_STRICTATIME, _ATIME),
    "relatime": (0, _ATIME),
}
"""Attributes of a mount: bits to set and bits to clear."""
_UNDOES = {"atime": _NOATIME, "nostrictatime": _STRICTATIME}
"""Back to relatime, the kernel's default, unless another way was asked for."""
_SUPERBLOCK = {
    "ro": ("ro", "rw"),
    "rw": ("ro", "rw"),
    "sync": ("sync", "async"),
    "async": ("sync", "async"),
    "lazytime": ("lazytime", "nolazytime"),
    "nolazytime": ("lazytime", "nolazytime"),
    "mand": ("mand", "nomand"),
    "nomand": ("mand", "nomand"),
    "dirsync": ("dirsync", ""),
}
"""Flags of a superblock that fsconfig(2) takes: the one that sets it and the one that clears it."""
_PROPAGATIONS = {"shared": 1 << 20, "slave": 1 << 19, "private": 1 << 18, "unbindable": 1 << 17}
_WITHOUT_EFFECT = ("defaults", "iversion", "loud", "noiversion", "norelatime", "silent")
"""What the kernel does anyway, or has no flag for in fsconfig(2)."""
_OTHER = ("bind", "idmap", "rbind", "remount", "ridmap", "tmpcopyup", "rnorelatime", *_WITHOUT_EFFECT)

KNOWN = tuple(
    sorted(
        {*_ATTRIBUTES, *_UNDOES, *_SUPERBLOCK, *_PROPAGATIONS, *_OTHER}
        | {f"r{name}" for name in (*_ATTRIBUTES, *_UNDOES, *_PROPAGATIONS)}
    )
)
"""Every option that isn't left to the filesystem."""


def parse(options: list[str]) -> dict[str, Any]:
    """Sort mount options; later ones win over earlier ones.

    Args:
        options: as in `mounts[].options`; an entry may hold several with commas between, as mount(2) takes
            them, and commas within double quotes belong to a value.

    Returns:
        `rec_set`, `rec_clear`: MOUNT_ATTR_* bits for the whole tree, to be applied first;
        `set`, `clear`: MOUNT_ATTR_* bits for the mount itself (the kernel clears before it sets);
        `propagation`: (MS_* bit, whether recursive) in order;
        `bind`, `recursive`: a bind mount, of the tree below too;
        `remount`, `tmpcopyup`: booleans;
        `idmap`: "", "idmap" or "ridmap";
        `superblock`: (key, value, or None for a flag) for fsconfig(2): flags, then the filesystem's own.
            Flags that clear something are there on a remount only.
    """
    parsed: dict[str, Any] = {
        "set": 0,
        "clear": 0,
        "rec_set": 0,
        "rec_clear": 0,
        "propagation": [],
        "bind": False,
        "recursive": False,
        "remount": False,
        "tmpcopyup": False,
        "idmap": "",
        "superblock": [],
    }
    flags: dict[str, str] = {}
    data: list[tuple[str, str | None]] = []
    for option in _separate(options):
        plain, is_recursive = _plain(option)
        if plain in _SUPERBLOCK and not is_recursive:
            flags[_SUPERBLOCK[plain][0]] = plain
        if plain in _ATTRIBUTES or plain in _UNDOES:
            _attribute(parsed, plain, is_recursive=is_recursive)
        elif plain in _PROPAGATIONS:
            parsed["propagation"].append((_PROPAGATIONS[plain], is_recursive))
        elif option in ("bind", "rbind"):
            parsed["bind"] = True
            parsed["recursive"] |= option == "rbind"
        elif option in ("idmap", "ridmap"):
            parsed["idmap"] = option
        elif option in ("remount", "tmpcopyup"):
            parsed[option] = True
        elif option not in _SUPERBLOCK and option not in _OTHER:
            key, has_value, value = option.partition("=")
            data.append((key, value.strip('"') if has_value else None))
    parsed["superblock"] = [
        *((flag, None) for name, flag in flags.items() if flag == name or parsed["remount"]),
        *data,
    ]
    return parsed


def _plain(option: str) -> tuple[str, bool]:
    """An option without the `r` that makes it recursive, and whether it had one."""
    rest = option[1:]
    is_recursive = option[:1] == "r" and (rest in _ATTRIBUTES or rest in _UNDOES or rest in _PROPAGATIONS)
    return (rest, True) if is_recursive else (option, False)


def _attribute(parsed: dict[str, Any], name: str, *, is_recursive: bool) -> None:
    prefix = "rec_" if is_recursive else ""
    if name in _UNDOES:
        if parsed[f"{prefix}set"] & _ATIME & ~_UNDOES[name]:
            return
        name = "relatime"
    added, cleared = _ATTRIBUTES[name]
    scopes = ("rec_", "") if is_recursive else ("",)
    for scope in scopes:
        parsed[f"{scope}set"] &= ~(added | cleared)
        parsed[f"{scope}clear"] &= ~(added | cleared)
    parsed[f"{prefix}set"] |= added
    parsed[f"{prefix}clear"] |= cleared


def _separate(options: list[str]) -> Iterator[str]:
    for option in options:
        if "," not in option:
            if option:
                yield option
            continue
        start, is_quoted = 0, False
        for index, character in enumerate(f"{option},"):
            is_quoted ^= character == '"'
            if (character == "," and not is_quoted) or index == len(option):
                if index > start:
                    yield option[start:index]
                start = index + 1
