"""The command `tarevm`: virtual machines from the command line."""

import pkgutil
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from tare.errors import ExitCode, TareError, UsageError
from tare.parser import Parser
from tare.state import State
from vm_baseline import commands
from vm_baseline.messages import complain

_USAGE = """\
usage: tarevm COMMAND [OPTIONS] [ARGUMENTS]

Boot an image as a virtual machine.

commands:
{commands}

`tarevm COMMAND --help` says more of one.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status, that of the guest's command for `run` and `boot`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _terminated)
    failure = None
    try:
        if not words or words[0] in ("--help", "-h", "help"):
            print(_help(), end="")
            return ExitCode.OK
        module = _find(words[0])
        failure = getattr(module, "FAILURE", None)
        parser = Parser(f"tarevm {words[0]}", module.SUMMARY)
        module.add_arguments(parser)
        status: int = module.run(parser.read(words[1:]), State.default())
        return status
    except (TareError, OSError) as error:
        complain(error)
        return failure or (error.exit_code if isinstance(error, TareError) else ExitCode.FAILED)
    except KeyboardInterrupt:
        print("tarevm: interrupted; the machine has been removed", file=sys.stderr)
        return ExitCode.INTERRUPTED


def _find(name: str) -> ModuleType:
    if name not in _names():
        raise UsageError(f"no command `{name}`", f"choose one of {', '.join(_names())}")
    return import_module(f"{commands.__name__}.{name}")


def _names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))


def _help() -> str:
    width = max(map(len, _names()))
    return _USAGE.format(commands="\n".join(f"  {name:<{width}}  {_find(name).SUMMARY}" for name in _names()))


def _terminated(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
