"""`tarebox-oci run`: create and start a container, and with it in the foreground wait for its end."""

from __future__ import annotations

from runtime.oci import arguments, foreground
from runtime.oci.commands import create
from runtime.oci.creation import Creation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.oci.cli import Options

_FLAGS = {**create.FLAGS, "detach": "detached", "d": "detached", "keep": "kept", "no-subreaper": "ignored"}


def run(options: Options, words: list[str]) -> int:
    """Run one container; the exit status is the command's.

    Raises:
        TareError: it can't be created.
    """
    found, rest = arguments.parse(words, values=create.VALUES, flags=_FLAGS)
    creation = Creation(options, arguments.container(rest), found.get("bundle", "."))
    detached = found.get("detached", False)
    masters: list[int] = []
    # What has to be done before the command begins, or as it does, needs it to wait.
    hooks = creation.config.get("hooks") or {}
    waits = bool(found.get("pid_file") or hooks.get("poststart") or hooks.get("startContainer"))
    if not detached:
        foreground.hold()
    creation.run(
        waits=waits,
        preserved=arguments.number(found.get("preserved", "0"), "--preserve-fds"),
        no_pivot=found.get("no_pivot", False),
        new_keyring=not found.get("no_new_keyring"),
        on_console=create.console(creation, found) or (None if detached else masters.append),
    )
    create.note_pid(creation, found, options)
    if waits:
        from runtime.oci.commands import start

        start.start(creation.record, options)
    creation.child.leave()
    if detached:
        return 0
    status = foreground.wait(creation.child, masters[0] if masters else -1)
    if not found.get("kept"):
        from runtime.oci.commands import delete

        delete.end(creation.record, options)
    return status
