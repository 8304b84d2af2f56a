"""`tarebox update`: changes what containers may use."""

import argparse

from runtime.commandline import limit_options
from tare.errors import UsageError
from tare.state import State

SUMMARY = "change the limits or the restart policy of containers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    limit_options.add_arguments(parser)
    parser.add_argument("--restart", metavar="POLICY", help="no, on-failure[:N], always or unless-stopped")
    parser.add_argument("names", metavar="CONTAINER", nargs="+", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that was changed."""
    from runtime.commandline.each import each
    from runtime.lifecycle.containers import Containers
    from runtime.lifecycle.settings import RestartPolicy

    limits, resources = limit_options.limits(options), limit_options.resources(options)
    policy = RestartPolicy.parse(options.restart) if options.restart else None
    if not (limits or resources or policy):
        raise UsageError("nothing is to be changed", "give a limit or --restart")

    def update(name: str) -> None:
        memory = limits.memory or containers.find(name).settings.spec.limits.memory
        limit_options.check_swap(memory, resources.get("memory", {}))
        containers.update(name, limits=limits, resources=resources, restart=policy)

    with Containers(state) as containers:
        return each(options.names, update)
