"""`tarebox-oci resume`: thaw the processes of a paused container."""

from __future__ import annotations

from runtime.oci import arguments
from runtime.oci.commands import pause
from runtime.oci.errors import OciError
from runtime.oci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.oci.cli import Options


def run(options: Options, words: list[str]) -> int:
    """Thaw a container.

    Raises:
        OciError: there is none, or it is not paused.
        CgroupError: the kernel refuses.
    """
    _, rest = arguments.parse(words)
    record = Record.load(options.root, arguments.container(rest))
    with record.lock():
        record.read()
        status = record.require("resume", "paused", "created", "running")
        groups = pause.groups(record, "resume")
        if not groups.is_frozen():
            raise OciError(f"can't resume {record.name!r}: container not paused: {status}")
        groups.thaw()
    return 0
