"""`tarebox export`: a container's files as an archive."""

import argparse
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tare.errors import TareError
from tare.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

SUMMARY = "write a container's files to a tar archive"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument(
        *("-o", "--output"), metavar="FILE", default="", help="where to; else standard output"
    )
    parser.add_argument("name", metavar="CONTAINER", help="a name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Write all files, but none of what is mounted there."""
    from contextlib import ExitStack
    from pathlib import Path

    from runtime.commandline import streams
    from runtime.image.pack import write_tar
    from runtime.image.replacing import replacing
    from runtime.lifecycle.containers import Containers

    target = streams.target(options.output, "name a file with --output")
    with Containers(state) as containers, _explained(), ExitStack() as stack:
        driver, identity = containers.root(options.name)
        root = stack.enter_context(driver.seen(identity))
        file = stack.enter_context(replacing(target)) if isinstance(target, Path) else target

        def write(data: bytes) -> None:
            with _explained():
                file.write(data)

        write_tar(Path(f"/proc/self/fd/{root}"), write, layer=False)
    return 0


@contextmanager
def _explained() -> "Iterator[None]":
    """Say for a person why the archive can't be written."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise TareError(
            f"can't write the archive: {error.strerror}", "check the path and the disk"
        ) from error
