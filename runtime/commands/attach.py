"""`tarebox attach`: brings a running container to the foreground."""

import argparse

from runtime.commandline.detaching import DEFAULT
from tare.state import State

SUMMARY = "bring a running container to the foreground"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    add = parser.add_argument
    add("--no-stdin", action="store_true", help="keep our input")
    add("--sig-proxy", action="store_true", default=True, help="pass signals on, unless --sig-proxy=false")
    add(
        "--detach-keys",
        metavar="KEYS",
        default=DEFAULT,
        help=f"what leaves it running, {DEFAULT} if not given",
    )
    add("name", metavar="CONTAINER", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Copy its output from now on; the exit status is that of the container."""
    from runtime.commandline import foreground
    from runtime.lifecycle.containers import Containers

    with foreground.Signals() as signals, Containers(state) as containers:
        record = containers.find(options.name)
        stdin = not options.no_stdin and record.settings.open_stdin
        foreground.check(tty=record.settings.tty, stdin=stdin, keys=options.detach_keys)
        with containers.attach(record.id) as connection:
            return foreground.stay(
                containers,
                record.id,
                connection,
                signals=signals,
                proxies=options.sig_proxy,
                stdin=stdin,
                keys=options.detach_keys,
                is_first=False,
            )
