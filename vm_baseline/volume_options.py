"""Options about directories of the host for a machine, spelled as Docker's."""

import argparse
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING

from tare.errors import UsageError

if TYPE_CHECKING:
    from vm_baseline.volume import Volume

_MODES = {"": False, "rw": False, "ro": True, "readonly": True}
_KEYS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_FLAGS = {"": True, "true": True, "1": True, "false": False, "0": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    add = parser.add_argument_group("volumes").add_argument
    add("-v", "--volume", metavar="SOURCE:TARGET[:ro]", action="append", default=[], help="a directory")
    add("--mount", metavar="KEY=VALUE,…", action="append", default=[], help="the same in full, type=bind")


def volumes(options: argparse.Namespace) -> "tuple[Volume, ...]":
    """What they ask for; a source of `--volume` that is missing is made, as Docker does.

    Raises:
        UsageError: one has no meaning.
    """
    found = (*map(_volume, options.volume), *map(_mount, options.mount))
    for each in found[: len(options.volume)]:
        if not each.source.exists():
            _make(each.source)
    return found


def _make(source: Path) -> None:
    try:
        source.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"can't make {source}: {error.strerror}", "name a directory") from error


def _volume(text: str) -> "Volume":
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source or mode not in _MODES:
        raise UsageError(f"-v {text!r} is no mount", "write SOURCE:TARGET[:ro]")
    if not source.startswith(("/", "./", "../")) and source not in (".", ".."):
        raise UsageError(
            f"-v {text!r} names no directory, and a machine has no named volumes",
            "begin the path with / or ./",
        )
    return _of(source, target, f"-v {text!r}", read_only=_MODES[mode])


def _mount(text: str) -> "Volume":
    values: dict[str, str] = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        key = _KEYS.get(key, key)
        if key not in ("type", "source", "target", "readonly") or key in values:
            raise UsageError(
                f"--mount {text!r}: {part!r} has no meaning", "write type=bind,source=PATH,target=PATH"
            )
        values[key] = value
    if values.get("type") != "bind" or not values.get("source"):
        raise UsageError(f"--mount {text!r} is no bind", "write type=bind,source=PATH,target=PATH")
    read_only = values.get("readonly", "false")
    if read_only not in _FLAGS:
        raise UsageError(f"--mount: readonly={read_only} has no meaning", "say true or false")
    return _of(values["source"], values.get("target", ""), f"--mount {text!r}", read_only=_FLAGS[read_only])


def _of(source: str, target: str, whole: str, *, read_only: bool) -> "Volume":
    from vm_baseline.volume import Volume

    if not target.startswith("/") or normpath(target).strip("/") == "":
        raise UsageError(f"{whole}: the target is no absolute path below /", "name a directory of the guest")
    return Volume(Path(source).absolute(), normpath(target).replace("//", "/"), read_only)
