"""`tarebench tune`: prepares the host for measuring, and puts it back."""

import argparse
import os
from typing import TYPE_CHECKING

from tare.errors import ExitCode, PrivilegeError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_MARKS = {True: "ok", False: "no", None: "-"}


def add(commands: "Commands") -> None:
    """The command and its options."""
    parser = commands.add_parser("tune", help="prepare the host for measuring, and put it back")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="say how the host is set (default)")
    what.add_argument("--apply", action="store_true", help="set it for measuring; what was is recorded")
    what.add_argument("--restore", action="store_true", help="put back what was before the first --apply")
    parser.set_defaults(perform=_tune)


def _tune(options: argparse.Namespace) -> int:
    from bench.tuning.host import Host

    if (options.apply or options.restore) and os.geteuid() != 0:
        raise PrivilegeError("the host's settings are root's to change", "run this command with sudo")
    host = Host()
    if options.restore:
        print(host.restore())
        return ExitCode.OK
    for finding in host.apply() if options.apply else host.show():
        print(f"{_MARKS[finding.good]:<3} {finding.name:<15} {finding.line}")
    return ExitCode.OK
