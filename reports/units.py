"""Numbers as people read them: three significant digits and a unit near the value."""

from reports.languages import gettext, noop
from results.statistics import Estimate

_SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "s": ((60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "1/s": ((1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")),
    "B/s": ((2.0**30, "GiB/s"), (2.0**20, "MiB/s"), (2.0**10, "KiB/s"), (1.0, "B/s")),
    "B": ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")),
}
_SINGULAR = {"lines": "line"}
_MINUTES_FROM = 120.0
_UNITS_IN_WORDS = (noop("lines"),)


def scale(value: float, unit: str) -> tuple[float, str]:
    """The factor and symbol that suit a value, such as (0.001, "ms") for 0.02 and "s"."""
    steps = _SCALES.get(unit)
    if steps is None:
        return 1.0, "" if unit in ("1", "bool") else gettext(unit)
    if unit == "s" and abs(value) < _MINUTES_FROM:
        steps = steps[1:]
    return next((step for step in steps if abs(value) >= step[0]), steps[-1])


def number(value: float) -> str:
    """Three significant digits without an exponent, whole numbers as they are: 0.0123, 1.20, 12, 1,234."""
    if abs(value) >= 99.95 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:#.3g}" if abs(value) >= 1e-4 else f"{value:.2g}"


def quantity(value: float, unit: str) -> str:
    """A value with its unit: "12.3 ms", "4.5 MiB", "yes"."""
    if unit == "bool":
        return gettext("yes") if value else gettext("no")
    factor, symbol = scale(value, unit) if value else (1.0, scale(1.0, unit)[1])
    return with_symbol(number(value / factor), symbol)


def with_symbol(text: str, symbol: str) -> str:
    """A number and what it counts or is measured in: "38 lines", "1 line", "4.5 MiB", or "4" alone."""
    return f"{text} {_SINGULAR.get(symbol, symbol) if text == '1' else symbol}".rstrip()


def interval(estimate: Estimate, unit: str) -> str:
    """The interval in the unit that suits the value: "12.1 to 12.6 ms"; empty when there is none."""
    if estimate.low is None or estimate.high is None or unit == "bool":
        return ""
    factor, symbol = scale(estimate.value, unit) if estimate.value else (1.0, scale(1.0, unit)[1])
    return _range(number(estimate.low / factor), with_symbol(number(estimate.high / factor), symbol))


def times(value: float) -> str:
    """A ratio: "4.52" with the multiplication sign."""
    return gettext("{number}\N{MULTIPLICATION SIGN}").format(number=number(value))


def times_interval(estimate: Estimate) -> str:
    """The interval of a ratio, such as "4.31 to 4.77" times; empty when there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return _range(number(estimate.low), times(estimate.high))


def _range(low: str, high: str) -> str:
    return gettext("{low} to {high}").format(low=low, high=high)
