"""Prepares a host for measuring, and puts back what it was.

pyperf's `system tune` isn't used, as its `reset` writes defaults rather than what was there before.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.tuning.knobs import KNOBS, Knob, Wish
from bench.tuning.record import Before, Record
from bench.tuning.service import PREFIX, Service
from bench.tuning.setting import File, Setting
from runtime.lifecycle.files import Lock
from tare.errors import TareError

_RECORD, _LOCK = "run/tarebench-tune.json", "run/tarebench-tune.lock"
"""Settings are the host's and no state root's, and last until the next boot, as /run does."""
_MOST_TOLD = 3


@dataclass(frozen=True)
class Finding:
    """How a knob stands.

    Args:
        name: the knob.
        good: whether it is as a measurement wants it; None where the host has no such knob.
        line: what is there, and for a knob that is not good what disturbs, for a person.
    """

    name: str
    good: bool | None
    line: str


class Host:
    """A host and the record of what it was.

    Args:
        root: where the host's file system begins.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._record = Record(root / _RECORD, root)

    def show(self) -> list[Finding]:
        """Each knob as it stands. Raises: TareError: the record can't be read."""
        before = self._record.load()
        since = f"as it was at {before.since} until it is put back" if before else "nothing to put back"
        return [
            *(_finding(knob, knob.wishes(self._root)) for knob in KNOBS),
            Finding("addresses", None, "left random: one layout in all runs would be one layout's result"),
            Finding("record", None, since),
        ]

    def apply(self) -> list[Finding]:
        """Set every knob, after its value is recorded; what the kernel refuses is said.

        Raises:
            TareError: the record can't be read or written; then nothing is changed.
        """
        with self._locked():
            wished = [(knob, knob.wishes(self._root)) for knob in KNOBS]
            self._record.keep(_values(wish for _, wishes in wished for wish in wishes))
            return [_finding(knob, wishes, _set(wishes)) for knob, wishes in wished]

    def restore(self) -> str:
        """Put every value back that was recorded; says in a line what was done.

        Raises:
            TareError: some can't be put back, and stay in the record; or that can't be read.
        """
        with self._locked():
            before = self._record.load()
            if before is None:
                return "nothing to put back"
            # Twice, as some drivers reset turbo with the governor.
            self._put_back(before)
            faults = self._put_back(before)
            gone = [key for key, error in faults.items() if isinstance(error, FileNotFoundError)]
            stuck = [key for key in faults if key not in gone]
            self._record.leave(before, stuck)
        if stuck:
            raise TareError(
                f"{len(stuck)} values can't be put back: {stuck[0]}: {faults[stuck[0]].strerror}",
                "the record stays; try `tarebench tune --restore` again",
            )
        words = f"{len(before.values) - len(gone)} values are as they were at {before.since}"
        return f"{words}; {len(gone)} are gone, such as {gone[0]}" if gone else words

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time changes the host. Raises: TareError: the lock can't be made."""
        path = self._root / _LOCK
        with ExitStack() as stack:
            try:
                stack.enter_context(Lock(str(path)))
            except OSError as error:
                raise TareError(
                    f"{path} can't be locked: {error.strerror}", "see whether /run is there"
                ) from error
            yield

    def _put_back(self, before: Before) -> dict[str, OSError]:
        faults = {}
        for key, value in reversed(list(before.values.items())):
            setting = self._setting(key)
            try:
                if setting.read() != value:
                    setting.write(value)
            except OSError as error:
                faults[key] = error
        return faults

    def _setting(self, key: str) -> Setting:
        return Service(key.removeprefix(PREFIX)) if key.startswith(PREFIX) else File(self._root, key)


def _values(wishes: Iterable[Wish]) -> dict[str, str]:
    """What can be read of them; what can't isn't changed either."""
    return {wish.setting.key: value for wish in wishes if (value := _read(wish.setting)) is not None}


def _read(setting: Setting) -> str | None:
    try:
        return setting.read()
    except OSError:
        return None


def _set(wishes: list[Wish]) -> str:
    """Why the last of those that can't be set can't; empty when all are."""
    fault = ""
    for wish in wishes:
        try:
            if wish.setting.read() != wish.value:
                wish.setting.write(wish.value)
        except OSError as error:
            fault = error.strerror or str(error)
    return fault


def _finding(knob: Knob, wishes: list[Wish], fault: str = "") -> Finding:
    if not wishes:
        return Finding(knob.name, None, "nothing to set here")
    values = [_read(wish.setting) or "unreadable" for wish in wishes]
    good = all(value == wish.value for value, wish in zip(values, wishes, strict=True))
    several = dict.fromkeys(values)
    words = ", ".join(list(several)[:_MOST_TOLD]) + (", …" if len(several) > _MOST_TOLD else "")
    if len(wishes) > 1:
        words += f" in {len(wishes)} places"
    if not good:
        words += f"; better {' and '.join(dict.fromkeys(wish.value for wish in wishes))}: {knob.why}"
    return Finding(knob.name, good, f"{words}; can't be set: {fault}" if fault else words)
