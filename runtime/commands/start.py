"""`tarebox start`: starts containers that don't run."""

import argparse

from runtime.commandline import foreground_options
from tare.errors import UsageError
from tare.state import State

SUMMARY = "start containers that don't run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    add = parser.add_argument
    add("-a", "--attach", action="store_true", help="stay in the foreground, with its exit status")
    add("-i", "--interactive", action="store_true", help="let it have our input")
    foreground_options.add_arguments(parser)
    add("names", metavar="CONTAINER", nargs="+", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that runs now, or have its output in their place."""
    from runtime.lifecycle.containers import Containers

    if not (options.attach or options.interactive):
        from runtime.commandline.each import each

        with Containers(state) as containers:
            return each(options.names, containers.start)
    if len(options.names) > 1:
        raise UsageError(
            "one container at a time can be in the foreground", "name one, or leave --attach out"
        )
    from runtime.commandline.foreground import Signals, Wishes, start

    with Containers(state) as containers:
        record = containers.find(options.names[0])
        stdin = record.settings.open_stdin and options.interactive
        wishes = Wishes(stdin, options.detach_keys, options.sig_proxy)
        wishes.check(tty=record.settings.tty)
        with Signals() as signals:
            return start(containers, record.id, wishes, signals)
