"""`tarebox attach`: brings a running container to the foreground."""

import argparse

from runtime.commandline import foreground_options
from tare.state import State

SUMMARY = "bring a running container to the foreground"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    foreground_options.add_arguments(parser)
    parser.add_argument("--no-stdin", action="store_true", help="keep our input")
    parser.add_argument("name", metavar="CONTAINER", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Copy its output from now on; the exit status is that of the container."""
    from runtime.commandline.foreground import Signals, Wishes, stay
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        record = containers.find(options.name)
        stdin = record.settings.open_stdin and not options.no_stdin
        wishes = Wishes(stdin, options.detach_keys, options.sig_proxy)
        wishes.check(tty=record.settings.tty)
        with Signals() as signals, containers.attach(record.id) as connection:
            return stay(containers, record.id, connection, wishes, signals)
