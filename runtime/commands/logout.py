"""`tarebox logout`: forgets credentials for a registry."""

import argparse

from tare.state import State

SUMMARY = "forget a user's name and password for a registry"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument(
        "host", metavar="HOST[:PORT]", nargs="?", default="", help="the default one if not given"
    )


def run(options: argparse.Namespace, _: State) -> int:
    """Log out."""
    from runtime.image.registry_config import Registries
    from runtime.image.registry_login import log_out
    from tare.errors import UsageError

    host = options.host or Registries.load().default
    if not host:
        raise UsageError("there is no default registry", "name a registry's host")
    if log_out(host):
        print(f"Removing login credentials for {host}")
    else:
        print(f"Not logged in to {host}")
    return 0
