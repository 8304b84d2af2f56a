"""`tarebox exec`: one more command in a running container."""

import argparse
import os

from tare.detaching import DETACH_KEYS
from tare.state import State

SUMMARY = "run one more command in a running container"
_TERMINAL = (24, 80)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    add = parser.add_argument
    add("-d", "--detach", action="store_true", help="don't wait for it")
    add("--detach-keys", metavar="KEYS", default=DETACH_KEYS, help="what leaves it running")
    add("-e", "--env", metavar="NAME[=VALUE]", action="append", default=[], help="a variable")
    add("--env-file", metavar="FILE", action="append", default=[], help="variables, one a line")
    add("-i", "--interactive", action="store_true", help="let it have our input")
    add("-t", "--tty", action="store_true", help="give it a terminal")
    add("-u", "--user", metavar="USER[:GROUP]", default="", help="ids, or names of the image")
    add("-w", "--workdir", metavar="DIR", default="", help="working directory")
    add("--privileged", action="store_true", help="all capabilities, and no filter of system calls")
    add("name", metavar="CONTAINER", help="name or id")
    add("command", metavar="COMMAND", help="what to run")
    add("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="of the command")


def run(options: argparse.Namespace, state: State) -> int:
    """Run it; the exit status is that of the command."""
    from runtime.commandline.foreground import Wishes, converse
    from runtime.commandline.leaving import leave
    from runtime.commandline.pump import Console
    from runtime.commandline.terminal import size
    from runtime.lifecycle.containers import Containers
    from tare import environment

    wishes = Wishes(options.interactive, keys=options.detach_keys)
    if not options.detach:
        wishes.check(tty=options.tty)
    asked = {
        "env": environment.merged((), environment.variables(options.env_file, options.env)),
        "user": options.user,
        "workdir": options.workdir,
        "is_privileged": options.privileged,
    }
    argv = (options.command, *options.arguments)
    with Containers(state) as containers:
        if options.detach:
            containers.exec(options.name, argv, is_detached=True, **asked)
            return 0
        if options.tty:
            terminal = size(0) or size(1) or _TERMINAL
            execution = containers.exec(options.name, argv, terminal=terminal, **asked)
        else:
            null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            stdio = (0 if options.interactive else null, None, None)
            try:
                execution = containers.exec(options.name, argv, stdio=stdio, **asked)
            finally:
                os.close(null)
        assert execution
        with execution:
            if options.tty and converse(Console(execution.console), wishes, tty=True):
                leave(execution.console)
            return execution.wait()
