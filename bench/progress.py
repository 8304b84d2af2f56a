"""Progress on the terminal, with the time left."""

import time
from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from bench.plan import Visit
from results import Kind

_FIRST_GUESS = {Kind.HOST: 1.0, Kind.CONTAINER: 1.5, Kind.VM: 10.0}


class Clock:
    """Estimates the time left from what like visits took.

    Args:
        visits: all visits, in order.
        kinds: the kind of each subject.
    """

    def __init__(self, visits: Sequence[Visit], kinds: dict[str, Kind]) -> None:
        self._ahead = list(visits)
        self._kinds = kinds
        self._taken: dict[tuple[str, str], list[float]] = defaultdict(list)

    def done(self, visit: Visit, seconds: float) -> None:
        """A visit took so long."""
        self._ahead.remove(visit)
        self._taken[visit.scenario, visit.subject].append(seconds)

    def left(self) -> float:
        """Seconds the visits ahead will take."""
        return sum(self._expected(visit) for visit in self._ahead)

    def _expected(self, visit: Visit) -> float:
        kind = self._kinds[visit.subject]
        alike = self._taken[visit.scenario, visit.subject] or [
            seconds
            for (scenario, subject), taken in self._taken.items()
            if scenario == visit.scenario and self._kinds[subject] is kind
            for seconds in taken
        ]
        return sum(alike) / len(alike) if alike else _FIRST_GUESS[kind]


class Display:
    """A live bar on a terminal, a line a visit elsewhere."""

    def __init__(self, console: Console, visits: Sequence[Visit], kinds: dict[str, Kind]) -> None:
        self._console = console
        self._clock = Clock(visits, kinds)
        self._total = len(visits)
        self._count = 0
        self._began = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"), console=console
        )
        self._task = self._bar.add_task("", total=self._total, left="")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, visit: Visit) -> None:
        """A visit begins."""
        self._began = time.monotonic()
        self._bar.update(
            self._task,
            description=f"{visit.scenario}: {visit.subject}, pass {visit.pass_}",
            left=f"{_clock_face(self._clock.left())} left",
        )

    def end(self, visit: Visit, problem: str) -> None:
        """A visit ended, well or with a problem."""
        seconds = time.monotonic() - self._began
        self._clock.done(visit, seconds)
        self._count += 1
        self._bar.update(self._task, completed=self._count)
        if not self._console.is_terminal or problem:
            self._console.print(
                f"{self._count:>4}/{self._total}  {visit.scenario:<12} {visit.subject:<10} pass {visit.pass_}"
                f"  {seconds:6.1f} s  {_clock_face(self._clock.left())} left"
                + (f"  {problem}" if problem else ""),
                highlight=False,
                markup=False,
                soft_wrap=True,
            )


def _clock_face(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
