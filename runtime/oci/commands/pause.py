"""`tarebox-oci pause`: freeze all processes of a container."""

from __future__ import annotations

from runtime.oci import arguments
from runtime.oci.errors import OciError
from runtime.oci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.cgroups.manager import Manager
    from runtime.oci.cli import Options


def run(options: Options, words: list[str]) -> int:
    """Freeze a container.

    Raises:
        OciError: there is none, it is not running or created, or it has no control groups.
        CgroupError: the kernel refuses.
    """
    _, rest = arguments.parse(words)
    record = Record.load(options.root, arguments.container(rest))
    with record.lock():
        record.read()
        record.require("pause", "running", "created")
        groups(record, "pause").freeze()
    return 0


def groups(record: Record, action: str) -> Manager:
    """The control groups that an action needs.

    Raises:
        OciError: the container has none.
    """
    found = record.cgroups()
    if found is None:
        raise OciError(
            f"can't {action} {record.name!r}: it has no control groups",
            "create it as root or with delegation",
        )
    return found
