"""`tarebox image bootstrap`: an image made from this host."""

import argparse

from tare.state import State

SUMMARY = "make an image from this host, without a registry"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("name", metavar="busybox", choices=["busybox"], help="the host's static busybox")


def run(options: argparse.Namespace, state: State) -> int:
    """Make it and print its id."""
    from runtime.image.bootstrap_busybox import bootstrap_busybox
    from runtime.image.store import ImageStore

    print(bootstrap_busybox(ImageStore(state), f"{options.name}:latest").id)
    return 0
