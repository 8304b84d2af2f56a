"""Progress on the terminal, with the time left."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from bench.cost import Costs
from bench.plan import Visit


class Clock:
    """Estimates the time left from what like visits took.

    Args:
        visits: all visits, in order.
        costs: what visits take; what they took is added.
    """

    def __init__(self, visits: Sequence[Visit], costs: Costs) -> None:
        self._ahead = list(visits)
        self._costs = costs

    def begin(self, visit: Visit) -> bool:
        """A visit begins; whether nobody had counted on it."""
        new = visit not in self._ahead
        if new:
            self._ahead.append(visit)
        return new

    def done(self, visit: Visit, seconds: float) -> None:
        """A visit took so long."""
        self._ahead.remove(visit)
        self._costs.add(visit.scenario, visit.subject, seconds)

    def left(self) -> float:
        """Seconds the visits ahead will take."""
        return sum(self._costs.of(visit.scenario, visit.subject) for visit in self._ahead)


class Display:
    """A live bar on a terminal, a line a visit elsewhere."""

    def __init__(self, console: Console, visits: Sequence[Visit], costs: Costs) -> None:
        self._console = console
        self._clock = Clock(visits, costs)
        self._total = len(visits)
        self._count = 0
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
        self._total += self._clock.begin(visit)
        self._bar.update(
            self._task,
            total=self._total,
            description=f"{visit.scenario}: {visit.subject}, pass {visit.pass_}",
            left=f"{clock_face(self._clock.left())} left",
        )

    def end(self, visit: Visit, seconds: float, problem: str) -> None:
        """A visit ended after so many seconds, well or with a problem."""
        self._clock.done(visit, seconds)
        self._count += 1
        self._bar.update(self._task, completed=self._count)
        if not self._console.is_terminal or problem:
            self._console.print(
                f"{self._count:>4}/{self._total}  {visit.scenario:<12} {visit.subject:<10} pass {visit.pass_}"
                f"  {seconds:6.1f} s  {clock_face(self._clock.left())} left"
                + (f"  {problem}" if problem else ""),
                highlight=False,
                markup=False,
                soft_wrap=True,
            )


def clock_face(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
