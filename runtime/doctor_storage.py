"""Where images and containers are kept, and how; and where images come from."""

from pathlib import Path

from runtime.checking import Check, check
from runtime.image.registry_config import Registries
from runtime.storage import registry
from tare.state import State


def checks(state: State) -> list[Check]:
    """What the state's directory is good for; nothing is made there."""
    place = _existing(state.data / "layers")
    return [
        check("state root", lambda: _root(state, place)),
        check("storage driver", lambda: _driver(state, place)),
        check("registries", _registries),
    ]


def _existing(path: Path) -> Path:
    """A directory, or the one above where it will be made."""
    return next(parent for parent in (path, *path.parents) if parent.is_dir())


def _root(state: State, place: Path) -> str:
    kind = _filesystem(place)
    line = f"{state.data} on {kind}"
    if kind == "overlay":
        return (
            f"{line}, where the storage driver overlay can't keep what containers write;"
            " set TAREBENCH_ROOT to a directory on a disk"
        )
    if kind == "tmpfs":
        return f"{line}: images and containers take memory and are gone after a reboot"
    return line


def _filesystem(place: Path) -> str:
    """The type of the filesystem a directory is on; see proc_pid_mountinfo(5)."""
    found: tuple[int, str] = (-1, "an unknown filesystem")
    path = place.resolve()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        mountpoint = Path(before.split(" ")[4].encode().decode("unicode_escape"))
        if path.is_relative_to(mountpoint) and len(mountpoint.parts) >= found[0]:
            found = (len(mountpoint.parts), after.split(" ")[0])
    return found[1]


def _driver(state: State, place: Path) -> str:
    if (state.data / "layers").is_dir():
        chosen = registry.driver(state)
        if chosen.layers() or chosen.containers():
            return f"{chosen.name}, which has the layers that are there"
    reasons = registry.unusable(place)
    best = next(name for name, reason in reasons.items() if not reason)
    before = [
        f"not {name}, as {reason}" for name, reason in list(reasons.items())[: list(reasons).index(best)]
    ]
    return "; ".join([f"{best}, the best that can be used here", *before])


def _registries() -> str:
    found = Registries.load()
    if found.default:
        return f"{found.default} where a name says no other"
    known = f"{len(found.hosts)} configured, " if found.hosts else ""
    return f"{known}no default one: names of images say their registry, or registries.toml a default"
