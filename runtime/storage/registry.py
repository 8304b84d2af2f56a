"""Finds the storage drivers: every module in runtime/storage/drivers/ offers its class as `DRIVER`."""

# ruff: noqa: PTH120, PTH208 - plain strings, as `tarebox run` passes here

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

from runtime.storage import drivers
from runtime.storage.protocol import Driver
from tare.errors import UsageError
from tare.state import PREFIX, State

VARIABLE = "TAREBOX_STORAGE_DRIVER"
"""The environment variable that names the driver."""


def names() -> tuple[str, ...]:
    """The drivers there are."""
    found = os.listdir(os.path.dirname(str(drivers.__file__)))
    modules = (file.removesuffix(".py") for file in sorted(found) if file.endswith(".py") and file[0] != "_")
    return tuple(module.replace("_", "-") for module in modules)


def driver(state: State, name: str = "") -> Driver:
    """A state's driver: the named one, or the one that has layers there, or the best that can be used here.

    Args:
        state: where it keeps everything.
        name: what TAREBOX_STORAGE_DRIVER says when empty.

    Raises:
        UsageError: none has that name, or this host can't use it.
    """
    parent = state.directory("layers")
    name = name or os.environ.get(VARIABLE, "")
    if not name:
        used = [candidate for candidate in names() if _has_layers(parent / candidate)]
        candidates = used or names()
        best = sorted((_type(candidate) for candidate in candidates), key=lambda kind: kind.preference)
        chosen = next((kind for kind in best if used or not kind.unusable(parent)), best[-1])
        return chosen(parent / chosen.name, PREFIX + state.tag)
    if name not in names():
        raise UsageError(f"no storage driver is called {name!r}", f"choose from {', '.join(names())}")
    kind = _type(name)
    reason = "" if _has_layers(parent / name) else kind.unusable(parent)
    if reason:
        raise UsageError(f"the storage driver {name} can't be used: {reason}", "choose another or none")
    return kind(parent / name, PREFIX + state.tag)


def existing(state: State) -> Iterator[Driver]:
    """Each driver that keeps something in a state, whether or not this host can use it now."""
    parent = state.data / "layers"
    for name in names():
        if (parent / name).is_dir():
            yield _type(name)(parent / name, PREFIX + state.tag)


def unusable(directory: Path) -> dict[str, str]:
    """Every driver, best first, with the reason why it can't be used in a directory, empty where it can."""
    kinds = sorted((_type(name) for name in names()), key=lambda kind: kind.preference)
    return {kind.name: kind.unusable(directory) for kind in kinds}


def _type(name: str) -> type[Driver]:
    module = importlib.import_module(f"runtime.storage.drivers.{name.replace('-', '_')}")
    kind: type[Driver] = module.DRIVER
    return kind


def _has_layers(directory: Path) -> bool:
    for kind in ("layers", "containers"):
        try:
            if os.listdir(directory / kind):
                return True
        except FileNotFoundError:
            continue
    return False
