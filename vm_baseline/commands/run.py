"""`tarevm run`: a command in a new machine."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from tare import environment
from tare.errors import ExitCode, UsageError
from tare.hostname import check_hostname
from tare.state import State
from vm_baseline import machine_options, network_options, volume_options

if TYPE_CHECKING:
    from tare.image import RootImage
    from vm_baseline.networking import Network
    from vm_baseline.spec import MachineSpec

SUMMARY = "run a command in a new machine, which ends with it"
FAILURE = ExitCode.ENGINE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    machine_options.add_arguments(parser)
    volume_options.add_arguments(parser)
    add = parser.add_argument
    add("--env", "-e", action="append", default=[], metavar="NAME[=VALUE]", help="a variable")
    add("--env-file", action="append", default=[], metavar="FILE", help="variables, one a line")
    add("--user", "-u", metavar="NAME|UID[:GROUP|GID]", help="instead of the image's")
    add("--workdir", "-w", metavar="DIRECTORY", help="instead of the image's")
    add("--entrypoint", metavar="PROGRAM", help="instead of the image's; empty for none")
    add("--hostname", "-h", default="", metavar="NAME", help="of the guest, 12 digits if not given")
    add("--interactive", "-i", action="store_true", help="give it our standard input")
    add("--tty", "-t", action="store_true", help="give it a terminal")
    add("--detach", "-d", action="store_true", help="let it run, and print its name once it is ready")
    add("--name", metavar="NAME", help="of a machine that is let run; a new one if not given")
    add("--rm", action="store_true", help="forget it with its end, as one that isn't let run always is")
    add("image", metavar="IMAGE", help="a name, or a directory with a slash in it")
    add(
        "argv", metavar="COMMAND", nargs=argparse.REMAINDER, help="in place of the image's, and its arguments"
    )


def run(options: argparse.Namespace, state: State) -> int:
    """Boot the machine and pass streams and signals through; the exit status is the command's."""
    if options.name and not options.detach:
        raise UsageError("--name is for a machine that is let run", "add --detach")
    if options.hostname:
        check_hostname(options.hostname)
    if options.workdir and not options.workdir.startswith("/"):
        raise UsageError(f"the working directory {options.workdir!r} is relative", "give an absolute path")
    network = network_options.network(options, options.hostname)
    return (_let_run if options.detach else _follow)(options, state, network)


def _follow(options: argparse.Namespace, state: State, wanted: "Network") -> int:
    from vm_baseline import networking
    from vm_baseline.detached import new_name
    from vm_baseline.foreground import Foreground
    from vm_baseline.hypervisor import Hypervisor
    from vm_baseline.image import opened
    from vm_baseline.machine import Machine

    with networking.opened(state, wanted) as network, \
            Foreground(tty=options.tty, interactive=options.interactive) as ours, \
            Hypervisor(state, options.connect) as hypervisor:  # fmt: skip
        with opened(state, options.image, options.platform, options.pull) as image:
            spec = network.given_to(_spec(options, state, image, ours.size, new_name()))
            shared = hypervisor.prepare(spec)

        def start() -> Machine:
            machine = hypervisor.start(spec, prepared=shared, output=ours.output, errors=ours.errors)
            network.joined_by(machine)
            return machine

        return ours.follow(start)


def _let_run(options: argparse.Namespace, state: State, network: "Network") -> int:
    from vm_baseline import detached
    from vm_baseline.foreground import terminal_size
    from vm_baseline.image import opened

    own = detached.new_name()
    name = options.name or own
    with opened(state, options.image, options.platform, options.pull) as image:
        spec = _spec(options, state, image, terminal_size() if options.tty else None, own)
        order = detached.Order(spec, options.image, name, network, options.connect, options.rm)
        detached.start(state, order)
    print(name)
    return ExitCode.OK


def _spec(
    options: argparse.Namespace,
    state: State,
    image: "RootImage",
    terminal: tuple[int, int] | None,
    name: str,
) -> "MachineSpec":
    variables = environment.variables(options.env_file, options.env)
    return replace(
        machine_options.spec(options, state, image),
        argv=_argv(options, image),
        env=environment.merged(image.env, variables),
        user=options.user or image.user,
        directory=options.workdir or image.workdir,
        hostname=options.hostname or name,
        terminal=terminal,
        has_input=options.interactive,
        volumes=volume_options.volumes(options),
    )


def _argv(options: argparse.Namespace, image: "RootImage") -> tuple[str, ...]:
    """Docker's rules: an entry point of ours takes the image's command away with the image's."""
    if options.entrypoint is None:
        argv = (*image.entrypoint, *(options.argv or image.cmd))
    else:
        argv = (*filter(None, (options.entrypoint,)), *options.argv)
    if not argv:
        raise UsageError("no command specified", "name one after the image")
    return argv
