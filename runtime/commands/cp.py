"""`tarebox cp`: copies between a container and the host."""

import argparse
from typing import TYPE_CHECKING, NamedTuple

from tare.errors import UsageError
from tare.state import State

if TYPE_CHECKING:
    from runtime.lifecycle.containers import Containers

SUMMARY = "copy files between a container, running or not, and the host"
_HINT = "write one of the two as CONTAINER:PATH"


class _Place(NamedTuple):
    """A path, of the host where the container is empty."""

    container: str
    path: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-a", "--archive", action="store_true", help="keep the owners")
    parser.add_argument("-L", "--follow-link", action="store_true", help="copy what a link SOURCE leads to")
    parser.add_argument("-q", "--quiet", action="store_true", help="as without, as there is nothing to say")
    parser.add_argument("source", metavar="SOURCE", help="CONTAINER:PATH, a path, or - for a tar archive")
    parser.add_argument("target", metavar="TARGET", help="CONTAINER:PATH, a path, or - for a tar archive")


def run(options: argparse.Namespace, state: State) -> int:
    """Copy."""
    from runtime.lifecycle.containers import Containers

    source, target = _place(options.source), _place(options.target)
    if bool(source.container) == bool(target.container):
        raise UsageError("one of the two places has to be in a container", _HINT)
    with Containers(state) as containers:
        if source.container:
            _out(state, containers, source, target.path, options)
        else:
            _in(state, containers, source.path, target, options)
    return 0


def _place(text: str) -> _Place:
    """What is before a colon is a container, unless it is the beginning of a path (`docker cp`)."""
    name, colon, path = text.partition(":")
    if not colon or text.startswith(("/", ".")):
        return _Place("", text)
    if not name or not path:
        raise UsageError(f"{text!r} names no path in a container", _HINT)
    return _Place(name, path)


def _out(
    state: State, containers: "Containers", source: _Place, target: str, options: argparse.Namespace
) -> None:
    from runtime.commandline import container_files, streams
    from runtime.storage.copying import copy_out
    from runtime.storage.streams import stream_out

    name = source.container
    with container_files.opened(state, containers, name) as (root, _):
        if target == "-":
            sink = streams.stdout("send it to a file or program")
            stream_out(root, source.path, sink, follow=options.follow_link, container=name)
        else:
            copy_out(
                *(root, source.path, target),
                archive=options.archive,
                follow=options.follow_link,
                container=name,
            )


def _in(
    state: State, containers: "Containers", source: str, target: _Place, options: argparse.Namespace
) -> None:
    from runtime.commandline import container_files, streams
    from runtime.storage.copying import copy_in
    from runtime.storage.streams import stream_in

    name = target.container
    with container_files.opened(state, containers, name) as (root, owner):
        kept = None if options.archive else owner
        if source == "-":
            stream_in(root, target.path, streams.stdin("send an archive to it"), owner=kept, container=name)
        else:
            copy_in(root, source, target.path, owner=kept, follow=options.follow_link, container=name)
