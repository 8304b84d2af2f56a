"""`tarebox run`: a command in a new container."""

import argparse

from runtime.commandline import creation_options
from tare.errors import TareError, UsageError
from tare.state import State

SUMMARY = "run a command in a new container"
FAILURE = 125


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-d", "--detach", action="store_true", help="leave it running, and print its id")
    creation_options.add_foreground(parser)
    creation_options.add_arguments(parser)


def run(options: argparse.Namespace, state: State) -> int:
    """Run it; the exit status is that of the command."""
    from runtime.commandline.foreground import Signals, check, stay
    from runtime.lifecycle.containers import Containers

    if options.detach and options.attach:
        raise UsageError("--attach excludes --detach", "leave one of both out")
    if not options.detach:
        check(tty=options.tty, stdin=options.interactive, keys=options.detach_keys)
    with Signals() as signals, Containers(state) as containers:
        # What starts processes is on its way meanwhile.
        containers.engine  # noqa: B018
        from runtime.commandline import creation

        identity = creation.create(options, state, containers)
        try:
            if options.detach:
                containers.start(identity)
                print(identity)
                return 0
            connection = containers.start_attached(identity)
        except TareError:
            if options.rm:
                containers.remove(identity, force=True, volumes=True)
            raise
        with connection:
            return stay(
                containers,
                identity,
                connection,
                signals=signals,
                proxies=options.sig_proxy,
                stdin=options.interactive,
                keys=options.detach_keys,
                is_first=True,
            )
