"""What the host's settings were before they were changed, recorded before they are."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.host import text
from results.files import write
from tare.errors import TareError


@dataclass(frozen=True)
class Before:
    """The values that a host had.

    Args:
        since: when the first of them was recorded, ISO 8601 in UTC.
        boot: the boot in which that was (boot_id of random(4)); the next sets the host anew.
        values: by the settings' keys, in the order in which they were changed.
    """

    since: str
    boot: str
    values: Mapping[str, str]


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
        """What was recorded in this boot; None when nothing is.

        Raises:
            TareError: the file can't be read.
        """
        try:
            before = Before(**json.loads(self._path.read_bytes()))
            return before if before.boot == self._boot else None
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
