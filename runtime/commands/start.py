"""`tarebox start`: starts containers that don't run."""

import argparse

from runtime.commandline.detaching import DEFAULT
from tare.errors import UsageError
from tare.state import State

SUMMARY = "start containers that don't run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    add = parser.add_argument
    add("-a", "--attach", action="store_true", help="stay in the foreground, with its exit status")
    add("-i", "--interactive", action="store_true", help="let it have our input")
    add("--sig-proxy", action="store_true", default=True, help="pass signals on, unless --sig-proxy=false")
    add(
        "--detach-keys",
        metavar="KEYS",
        default=DEFAULT,
        help=f"what leaves it running, {DEFAULT} if not given",
    )
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
    from runtime.commandline import foreground

    with foreground.Signals() as signals, Containers(state) as containers:
        record = containers.find(options.names[0])
        stdin = options.interactive and record.settings.open_stdin
        foreground.check(tty=record.settings.tty, stdin=stdin, keys=options.detach_keys)
        with containers.start_attached(record.id) as connection:
            return foreground.stay(
                containers,
                record.id,
                connection,
                signals=signals,
                proxies=options.sig_proxy,
                stdin=stdin,
                keys=options.detach_keys,
                is_first=True,
            )
