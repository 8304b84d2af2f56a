"""`tarebox-oci create`: make a container, up to before its command runs; see runtime.md, Create."""

from __future__ import annotations

from runtime.oci import arguments
from runtime.oci.creation import Creation, hand_console, write_pid_file

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    socket = found.get("console_socket")
    creation.run(
        waits=True,
        preserved=arguments.number(found.get("preserved", "0"), "--preserve-fds"),
        no_pivot=found.get("no_pivot", False),
        new_keyring=not found.get("no_new_keyring"),
        on_console=hand_console(socket) if socket else None,
    )
    if path := found.get("pid_file"):
        write_pid_file(path, creation.child.pid)
    return 0
