"""Spares `dataclasses` the compilation of the methods it writes, half of what importing our modules costs.

Nor does it get `inspect`, which takes as long to import as ten of our modules, before it asks for it: that is
for classes without a docstring, and ours have one.

It compiles the same texts at every start, through `exec`, as a module that is written while the package is
installed can't be told from one that is written then. Those texts and their code are in a file beside the
packages, which setup.py writes with `record`; what isn't in it is compiled as usual.
"""

import marshal
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def install(file: str) -> None:
    """Have `dataclasses` take code from a file; without the file it goes on as usual."""
    try:
        with open(file, "rb", 0) as opened:  # noqa: PTH123 - pathlib isn't there yet
            known: Mapping[str, bytes] = marshal.loads(opened.read())
    except OSError:
        return

    def execute(text: str, *spaces: dict[str, Any]) -> None:
        code = known.get(text)
        exec(text if code is None else marshal.loads(code), *spaces)  # noqa: S102 - as it stands there

    _postpone_inspect()
    _shadow(execute)


def record(modules: list[str]) -> bytes:
    """What the file for `install` has to be, from importing modules but for those that can't be."""
    known: dict[str, bytes] = {}

    def execute(text: str, *spaces: dict[str, Any]) -> None:
        code = compile(text, "<dataclass>", "exec")
        known[text] = marshal.dumps(code)
        exec(code, *spaces)  # noqa: S102

    _shadow(execute)
    for name in modules:
        try:
            import_module(name)
        except ImportError:
            continue
    return marshal.dumps(known)


class _Postponed(ModuleType):
    """A module that is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> object:
        return getattr(import_module(self.__name__), name)


def _postpone_inspect() -> None:
    if "inspect" not in sys.modules:
        # Not importlib.util.LazyLoader, whose module is loaded by the second import of it.
        sys.modules["inspect"] = _Postponed("inspect")
        import_module("dataclasses")
        del sys.modules["inspect"]


def _shadow(execute: Callable[..., None]) -> None:
    from runtime.commandline import shared_methods

    shared_methods.install()
    # A module's own name goes before the built-in one.
    vars(import_module("dataclasses"))["exec"] = execute
