"""`tarebox-oci start`: run the command of a created container; see runtime.md, Start.

The installed program does this itself where nobody attends the start, and comes here to tell an error.
"""

from __future__ import annotations

import errno
import os
import select

from runtime.oci import arguments
from runtime.oci.errors import HookError, OciError
from runtime.oci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.oci.cli import Options


def run(options: Options, words: list[str]) -> int:
    """Start one container.

    Raises:
        OciError: there is none, or it isn't created, or its command can't be run.
        HookError: a poststart hook failed.
    """
    _, rest = arguments.parse(words)
    start(Record.load(options.root, arguments.container(rest)), options)
    return 0


def start(record: Record, options: Options) -> None:
    """Let the container's first process run its command, and see to hooks.

    Raises:
        OciError: the container isn't created; or, after which it is gone, its command can't be run.
        HookError: a poststart hook failed, after which the container is gone.
    """
    result = _open_result(record)
    try:
        _go(record)
        if result >= 0:
            _attend(record, options, result)
    finally:
        if result >= 0:
            os.close(result)


def _open_result(record: Record) -> int:
    if not os.path.exists(f"{record.path}/attended"):
        return -1
    return os.open(f"{record.path}/result.fifo", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _go(record: Record) -> None:
    try:
        fifo = os.open(record.fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENXIO):
            raise _refusal(record) from None
        raise
    try:
        os.unlink(record.fifo)
        os.write(fifo, b"0")
    except (FileNotFoundError, BrokenPipeError):
        raise _refusal(record) from None
    finally:
        os.close(fifo)


def _refusal(record: Record) -> OciError:
    status = record.status()
    reason = {
        "creating": "it is still being created",
        "stopped": "it has stopped",
    }.get(status, "it is already running")
    return OciError(f"cannot start container {record.name!r}: {reason}", "create it first")


def _attend(record: Record, options: Options, result: int) -> None:
    try:
        if line := _line(result):
            raise OciError(f"container {record.name!r} can't run its command: {line}")
        poststart = (record.config().get("hooks") or {}).get("poststart")
        if poststart:
            from runtime.oci import hooks

            hooks.run(poststart, record.state("running"), what="poststart")
    except (OciError, HookError):
        from runtime.oci.commands import delete

        delete.end(record, options)
        raise


def _line(result: int) -> str:
    """What the first process says went wrong; nothing when it went on to be the command, or ended."""
    poll = select.poll()
    poll.register(result, select.POLLIN)
    text = b""
    while not text.endswith(b"\n"):
        poll.poll()
        if not (part := os.read(result, 4096)):
            break
        text += part
    return text.decode(errors="replace").strip()
