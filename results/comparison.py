"""Two runs compared: what became better or worse by more than noise can explain.

A change is an alarm when three tests of the passes' medians agree that there is one and it is larger than its
metric's threshold (docs/regression.md). Samples of one pass share what disturbed the host meanwhile, so it is
passes that count, never samples. Improvements are treated exactly as regressions are.
"""

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from statistics import median

from results.comparability import Difference, NotComparable, Obstacle, check
from results.facts import FactChange, changed_facts
from results.floor import Floors
from results.joined import part
from results.pairing import Pair, pair
from results.record import Better
from results.run import Run
from results.series import Identity
from results.significance import LEVEL, adjusted, rank_sum, welch
from results.slow_noise import SlowNoise
from results.statistics import Estimate, shift
from results.vocabulary import is_exact, is_judged
from results.weather import Weather, Weathers, spread

LEAST_PASSES = 4
"""With fewer on each side no rank test can reach that level."""
RANKED_FROM = 10
"""Independent passes on each side of which ranks can say something as certain as one in five thousand."""
WORTH = 0.7
"""What is left of the variance where taking the weather out is worth the noise of its estimate."""


class Outcome(IntEnum):
    """The exit codes of a comparison; 2 is for usage."""

    UNCHANGED = 0
    REGRESSION = 1
    NOT_COMPARABLE = NotComparable.exit_code
    FAILED = 4


class Verdict(StrEnum):
    """What became of one metric; a change is of one that is neither better higher nor lower."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    CHANGE = "change"
    NONE = "no change"
    UNTESTED = "not tested"


@dataclass(frozen=True)
class Change:
    """One metric in both runs.

    Args:
        identity: which metric, of whom.
        base: the median in the base run, in the metric's unit.
        new: the median in the new run.
        passes: how many passes each has.
        ratio: the new as a multiple of the base's (see `results.statistics.shift`; of exact metrics and too
            few passes that of the medians), with its interval, as it would have been in the same weather if
            that is told more exactly; None where a median isn't positive.
        threshold: the share by which they must differ.
        verdict: what that means.
        rank_p: the p-value of the rank test; None where nothing was tested, and of exact metrics.
        p: the p-value that is corrected: the rank test's where ranks can be sure, else Welch's; None too.
        discovery: the smallest false discovery rate at which it would be one of all tested; None as above.
        weather: the factor by which the others changed (see `results.weather`); None where that isn't known.
        is_even: whether the ratio is without the weather.
        reason: why it wasn't tested.
    """

    identity: Identity
    base: float
    new: float
    passes: tuple[int, int]
    ratio: Estimate | None
    threshold: float
    verdict: Verdict
    rank_p: float | None = None
    p: float | None = None
    discovery: float | None = None
    weather: float | None = None
    is_even: bool = False
    reason: str = ""

    @property
    def share(self) -> float:
        """By which share of the base's value the new one differs; infinite where that is 0."""
        if self.ratio is not None:
            return self.ratio.value - 1
        if self.base == self.new:
            return 0.0
        return (self.new - self.base) / abs(self.base) if self.base else math.copysign(math.inf, self.new)


@dataclass(frozen=True)
class Failure:
    """A scenario that failed for a subject, and why the last time."""

    subject: str
    scenario: str
    reason: str

    def __str__(self) -> str:
        return f"{self.scenario} of {self.subject} failed: {self.reason}"


@dataclass(frozen=True)
class Comparison:
    """All that is to say of two runs.

    Args:
        base: what is compared with.
        new: what is compared.
        changes: every metric of both, in the order of the base run.
        facts: what was found in words and is otherwise now.
        failures: what failed in the new run more often than in the base.
        gone: metrics that only the base has.
        added: metrics that only the new run has.
        differences: what differs besides, and was allowed.
    """

    base: Run
    new: Run
    changes: tuple[Change, ...]
    facts: tuple[FactChange, ...]
    failures: tuple[Failure, ...]
    gone: tuple[Identity, ...]
    added: tuple[Identity, ...]
    differences: tuple[Difference, ...]

    def having(self, *verdicts: Verdict) -> tuple[Change, ...]:
        """The metrics with one of these verdicts, in order."""
        return tuple(change for change in self.changes if change.verdict in verdicts)

    @property
    def outcome(self) -> Outcome:
        """The exit code: a failed measurement counts for more than a regression found beside it."""
        if self.failures:
            return Outcome.FAILED
        return Outcome.REGRESSION if self.having(Verdict.REGRESSION) else Outcome.UNCHANGED


def compare(
    base: Run, new: Run, *, thresholds: Mapping[str, float] | None = None, allowed: Container[Obstacle] = ()
) -> Comparison:
    """Compare two runs.

    Args:
        base: what is compared with.
        new: what is compared.
        thresholds: shares given for metrics by name, see `Floors`.
        allowed: what may differ besides.

    Raises:
        NotComparable: something differs that isn't allowed, or nothing can be tested.
        UsageError: a threshold is for a metric that there isn't.
    """
    differences = check(base, new, allowed)
    pairing = pair(base, new)
    floors = Floors(base, new, thresholds or {})
    is_other_kernel = any(each.obstacle is Obstacle.KERNEL for each in differences)
    weathers = Weathers(new, () if is_other_kernel else pairing.pairs)
    told = [(each, weather := weathers.of(each), _told(each, weather)) for each in pairing.pairs]
    slow = SlowNoise(base, new, (best for _, _, best in told))
    changes = _judged([_measured(*each, floors, slow) for each in told])
    failures = _failures(base, new)
    if not failures and all(change.verdict is Verdict.UNTESTED for change in changes):
        raise NotComparable(
            f"{base.id} and {new.id} have no metric with {LEAST_PASSES} passes in both", "measure more passes"
        )
    return Comparison(
        base,
        new,
        changes,
        changed_facts(base, new),
        failures,
        pairing.gone,
        pairing.added,
        differences,
    )


def _told(pair: Pair, weather: Weather | None) -> Pair:
    """The pair without the weather, where that tells the change more exactly; else itself."""
    even = weather.without(pair) if weather and pair.is_positive else None
    return even if even is not None and spread(even) < WORTH * spread(pair) else pair


def _measured(pair: Pair, weather: Weather | None, told: Pair, floors: Floors, slow: SlowNoise) -> Change:
    """What both runs say of one metric, before it is judged beside all others."""
    identity = pair.identity
    passes = len(pair.base), len(pair.new)
    plain = Change(
        identity,
        median(pair.base.values()),
        median(pair.new.values()),
        passes,
        _ratio(pair) if pair.is_positive else None,
        floors.of(pair, weather),
        Verdict.NONE,
    )
    if is_exact(identity.scenario, identity.metric):
        return replace(plain, verdict=_direction(plain)) if _is_large(plain) else plain
    if min(passes) < LEAST_PASSES:
        reason = f"{min(passes)} of at least {LEAST_PASSES} passes"
        return replace(plain, verdict=Verdict.UNTESTED, reason=reason)
    base, new = tuple(told.base.values()), tuple(told.new.values())
    inflation = slow.inflation(told)
    rank_p = rank_sum(base, new, inflation)
    is_ranked = min(passes) >= RANKED_FROM * inflation
    return replace(
        plain,
        ratio=shift(new, base, inflation) if pair.is_positive else None,
        threshold=floors.of(told, weather),
        rank_p=rank_p,
        p=rank_p if is_ranked else _welch(base, new, inflation, logarithms=pair.is_positive),
        weather=weather.change if weather else None,
        is_even=told is not pair,
    )


def _judged(measured: Sequence[Change]) -> tuple[Change, ...]:
    """With false discoveries controlled over all that were tested."""
    rates = iter(adjusted([change.p for change in measured if change.p is not None]))
    changes = [change if change.p is None else replace(change, discovery=next(rates)) for change in measured]
    return tuple(
        replace(change, verdict=_direction(change)) if _is_alarm(change) else change for change in changes
    )


def _is_alarm(change: Change) -> bool:
    if change.rank_p is None or change.discovery is None:
        return False
    is_sure = change.rank_p <= LEVEL and change.discovery <= LEVEL
    return is_sure and (change.ratio is None or change.ratio.excludes(1)) and _is_large(change)


def _is_large(change: Change) -> bool:
    """Whether a change is beyond the threshold, and what is left of it in the same weather is as well."""
    if change.ratio is None:
        return abs(change.share) > change.threshold
    distance = math.log(change.ratio.value)
    weather = 0.0 if change.is_even or change.weather is None else math.log(change.weather)
    left = math.copysign(1, distance) * (distance - weather)
    return min(abs(distance), left) > math.log1p(change.threshold)


def _direction(change: Change) -> Verdict:
    identity = change.identity
    if not is_judged(identity.scenario, identity.metric):
        return Verdict.CHANGE
    is_better = (change.share > 0) == (identity.better is Better.HIGHER)
    return Verdict.IMPROVEMENT if is_better else Verdict.REGRESSION


def _welch(base: Sequence[float], new: Sequence[float], inflation: float, *, logarithms: bool) -> float:
    """Welch's p-value, of logarithms where there are any: noise grows with the value."""
    if not logarithms:
        return welch(base, new, inflation)
    return welch([math.log(value) for value in base], [math.log(value) for value in new], inflation)


def _ratio(pair: Pair) -> Estimate:
    """The ratio of the medians, of too little for an interval."""
    value = median(pair.new.values()) / median(pair.base.values())
    return Estimate(value, None, None, min(len(pair.base), len(pair.new)))


def _failures(base: Run, new: Run) -> tuple[Failure, ...]:
    """What failed more often than before."""
    before, after = _failed(base), _failed(new)
    return tuple(
        Failure(subject, scenario, reasons[-1])
        for (subject, scenario), reasons in after.items()
        if len(reasons) > len(before.get((subject, scenario), []))
    )


def _failed(run: Run) -> dict[tuple[str, str], list[str]]:
    """Why, each time; of several runs as one by the run in which it was most often."""
    found: dict[tuple[str, str], dict[int, list[str]]] = {}
    for record in run.records:
        if not record.valid and not record.unsupported:
            of_runs = found.setdefault((record.subject, record.scenario), {})
            of_runs.setdefault(part(run, record.pass_), []).append(record.notes)
    return {key: max(of_runs.values(), key=len) for key, of_runs in found.items()}
