"""Why a machine ended before it should, for a person."""

import re
from collections.abc import Sequence
from pathlib import Path

from vm_baseline.transcript import Transcript

_ERROR = re.compile(r"(?:[\d-]+T[\d:.]+Z )?(?:/\S*/)?qemu-system-\w+: (?!terminating on signal|warning:)(.+)")
_ABORT = re.compile(r"(?:\*\*\s*)?(?:ERROR:|qemu: |.*Assertion .* failed).*")
_TAIL = 16 << 10


def why_it_ended(
    transcript: Transcript, *, log: Path | None, lost_libvirt: bool, full: Path | None, bases: Sequence[Path]
) -> str:
    """The most telling of what is known.

    Args:
        transcript: of the serial line.
        log: with QEMU's standard error, if it can be read.
        lost_libvirt: libvirt ended, and the machine with it.
        full: the directory that had no room for what the guest wrote, or None.
        bases: files that the machine needs all the time.
    """
    if lost_libvirt:
        return "libvirt ended, and the machine has been ended with it"
    if full is not None:
        return f"no space left in {full} for what it wrote"
    last = transcript.last_line()
    if "Kernel panic" in last:
        return f"its kernel panicked: {last!r}"
    if error := _last_error(log):
        return f"QEMU says {error!r}"
    if missing := [str(base) for base in bases if not base.exists()]:
        return f"its disk {missing[0]} has been deleted"
    return f"its last words were {last!r}" if last else "it said nothing"


def _last_error(log: Path | None) -> str:
    """The last line that QEMU itself wrote; libvirt's own lines in that file have another form."""
    if log is None or not log.is_file():
        return ""
    text = log.read_bytes()[-_TAIL:].decode(errors="replace")
    found = ""
    for line in text.splitlines():
        if match := _ERROR.fullmatch(line):
            found = match[1]
        elif _ABORT.fullmatch(line):
            found = line
    return found.strip()
