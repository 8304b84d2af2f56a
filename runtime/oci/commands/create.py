"""`tarebox-oci create`: make a container, up to before its command runs; see runtime.md, Create."""

from __future__ import annotations

from runtime.oci import arguments
from runtime.oci.creation import Creation, hand_console, write_pid_file
from runtime.oci.errors import OciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from runtime.oci.cli import Options

VALUES = {
    "bundle": "bundle",
    "b": "bundle",
    "pid-file": "pid_file",
    "console-socket": "console_socket",
    "preserve-fds": "preserved",
}
FLAGS = {"no-pivot": "no_pivot", "no-new-keyring": "no_new_keyring"}


def run(options: Options, words: list[str]) -> int:
    """Create one container.

    Raises:
        TareError: it can't be created.
    """
    found, rest = arguments.parse(words, values=VALUES, flags=FLAGS)
    creation = Creation(options, arguments.container(rest), found.get("bundle", "."))
    creation.run(
        waits=True,
        preserved=arguments.number(found.get("preserved", "0"), "--preserve-fds"),
        no_pivot=found.get("no_pivot", False),
        new_keyring=not found.get("no_new_keyring"),
        on_console=console(creation, found),
    )
    note_pid(creation, found, options)
    return 0


def console(creation: Creation, found: Mapping[str, Any]) -> Callable[[int], None] | None:
    """Who takes the terminal by --console-socket, or None.

    Raises:
        OciError: there is no terminal to take.
    """
    socket = found.get("console_socket")
    if not socket:
        return None
    if not (creation.config.get("process") or {}).get("terminal"):
        raise OciError("a console socket is given and the process has no terminal", "set process.terminal")
    return hand_console(socket)


def note_pid(creation: Creation, found: Mapping[str, Any], options: Options) -> None:
    """Write the file of --pid-file; a container that its caller can't follow is not kept.

    Raises:
        OSError: it can't be written.
    """
    if not (path := found.get("pid_file")):
        return
    try:
        write_pid_file(path, creation.child.pid)
    except OSError:
        from runtime.oci.commands import delete

        delete.end(creation.record, options)
        raise
