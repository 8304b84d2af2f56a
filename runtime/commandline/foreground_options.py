"""The options about the foreground, of `run`, `start` and `attach`."""

import argparse

from tare.detaching import DETACH_KEYS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those that all of them have."""
    add = parser.add_argument
    add("--sig-proxy", action="store_true", default=True, help="pass signals on, unless --sig-proxy=false")
    add(
        "--detach-keys",
        metavar="KEYS",
        default=DETACH_KEYS,
        help=f"leave it running, {DETACH_KEYS} if not given",
    )
