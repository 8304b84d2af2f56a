"""`tarevm exec`: one more command in a detached machine."""

import argparse

from tare import environment
from tare.errors import ExitCode
from tare.state import State

SUMMARY = "run one more command in a machine"
FAILURE = ExitCode.FAILED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    add = parser.add_argument
    add("-e", "--env", metavar="NAME[=VALUE]", action="append", default=[], help="a variable")
    add("--env-file", metavar="FILE", action="append", default=[], help="variables, one a line")
    add("-i", "--interactive", action="store_true", help="let it have our input")
    add("-t", "--tty", action="store_true", help="give it a terminal")
    add("-u", "--user", metavar="USER[:GROUP]", help="ids, or names of the image")
    add("-w", "--workdir", metavar="DIR", help="working directory")
    add("name", metavar="MACHINE", help="name")
    add("command", metavar="COMMAND", help="what to run")
    add("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="of the command")


def run(options: argparse.Namespace, state: State) -> int:
    """Run it; the exit status is that of the command."""
    from vm_baseline import detached
    from vm_baseline.execution import Execution
    from vm_baseline.foreground import Foreground

    variables = environment.merged((), environment.variables(options.env_file, options.env))
    with Foreground(tty=options.tty, interactive=options.interactive) as ours, \
            detached.adopt(state, options.name) as machine:  # fmt: skip

        def start() -> Execution:
            process = machine.popen(
                [options.command, *options.arguments],
                env=variables,
                user=options.user,
                directory=options.workdir,
                terminal=ours.size,
                has_input=options.interactive,
            )
            return Execution(process, ours.output, ours.errors)

        return ours.follow(start)
