"""The parser of a command line: argparse with Docker's habits."""

import argparse
import os
from collections.abc import Iterable
from typing import Any, NoReturn

from tare.errors import ExitCode, UsageError

# Its texts would be looked up in catalogues that nobody has, anew each time.
vars(argparse).update(_=str, ngettext=lambda one, many, count: one if count == 1 else many)


class Parser(argparse.ArgumentParser):
    """Options may stand among the arguments unless those go on to the end, and faults are UsageErrors.

    `-h` is help where no option of the command has it.

    Args:
        words: program and command as on the command line, such as `tarebox network ls`.
        summary: what it does.
    """

    def __init__(self, words: str, summary: str) -> None:
        super().__init__(
            prog=f"{words} [OPTIONS]",
            description=summary,
            add_help=False,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        self._words = words
        self._is_open = True

    def add_argument(self, *names: Any, **how: Any) -> argparse.Action:
        """See argparse."""
        action = super().add_argument(*names, **how)
        if action.nargs == argparse.REMAINDER:
            self._is_open = action.required = False
        return action

    def read(self, arguments: list[str]) -> argparse.Namespace:
        """The options and arguments of a command line.

        Raises:
            UsageError: it makes no sense.
            SystemExit: it was help that was asked for.
        """
        try:
            self.add_argument("-h", "--help", action="help", help="say this")
        except argparse.ArgumentError:
            self.add_argument("--help", action="help", help="say this")
        for action in tuple(self._actions):
            if action.nargs == 0 and isinstance(action.const, bool):
                self._add_values(action)
        return self.parse_intermixed_args(arguments) if self._is_open else self.parse_args(arguments)

    def _add_values(self, flag: argparse.Action) -> None:
        """Let a flag be written `--flag=true` and `--flag=false`, too."""
        names = [name for name in flag.option_strings if name.startswith("--")]
        for value in (True, False):
            spelled = [f"{name}={str(value).lower()}" for name in names]
            if spelled:
                hidden = argparse.SUPPRESS
                super().add_argument(
                    *spelled, dest=flag.dest, action="store_const", const=value, default=hidden, help=hidden
                )

    def error(self, message: str) -> NoReturn:
        """See argparse."""
        is_about_option = message.startswith(("argument -", "unrecognized arguments: -"))
        raise (OptionError if is_about_option else UsageError)(message, f"see `{self._words} --help`")


class OptionError(UsageError):
    """An option that there isn't, or that is used otherwise than it can be."""

    exit_code = ExitCode.ENGINE


class _Formatter(argparse.HelpFormatter):
    """Leaves the options out of the line of usage: they follow anyway."""

    def __init__(self, prog: str) -> None:
        # One is made for each option; asking the terminal would take longer than all else.
        super().__init__(prog, max_help_position=34, width=int(os.environ.get("COLUMNS") or 100))

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Any,
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, [each for each in actions if not each.option_strings], groups, prefix)

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        if action.nargs == argparse.REMAINDER:
            return f"[{action.metavar}...]"
        return super()._format_args(action, default_metavar)
