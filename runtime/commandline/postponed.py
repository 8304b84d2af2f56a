"""Spares a start what the standard library's modules import but have no use for while a command runs.

`dataclasses` wants `inspect`, which takes as long to import as ten of our modules, for classes without a
docstring, and ours have one; `pathlib` wants `urllib.parse` for `Path.as_uri`. Both get it when they ask for
something of it. What only other systems have is known not to be there, and not looked for in every directory.
"""

import sys
from importlib import import_module
from types import ModuleType

_ELSEWHERE = ("_winapi", "msvcrt", "nt", "org", "winreg")


class _Postponed(ModuleType):
    """A module that is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> object:
        return getattr(import_module(self.__name__), name)


def install() -> None:
    """Import `dataclasses` and `pathlib` without what they want; to be called before anybody else does."""
    # None is the import system's own word for a module that isn't there.
    sys.modules.update(dict.fromkeys(_ELSEWHERE))  # type: ignore[arg-type]
    # Not importlib.util.LazyLoader, whose module is loaded by the second import of it.
    _import("dataclasses", _Postponed("inspect"))
    parse = ModuleType("urllib.parse")
    vars(parse)["quote_from_bytes"] = _quote
    _import("pathlib", parse)


def _import(name: str, wanted: ModuleType) -> None:
    if wanted.__name__ in sys.modules:
        return
    sys.modules[wanted.__name__] = wanted
    try:
        import_module(name)
    finally:
        del sys.modules[wanted.__name__]


def _quote(path: bytes) -> str:
    from urllib.parse import quote_from_bytes

    return quote_from_bytes(path)
