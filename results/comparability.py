"""Whether two runs can be compared: what differs between them besides what was measured."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from results.errors import ResultsError
from results.run import Run

_NOT_COMPARABLE = 3


class NotComparable(ResultsError):
    """Two runs can't be compared, or have too little in common for it."""

    exit_code = _NOT_COMPARABLE


class Obstacle(StrEnum):
    """What may differ between two runs; each can be allowed."""

    MACHINE = "machine"
    KERNEL = "kernel"
    SETTINGS = "settings"
    PLAN = "plan"
    VERSION = "version"
    ACCELERATOR = "accelerator"
    MISSING = "missing"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class Difference:
    """One difference, with what it is in words."""

    obstacle: Obstacle
    words: str


_HOST = {
    Obstacle.MACHINE: ("machine", "architecture", "cpu", "cpus"),
    Obstacle.KERNEL: ("kernel", "system"),
    Obstacle.SETTINGS: ("governor", "transparent_hugepages", "pinning"),
}
_PLAN = ("image", "image_id", "cpu_work", "memory_instances", "own")
"""What changes a figure itself and not only how certain it is."""


def check(base: Run, new: Run, allowed: Container[Obstacle] = ()) -> tuple[Difference, ...]:
    """The differences between two runs, all of which are allowed.

    Raises:
        NotComparable: it is one run twice, or there are others that aren't.
    """
    if base.id == new.id:
        same = base.records == new.records
        told = f"run {base.id} twice" if same else f"two different runs with one id, {base.id}"
        raise NotComparable(f"that is {told}", "give the files of two runs")
    if base.records and base.records == new.records:
        raise NotComparable(f"{base.id} and {new.id} have the very same samples", "give two runs")
    found = tuple(differences(base, new))
    refused = [difference for difference in found if difference.obstacle not in allowed]
    if refused:
        words = "; ".join(difference.words for difference in refused)
        names = ",".join(dict.fromkeys(difference.obstacle for difference in refused))
        raise NotComparable(
            f"{new.id} can't be compared with {base.id}: {words}", f"--allow {names} compares them anyway"
        )
    return found


def differences(base: Run, new: Run) -> Iterator[Difference]:
    """All that differs and would make the difference of two figures mean something else."""
    for obstacle, facts in _HOST.items():
        yield from _changed(obstacle, "the host's ", base.host, new.host, facts)
    yield from _changed(Obstacle.PLAN, "of the plan, ", base.plan, new.plan, _PLAN)
    yield from _subjects(base, new)
    for run in (base, new):
        if not run.complete:
            yield Difference(Obstacle.INCOMPLETE, f"{run.id} was ended before its plan was done")


def _changed(
    obstacle: Obstacle, whose: str, base: Mapping[str, Any], new: Mapping[str, Any], names: tuple[str, ...]
) -> Iterator[Difference]:
    """Of facts that both tell; an older version of the program told fewer."""
    for name in names:
        if name in base and name in new and base[name] != new[name]:
            yield Difference(obstacle, f"{whose}{name} was {base[name]} and is {new[name]}")
    if obstacle is Obstacle.MACHINE and not ("machine" in base and "machine" in new):
        yield Difference(obstacle, "not both tell which machine they were made on")


def _subjects(base: Run, new: Run) -> Iterator[Difference]:
    there = {subject.name: subject for subject in new.subjects}
    before, after = _accelerators(base), _accelerators(new)
    for subject in base.subjects:
        now = there.get(subject.name)
        if not subject.available or now is None:
            continue
        if not now.available:
            yield Difference(Obstacle.MISSING, f"{subject.name} is missing: {now.reason}")
            continue
        if now.version != subject.version:
            was, is_ = subject.version or "unknown", now.version or "unknown"
            yield Difference(Obstacle.VERSION, f"{subject.name} was {was} and is {is_}")
        was, is_ = before.get(subject.name, ""), after.get(subject.name, "")
        if was and is_ and was != is_:
            yield Difference(Obstacle.ACCELERATOR, f"{subject.name} ran on {was} and runs on {is_}")


def _accelerators(run: Run) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for record in run.records:
        if record.accelerator:
            found.setdefault(record.subject, set()).add(record.accelerator)
    return {subject: " and ".join(sorted(names)) for subject, names in found.items()}
