"""What -v, --mount and --tmpfs of `docker run` mount."""

import re
from collections.abc import Iterable
from pathlib import Path
from posixpath import normpath

from runtime.lifecycle.settings import Mount
from tare.errors import UsageError
from tare.sizes import parse_size

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", re.ASCII)
_PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_IGNORED = ("rw", "z", "Z", "cached", "delegated", "consistent")
"""SELinux labels and Docker Desktop's consistency mean nothing here."""
_TMPFS = re.compile(
    r"(?:size|nr_blocks|nr_inodes)=\d+[kKmMgG%]?|mode=[0-7]{1,4}|(?:uid|gid)=\d{1,10}"
    r"|huge=(?:never|always|within_size|advise)|mpol=[a-z0-9:=,-]+",
    re.ASCII,
)
_TMPFS_FLAGS = (
    "ro",
    "rw",
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "noatime",
    "relatime",
    "sync",
    "async",
)
_KEYS = {
    "type": "type",
    "source": "source",
    "src": "source",
    "target": "target",
    "destination": "target",
    "dst": "target",
    "readonly": "readonly",
    "ro": "readonly",
    "bind-propagation": "bind-propagation",
    "bind-recursive": "bind-recursive",
    "bind-nonrecursive": "bind-nonrecursive",
    "volume-nocopy": "volume-nocopy",
    "tmpfs-size": "tmpfs-size",
    "tmpfs-mode": "tmpfs-mode",
    "consistency": "consistency",
}
_OWN = {"bind": "bind-", "volume": "volume-", "tmpfs": "tmpfs-"}
_FLAGS = ("readonly", "volume-nocopy", "bind-nonrecursive")
_RECURSION = {"": (), "enabled": (), "disabled": ("nonrecursive",), "writable": ("writable",), "readonly": ()}
_TRUE, _FALSE = ("true", "1", ""), ("false", "0")


def volume(text: str) -> Mount:
    """From `-v [SOURCE:]TARGET[:OPTIONS]`; a source with a slash is a path of the host, else a volume.

    Raises:
        UsageError: the text is none of these.
    """
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise UsageError(f"-v {text!r} is no mount", "write [SOURCE:]TARGET[:ro]")
    source, target, options = ("", parts[0], "") if len(parts) == 1 else (*parts, "")[:3]
    target = _target(target, f"-v {text!r}")
    is_path = source.startswith(("/", "./", "../")) or source in (".", "..")
    if source and not is_path and not _NAME.fullmatch(source):
        raise UsageError(
            f"{source!r} in -v {text!r} is neither a path nor a volume's name", "begin a path with / or ./"
        )
    read_only, propagation, copy = False, "", True
    for option in filter(None, options.split(",")):
        if option in ("ro", "readonly"):
            read_only = True
        elif option in _PROPAGATIONS and is_path:
            propagation = option
        elif option == "nocopy" and not is_path:
            copy = False
        elif option not in _IGNORED:
            raise UsageError(f"-v {text!r}: {option!r} is no option of such a mount", "use ro or rw")
    if not is_path:
        return Mount("volume", source, target, read_only=read_only, copy=copy)
    return Mount(
        "bind",
        str(Path(source).absolute()),
        target,
        read_only=read_only,
        propagation=propagation,
        create=True,
    )


def mount(text: str) -> Mount:
    """From `--mount type=bind|volume|tmpfs,source=…,target=…[,readonly][,KEY=VALUE]…`.

    Raises:
        UsageError: the text has another form.
    """
    values = _values(text)
    kind = values.pop("type", "volume")
    source, target = values.pop("source", ""), _target(values.pop("target", ""), f"--mount {text!r}")
    if kind not in _OWN:
        raise UsageError(f"--mount type {kind!r} isn't supported", f"use one of {', '.join(_OWN)}")
    if foreign := [key for key in values if "-" in key and not key.startswith(_OWN[kind])]:
        raise UsageError(f"--mount: {foreign[0]} means nothing for a {kind}", "leave it out")
    read_only = _flag(values, "readonly")
    if kind == "tmpfs":
        if source:
            raise UsageError("--mount: a tmpfs has no source", "leave it out")
        options = [
            f"{key}={_tmpfs_value(key, values[f'tmpfs-{key}'])}"
            for key in ("size", "mode")
            if f"tmpfs-{key}" in values
        ]
        return Mount("tmpfs", "", target, read_only=read_only, options=tuple(options))
    if kind == "volume":
        if source and not _NAME.fullmatch(source):
            raise UsageError(f"{source!r} is no volume's name", "use letters, digits, '_', '.' and '-'")
        return Mount("volume", source, target, read_only=read_only, copy=not _flag(values, "volume-nocopy"))
    if not source:
        raise UsageError(f"--mount {text!r}: a bind needs a source", "add source=PATH")
    propagation = values.get("bind-propagation", "")
    if propagation and propagation not in _PROPAGATIONS:
        raise UsageError(f"{propagation!r} is no propagation", f"use one of {', '.join(_PROPAGATIONS)}")
    recursion = "disabled" if _flag(values, "bind-nonrecursive") else values.get("bind-recursive", "")
    if recursion not in _RECURSION:
        raise UsageError(
            f"bind-recursive={recursion} has no meaning", "say enabled, disabled, writable or readonly"
        )
    return Mount(
        "bind",
        str(Path(source).absolute()),
        target,
        read_only=read_only,
        propagation=propagation,
        options=_RECURSION[recursion],
    )


def tmpfs(text: str) -> Mount:
    """A filesystem in memory from TARGET[:OPTION,…], as --tmpfs has it.

    See tmpfs(5) for the options.

    Raises:
        UsageError: an option is none.
    """
    target, _, options = text.partition(":")
    found = [option for option in options.split(",") if option]
    for option in found:
        if option not in _TMPFS_FLAGS and not _TMPFS.fullmatch(option):
            raise UsageError(
                f"--tmpfs {text!r}: {option!r} is no option of a tmpfs", "use such as size=64m,mode=1777"
            )
    kept = tuple(option for option in found if option not in ("ro", "rw"))
    return Mount("tmpfs", "", _target(target, f"--tmpfs {text!r}"), read_only="ro" in found, options=kept)


def joined(given: Iterable[Mount], others: Iterable[Mount], image: Iterable[str]) -> tuple[Mount, ...]:
    """All mounts of a container, one a target.

    Args:
        given: those asked for by themselves.
        others: those of other containers, --volumes-from; what is given hides them.
        image: directories that the image has volumes for, hidden by both.

    Raises:
        UsageError: two are asked for at the same place.
    """
    found: dict[str, Mount] = {}
    for each in given:
        if each.target in found:
            raise UsageError(f"two mounts at {each.target}", "leave one out")
        found[each.target] = each
    own = set(found)
    found |= {each.target: each for each in others if each.target not in own}
    for path in image:
        target = normpath(path)
        if target.startswith("/") and target != "/":
            found.setdefault(target, Mount("volume", "", target))
    return tuple(found.values())


def _values(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        key = _KEYS.get(name.strip().lower())
        if key is None:
            raise UsageError(f"--mount: unknown {part!r}", "write type=bind,source=PATH,target=PATH")
        if key in values:
            raise UsageError(f"--mount {text!r} has {key} twice", "leave one out")
        if not equals and key not in _FLAGS:
            raise UsageError(f"--mount: {name} has no value", f"write {name}=VALUE")
        values[key] = value
    return values


def _flag(values: dict[str, str], key: str) -> bool:
    text = values.get(key, "false").lower()
    if text not in (*_TRUE, *_FALSE):
        raise UsageError(f"--mount: {key}={text} has no meaning", "say true or false")
    return text in _TRUE


def _tmpfs_value(key: str, text: str) -> str:
    if key == "size":
        return str(parse_size(text))
    if not re.fullmatch(r"[0-7]{1,4}", text):
        raise UsageError(f"--mount: tmpfs-mode={text} is no mode", "write one such as 1777")
    return text


def _target(text: str, whole: str) -> str:
    if not text.startswith("/"):
        raise UsageError(f"{whole}: the target {text!r} is no absolute path", "begin it with a /")
    target = normpath(text).replace("//", "/")
    if target == "/":
        raise UsageError(f"{whole}: the root itself can't be mounted over", "name a directory in it")
    return target
