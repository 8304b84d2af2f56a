"""Finds the command of a command line and runs it.

A command `NAME` is a module `runtime.commands.NAME` (with `_` for `-`, and behind a keyword of Python) with

- `SUMMARY`: one line for the help,
- `add_arguments(parser)`: its options and arguments,
- `run(options, state)`: which does it and returns the exit status,
- `ON_HOST = True` where an ordinary user's namespaces aren't to be entered,
- `FAILURE`, if it isn't 1: the exit status of its own faults; 125 where that of what it runs is passed on.

A group is a package with a `SUMMARY` and, if it likes, `ALIASES`: names in it to commands outside. Only what
is called is imported, as imports are most of what a command costs.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.commandline.messages import complain
from runtime.rootless import enter
from tare.errors import ExitCode, TareError, UsageError
from tare.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COMMANDS = "runtime.commands"
_CHILDS_OWN = (ExitCode.NOT_EXECUTABLE, ExitCode.NOT_FOUND)
_BROKEN_PIPE = 141
_USAGE = """\
usage: tarebox {words}[OPTIONS] COMMAND [ARGUMENTS]

{summary}

commands:
{commands}

`tarebox {words}COMMAND --help` says more of one.
"""
_OPTIONS = """\

options:
  --storage-driver NAME  how layers are kept and stacked, chosen by itself if not given
  --version              print the version
  --help                 print this
"""


def dispatch(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit status.

    Raises:
        SystemExit: help was asked for and printed.
    """
    failure = ExitCode.ENGINE
    try:
        words, rest = _global_options(list(arguments))
        failure = ExitCode.FAILED
        module, words, rest = _find(words, rest)
        failure = getattr(module, "FAILURE", failure)
        if hasattr(module, "__path__"):
            print(_help(module, words), end="")
            return ExitCode.OK
        status = _run(module, words, rest)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough; the interpreter's own flush at its end would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _BROKEN_PIPE
    except TareError as error:
        complain(error)
        return _status(error, failure)
    except OSError as error:
        complain(error)
        return failure
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return status


def _status(error: TareError, failure: int) -> int:
    if error.exit_code in _CHILDS_OWN:
        return error.exit_code
    # As Docker has it, an option that there isn't is always a fault of the engine's.
    is_option = isinstance(error, UsageError) and error.exit_code == ExitCode.ENGINE
    return error.exit_code if is_option else failure


def _run(module: Any, words: str, arguments: list[str]) -> int:
    from tare.parser import Parser

    parser = Parser(f"tarebox {words}", module.SUMMARY)
    module.add_arguments(parser)
    options, state = parser.read(arguments), State.default()
    if not getattr(module, "ON_HOST", False):
        enter(state)
    status: int = module.run(options, state)
    return status


def _global_options(arguments: list[str]) -> tuple[str, list[str]]:
    """Those before the command are dealt with; the command's name, empty for help, and what follows it."""
    while arguments and arguments[0].startswith("-"):
        name, equals, value = arguments.pop(0).partition("=")
        if name in ("--help", "-h"):
            return "", []
        if name in ("--version", "-v"):
            return "version", []
        if name != "--storage-driver":
            raise UsageError(f"unknown option {name}", "see `tarebox --help`")
        if not equals and not arguments:
            raise UsageError("--storage-driver has no value", "name a driver, as overlay")
        os.environ["TAREBOX_STORAGE_DRIVER"] = value if equals else arguments.pop(0)
    if not arguments or arguments[0] == "help":
        return " ".join(arguments[1:2]), ["--help"] * len(arguments[1:2])
    return arguments[0], arguments[1:]


def _find(name: str, rest: list[str]) -> tuple[Any, str, list[str]]:
    """The module of a command or of a group without a command; its name in full, and what follows it."""
    module = import_module(_COMMANDS)
    words = ""
    while name:
        words = f"{words} {name}".lstrip()
        path = f"{module.__name__}.{_module_name(name)}"
        if name in getattr(module, "ALIASES", {}):
            path = f"{_COMMANDS}.{_module_name(module.ALIASES[name])}"
        try:
            if not _is_name(name):
                raise ModuleNotFoundError(name=path)
            module = import_module(path)
        except ModuleNotFoundError as error:
            if error.name != path:
                raise
            group = words.rpartition(" ")[0]
            raise UsageError(
                f"no command `{words}`", f"see `tarebox {group}{' ' * bool(group)}--help`"
            ) from None
        if not hasattr(module, "__path__"):
            break
        name = rest.pop(0) if rest and rest[0] not in ("--help", "-h", "help") else ""
    return module, words, rest


def _help(group: Any, words: str) -> str:
    known = dict(_listed(group))
    width = max(map(len, known), default=0)
    text = _USAGE.format(
        words=f"{words} " if words else "",
        summary=group.SUMMARY,
        commands="\n".join(f"  {name:<{width}}  {known[name]}" for name in sorted(known)),
    )
    return text if words else text + _OPTIONS


def _listed(group: Any) -> Iterator[tuple[str, str]]:
    """The commands of a group with their summaries."""
    for file in Path(group.__path__[0]).iterdir():
        stem = file.stem
        if stem[0] not in "_." and (file.suffix == ".py" or (file / "__init__.py").is_file()):
            yield stem.rstrip("_").replace("_", "-"), import_module(f"{group.__name__}.{stem}").SUMMARY
    for name, command in getattr(group, "ALIASES", {}).items():
        try:
            yield name, import_module(f"{_COMMANDS}.{_module_name(command)}").SUMMARY
        except ModuleNotFoundError:
            continue


def _module_name(name: str) -> str:
    return f"{name}_" if iskeyword(name) else name.replace("-", "_")


def _is_name(name: str) -> bool:
    return name.replace("-", "").isalnum() and name.isascii()
