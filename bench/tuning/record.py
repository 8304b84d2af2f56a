"""What the host's settings were before they were changed, on the disk before they are."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.host import text
from results.files import write
from tare.errors import TareError

_OF_ONE_BOOT = re.compile(r"proc/irq/\d+/")
"""Interrupts are numbered anew at each boot."""


@dataclass(frozen=True)
class Before:
    """The values that a host had.

    Args:
        since: when the first of them was recorded, ISO 8601 in UTC.
        boot: the boot in which the last of them was recorded (boot_id of random(4)).
        values: by the settings' keys, in the order in which they were changed.
    """

    since: str
    boot: str
    values: Mapping[str, str]

    def at(self, boot: str) -> "Before":
        """What of it still has a meaning in that boot."""
        if boot == self.boot:
            return self
        values = {key: value for key, value in self.values.items() if not _OF_ONE_BOOT.match(key)}
        return Before(self.since, boot, values)


class Record:
    """The record in a file.

    Args:
        path: the file.
        root: where the host's file system begins.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self._path = path
        self._boot = text(root / "proc/sys/kernel/random/boot_id")

    def load(self) -> Before | None:
        """What was recorded and still has a meaning; None when nothing is.

        Raises:
            TareError: the file can't be read.
        """
        try:
            return Before(**json.loads(self._path.read_bytes())).at(self._boot)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise TareError(
                f"{self._path} can't be read: {error}",
                "set the host by hand as it was, and remove the file",
            ) from error

    def keep(self, values: Mapping[str, str]) -> None:
        """Add values; what was recorded before stays as it is. Raises: ResultsError: it can't be written."""
        before = self.load()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        recorded = before.values if before else {}
        self._save(Before(before.since if before else now, self._boot, {**values, **recorded}))

    def leave(self, before: Before, keys: list[str]) -> None:
        """Forget all but the values of these keys."""
        if keys:
            self._save(Before(before.since, before.boot, {key: before.values[key] for key in keys}))
        else:
            self._path.unlink(missing_ok=True)

    def _save(self, before: Before) -> None:
        write(self._path, json.dumps(asdict(before), indent=1).encode() + b"\n", force=True)
