"""What is known of a detached machine, kept in its directory beside what it said."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

_FILE = "record.json"


@dataclass(frozen=True)
class Record:
    """One detached machine.

    Args:
        name: a person's for it.
        image: it was started from, as a person wrote it.
        command: its payload.
        env: the payload's variables, which commands in it have too.
        user: the payload's.
        directory: the payload's.
        created: Unix time in seconds.
        domain: libvirt's name.
        keeper: the process that has its lines.
        terminal: whether the payload has one.
        has_input: whether the payload can be given input.
        status: the payload's exit status, or None while it runs.
        ended: Unix time in seconds, or None.
        fault: why it ended without a status of the payload's; empty otherwise.
    """

    name: str
    image: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    user: str
    directory: str
    created: float
    domain: str
    keeper: int
    terminal: bool = False
    has_input: bool = False
    status: int | None = None
    ended: float | None = None
    fault: str = ""

    def after(self, status: int, ended: float, fault: str = "") -> "Record":
        """The same once it has ended."""
        return replace(self, status=status, ended=ended, fault=fault)

    def write(self, place: Path) -> None:
        """Keep it in a directory; a reader finds all of it, or what was there before."""
        new = place / f"{_FILE}.new"
        new.write_text(json.dumps(asdict(self)))
        new.replace(place / _FILE)

    @classmethod
    def read(cls, place: Path) -> "Record | None":
        """That of a directory; None where there is none yet."""
        try:
            known = json.loads((place / _FILE).read_text())
        except FileNotFoundError:
            return None
        return cls(**{**known, "command": tuple(known["command"])})
