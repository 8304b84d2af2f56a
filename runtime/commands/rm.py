"""`tarebox rm`: removes containers."""

import argparse

from tare.state import State

SUMMARY = "remove containers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-f", "--force", action="store_true", help="kill those that run")
    parser.add_argument(
        "-v", "--volumes", action="store_true", help="remove their volumes without a name, too"
    )
    parser.add_argument("names", metavar="CONTAINER", nargs="+", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that is gone."""
    from runtime.commandline.each import each
    from runtime.commandline.messages import complain
    from runtime.lifecycle.containers import Containers
    from runtime.lifecycle.errors import NoSuchContainerError

    def remove(name: str) -> None:
        try:
            containers.remove(name, force=options.force, volumes=options.volumes)
        except NoSuchContainerError as error:
            if not options.force:
                raise
            # As with rm(1), what isn't there needs no force.
            complain(error)
        else:
            print(name, flush=True)

    with Containers(state) as containers:
        return each(options.names, remove, show=False)
