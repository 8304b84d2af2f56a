"""What all formats for people say of a comparison."""

import math
from collections.abc import Iterator

from reports.units import quantity
from results.comparison import Change, Comparison, Verdict

HEADS = ("metric", "of", "base", "new", "others", "change", "threshold", "")
ALARMS = (Verdict.REGRESSION, Verdict.IMPROVEMENT, Verdict.CHANGE)
_EXAMPLES = 5


def cells(change: Change) -> tuple[str, ...]:
    """A row of the table of alarms, by `HEADS`."""
    identity = change.identity
    whose = f"{identity.subject} ({identity.accelerator})" if identity.accelerator else identity.subject
    values = (quantity(value, identity.unit) for value in (change.base, change.new))
    return identity.name, whose, *values, others(change), size(change), limit(change), str(change.verdict)


def others(change: Change) -> str:
    """By how much the others changed, where the change is told without that."""
    return f"{change.weather - 1:+.1%}" if change.is_even and change.weather is not None else "\N{EN DASH}"


def size(change: Change) -> str:
    """How large it is: "+12.3% (+10.9% to +13.4%)"; "from 0" where there is no share."""
    if change.identity.unit == "bool" or not change.base:
        return "from 0" if change.new else "none"
    told = f"{change.share:+.1%}"
    if change.ratio is None or change.ratio.low is None or change.ratio.high is None:
        return told
    return f"{told} ({change.ratio.low - 1:+.1%} to {change.ratio.high - 1:+.1%})"


def limit(change: Change) -> str:
    """The threshold on the side of the change; a doubling is as far as a halving."""
    if change.ratio is None or change.ratio.value >= 1:
        return f"{math.copysign(change.threshold, change.share):+.1%}"
    return f"{1 / (1 + change.threshold) - 1:+.1%}"


def verdict(comparison: Comparison) -> str:
    """What came of it in one sentence."""
    regressions = len(comparison.having(Verdict.REGRESSION))
    improvements = len(comparison.having(Verdict.IMPROVEMENT))
    untested = len(comparison.having(Verdict.UNTESTED))
    tested = len(comparison.changes) - untested
    told = f"{_counted(regressions, 'regression')} and {_counted(improvements, 'improvement')}"
    rest = f"; {untested} more have too few passes" if untested else ""
    return f"{told} among {_counted(tested, 'metric')}{rest}."


def remarks(comparison: Comparison) -> Iterator[str]:
    """What else has to be known, a line each."""
    yield from (f"Failed: {failure}." for failure in comparison.failures)
    yield from (f"Allowed: {difference.words}." for difference in comparison.differences)
    for run, which in ((comparison.base, "base"), (comparison.new, "new")):
        if run.noisy:
            yield f"The host was not quiet in the {which} run: {', '.join(run.noisy)}."
    for title, found in (
        ("Found otherwise", comparison.facts),
        ("Only in the base", comparison.gone),
        ("Only in the new", comparison.added),
    ):
        if found:
            more = f" and {len(found) - _EXAMPLES} more" if len(found) > _EXAMPLES else ""
            yield f"{title}: {'; '.join(str(each) for each in found[:_EXAMPLES])}{more}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
