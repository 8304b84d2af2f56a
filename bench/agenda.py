"""Which visits a run still makes: the fewest passes, the usual ones, more where a median isn't certain."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from bench.plan import Plan, Visit, main_metric
from results import Record, Run, Temperature
from results.precision import Ended, Precision
from results.run import Visited
from results.statistics import Estimate, median


class Agenda:
    """The visits ahead.

    Args:
        plan: all visits that may be made, in order.
        run: what of it was made before; its subjects tell which of them are the same.
        expected: seconds that a visit will take.
    """

    def __init__(self, plan: Plan, run: Run, expected: Callable[[Visit], float]) -> None:
        self._plan = plan
        self._expected = expected
        self._least = dict.fromkeys(plan.least())
        self._short = False
        self._target = plan.profile.target
        self._main = {name: main_metric(name) for name in plan.scenarios}
        self._same: Mapping[str, set[str]] = {
            name: {other.name for other in run.subjects if (other.again or other.name) == (again or name)}
            for name, again in ((info.name, info.again) for info in run.subjects)
        }
        self._made: set[Visit] = set()
        self._spent = 0.0
        self._samples: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(dict)
        self._failed: set[tuple[str, str]] = set()
        self._intervals: dict[tuple[str, str], float | None] = {}
        for visited in run.visits:
            self._count(visited)
        self._take(run.records)

    def ahead(self) -> list[Visit]:
        """The visits that are still made where time allows, in order."""
        return list(self._least)

    def wants(self, visit: Visit) -> bool:
        """Whether a visit is to be made, now that its turn has come."""
        if visit in self._made:
            return False
        if self._is_sure(visit):
            return True
        usual = visit in self._least
        if not usual and not any(map(partial(self._uncertain, visit.scenario), self._same[visit.subject])):
            return False
        if self._has_time(visit, usual):
            return True
        self._least.pop(visit, None)
        self._short = True
        return False

    def made(self, visited: Visited, records: Iterable[Record]) -> None:
        """A visit was made and gave these records."""
        self._count(visited)
        self._take(records)

    def precisions(self) -> tuple[Precision, ...]:
        """How certain each median of a main metric is, and what ended its passes."""
        found = []
        for (scenario, subject), samples in sorted(self._samples.items()):
            main = self._main[scenario]
            if main is not None and self._target is not None:
                interval = self._interval(scenario, subject)
                found.append(
                    Precision(
                        scenario,
                        subject,
                        *main,
                        len(samples),
                        interval,
                        self._target,
                        self._ended(scenario, subject),
                    )
                )
        return tuple(found)

    def _ended(self, scenario: str, subject: str) -> Ended:
        key = (scenario, subject)
        interval = self._interval(scenario, subject)
        if interval is not None and self._target is not None and interval <= self._target:
            return Ended.TARGET
        if key in self._failed:
            return Ended.FAILED
        if max(self._samples[key]) >= self._plan.profile.effort(scenario).last:
            return Ended.PASSES
        return Ended.BUDGET if self._short else Ended.PASSES

    def _is_sure(self, visit: Visit) -> bool:
        return visit.pass_ <= self._plan.profile.effort(visit.scenario).fewest

    def _has_time(self, visit: Visit, usual: bool) -> bool:
        """Whether there is time for one that needn't be made, and for all more important ones."""
        budget = self._plan.profile.budget
        if budget is None:
            return True
        first = [other for other in self._least if not usual or self._is_sure(other)]
        return self._spent + sum(map(self._expected, (visit, *first))) <= budget

    def _uncertain(self, scenario: str, subject: str) -> bool:
        key = (scenario, subject)
        if self._target is None or key in self._failed or key not in self._samples:
            return False
        return self._ended(scenario, subject) is not Ended.TARGET

    def _interval(self, scenario: str, subject: str) -> float | None:
        key = (scenario, subject)
        if key not in self._intervals:
            self._intervals[key] = _relative(median(self._samples[key]))
        return self._intervals[key]

    def _count(self, visited: Visited) -> None:
        visit = Visit(visited.scenario, visited.subject, visited.pass_)
        self._made.add(visit)
        self._least.pop(visit, None)
        self._spent += visited.seconds

    def _take(self, records: Iterable[Record]) -> None:
        for record in records:
            key = (record.scenario, record.subject)
            if record.unsupported:
                continue
            if not record.valid:
                self._failed.add(key)
            elif _is(record, self._main.get(record.scenario)):
                self._samples[key].setdefault(record.pass_, []).extend(record.samples)
                self._intervals.pop(key, None)


def _is(record: Record, main: tuple[str, str] | None) -> bool:
    """Whether a record's samples are of the main metric and count."""
    counts = record.temperature is Temperature.WARM and not record.warm_up
    return counts and (record.metric, record.phase) == main


def _relative(estimate: Estimate) -> float | None:
    """Half the interval as a share of the value."""
    if estimate.low is None or estimate.high is None or not estimate.value:
        return None
    return (estimate.high - estimate.low) / 2 / abs(estimate.value)
