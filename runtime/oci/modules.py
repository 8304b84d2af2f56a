"""Imports our modules from one file, which setup.py writes while the package is installed.

A command needs some fifty of them, and finding, opening and checking each on its own takes a twelfth of a
container's run. The file is a marshalled dictionary by module name: path below the packages, time of
modification in nanoseconds or 0 where nobody edits them, and begin and end of its marshalled code, which
follows the dictionary, counted from the end of the file. What was edited since, or is not in it, is imported
as usual. See importlib.abc for the protocol.
"""

import marshal
import os
from _frozen_importlib import ModuleSpec


class Modules:
    """A finder and loader.

    Args:
        packages: the directory of our packages.
        index: the dictionary in the file.
        data: all of the file.
    """

    def __init__(
        self, packages: str, index: dict[str, tuple[str, int, int, int | None]], data: bytes
    ) -> None:
        self._packages = packages
        self._index = index
        self._data = data

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> object:
        """Where the module is, or None."""
        if name not in self._index:
            return None
        path, modified, _, _ = self._index[name]
        origin = f"{self._packages}/{path}"
        if modified and _time(origin) != modified:
            return None
        is_package = path.endswith("/__init__.py")
        # A Loader by its methods; the class of that name is in a slow module.
        spec = ModuleSpec(name, self, origin=origin, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(os.path.dirname(origin))
        return spec

    def create_module(self, _spec: object) -> None:
        """No other than the usual one."""

    def exec_module(self, module: object) -> None:
        """Run its code."""
        space = module.__dict__
        _, _, start, end = self._index[space["__name__"]]
        exec(marshal.loads(self._data[start:end]), space)  # noqa: S102 - as the interpreter does


def _time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return -1
