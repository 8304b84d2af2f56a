"""`tarebox save`: writes images to an archive or directory."""

import argparse

from tare.state import State

SUMMARY = "write images to an archive or directory"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument(
        *("-o", "--output"), metavar="PATH", default="", help="where to; else standard output"
    )
    parser.add_argument(
        "--format",
        choices=("docker", "oci", "docker-archive", "oci-archive", "docker-dir", "oci-dir"),
        default="docker",
        help="an archive that docker reads, or only a layout, as podman calls them, too;"
        " `-dir` makes it a new directory",
    )
    parser.add_argument("names", metavar="IMAGE", nargs="+", help="names or ids")


def run(options: argparse.Namespace, state: State) -> int:
    """Save them."""
    from pathlib import Path

    from runtime.commandline import streams
    from runtime.image.saving import save
    from runtime.image.store import ImageStore
    from tare.errors import UsageError

    target = streams.target(options.output, "name a file with --output")
    is_directory = options.format.endswith("-dir")
    if is_directory and not isinstance(target, Path):
        raise UsageError("a directory can't go to standard output", "name it with --output")
    save(
        ImageStore(state),
        options.names,
        target,
        form="docker" if options.format.startswith("docker") else "oci",
        directory=is_directory,
    )
    return 0
