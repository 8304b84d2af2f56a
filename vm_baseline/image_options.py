"""Options about where an image comes from, spelled as Docker's."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    add = parser.add_argument
    add("--platform", default="", metavar="OS/ARCH", help="which variant of the image, as linux/arm64")
    add("--pull", choices=("always", "missing", "never"), default="missing", help="whether to pull the image")
