"""Spares `dataclasses` and `re` compilation, half of what importing our modules costs.

They compile the same texts at every start. Those texts and their code are in a file beside the packages,
which setup.py writes with `record`; what isn't in it is compiled as usual, and so is all in an interpreter of
another version. `exec` is where `dataclasses` compiles the methods it writes, and `re._compiler.compile` is
where `re` compiles a pattern that isn't in its cache (the standard library's 3.11).
"""

import _sre  # type: ignore[import-not-found]
import marshal
import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

_VERSION = (sys.version, _sre.MAGIC)
_Pattern = tuple[str | bytes, int]


def install(file: str) -> None:
    """Have `dataclasses` and `re` take code from a file; without the file they go on as usual."""
    try:
        with open(file, "rb", 0) as opened:  # noqa: PTH123 - pathlib isn't there yet
            version, known, patterns = marshal.loads(opened.read())
    except (OSError, ValueError):
        # None, or one that an older version of this wrote.
        return
    if version != _VERSION:
        return

    def execute(text: str, *spaces: dict[str, Any]) -> None:
        code = known.get(text)
        exec(text if code is None else marshal.loads(code), *spaces)  # noqa: S102 - as it stands there

    _shadow(execute)
    _take_patterns(patterns)


def record(modules: list[str]) -> bytes:
    """What the file for `install` has to be, from importing modules but for those that can't be."""
    known: dict[str, bytes] = {}
    patterns: dict[_Pattern, bytes] = {}
    compiler: Any = vars(re)["_compiler"]
    compile_pattern = compiler.compile

    def keep(pattern: str | bytes, flags: int = 0) -> object:
        parsed = compiler._parser.parse(pattern, flags)
        state = parsed.state
        names = [
            next((n for n, i in state.groupdict.items() if i == index), None) for index in range(state.groups)
        ]
        arguments = (
            int(flags | state.flags),
            [int(word) for word in compiler._code(parsed, flags)],
            state.groups - 1,
            state.groupdict,
            tuple(names),
        )
        patterns[pattern, flags] = marshal.dumps(arguments)
        return compile_pattern(pattern, flags)

    def execute(text: str, *spaces: dict[str, Any]) -> None:
        code = compile(text, "<dataclass>", "exec")
        known[text] = marshal.dumps(code)
        exec(code, *spaces)  # noqa: S102

    _shadow(execute)
    compiler.compile = keep
    for name in modules:
        try:
            import_module(name)
        except ImportError:
            continue
    return marshal.dumps((_VERSION, known, patterns))


def _take_patterns(patterns: Mapping[_Pattern, bytes]) -> None:
    compiler: Any = vars(re)["_compiler"]
    compile_pattern = compiler.compile

    def take(pattern: Any, flags: int = 0) -> object:
        # What is no text can't be in the file.
        known = patterns.get((pattern, flags)) if isinstance(pattern, str | bytes) else None
        return _sre.compile(pattern, *marshal.loads(known)) if known else compile_pattern(pattern, flags)

    compiler.compile = take


def _shadow(execute: Callable[..., None]) -> None:
    from runtime.commandline import shared_methods

    shared_methods.install()
    # A module's own name goes before the built-in one.
    vars(import_module("dataclasses"))["exec"] = execute
