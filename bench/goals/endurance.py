"""Does one thing many times over, and tells what grows with it."""

from collections.abc import Callable
from typing import Any

_SLACK = 16 << 10
"""Bytes by which resident memory may differ: a few pages come and go with the kernel's accounting."""

Counts = dict[str, int]


def endure(
    benchmark: Any,
    name: str,
    one: Callable[[], object],
    counts: Callable[[], Counts],
    *,
    times: int,
    warm_up: int,
    slack: int = _SLACK,
) -> None:
    """Do it; what grows does so in both halves, while an allocator takes a new piece of memory once.

    Args:
        benchmark: the fixture.
        name: of what is done, in the plural.
        one: does it.
        counts: what may not grow, by name; a name that ends with "bytes" may by some pages.
        times: how often it is done.
        warm_up: how often before that.
        slack: bytes by which what ends with "bytes" may grow in each half.

    Raises:
        AssertionError: something grew.
    """
    seen: list[Counts] = []

    def all_of_them() -> None:
        for number in range(-warm_up, times + 1):
            if number in (0, times // 2, times):
                seen.append(counts())
            if number < times:
                one()

    benchmark.pedantic(all_of_them)
    benchmark.extra_info["counts"] = seen
    before, halfway, after = seen
    growth = {what: min(halfway[what] - first, after[what] - halfway[what]) for what, first in before.items()}
    grown = {what for what, by in growth.items() if by > (slack if what.endswith("bytes") else 0)}
    print(
        f"\n{times} {name}: {', '.join(f'{what} {before[what]} {by:+d}' for what, by in growth.items())}"
        f" (goal no growth: {'missed' if grown else 'met'})"
    )
    assert not grown
