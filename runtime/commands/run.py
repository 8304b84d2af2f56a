"""`tarebox run`: a command in a new container."""

import argparse
from contextlib import ExitStack

from runtime.commandline import creation_options, foreground_options
from tare.errors import TareError, UsageError
from tare.state import State

SUMMARY = "run a command in a new container"
FAILURE = 125

_STREAMS = ("stdin", "stdout", "stderr")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    add = parser.add_argument
    add("-d", "--detach", action="store_true", help="leave it running, and print its id")
    add(
        "-a",
        "--attach",
        metavar="STREAM",
        type=str.lower,
        choices=_STREAMS,
        action="append",
        help="only this one",
    )
    foreground_options.add_arguments(parser)
    creation_options.add_arguments(parser)


def run(options: argparse.Namespace, state: State) -> int:
    """Run it; the exit status is that of the command."""
    from runtime.commandline.foreground import Signals, Wishes, start
    from runtime.launching import launch

    if options.detach and options.attach:
        raise UsageError("--attach excludes --detach", "leave one of both out")
    streams = tuple(options.attach or _STREAMS)
    stdin = options.interactive and "stdin" in streams
    wishes = Wishes(stdin, options.detach_keys, options.sig_proxy, streams)
    if not options.detach:
        wishes.check(tty=options.tty)
    # It is on its way while all else is imported.
    launched = launch(state)
    from runtime.commandline import creation
    from runtime.lifecycle.containers import Containers

    with Containers(state, launched) as containers, ExitStack() as until_made:
        settings = creation.make(options, state, containers, until_made)
        with Signals() as signals:
            identity = creation.create(options, containers, settings)
            until_made.close()
            try:
                if not options.detach:
                    return start(containers, identity, wishes, signals)
                containers.start(identity)
            except TareError:
                if options.rm:
                    containers.remove(identity, force=True, volumes=True)
                raise
            print(identity)
            return 0
