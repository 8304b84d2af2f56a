import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.units import interval, number, quantity, times, times_interval
from results.statistics import Estimate


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00321, "s", "3.21 ms"),
        (0.02, "s", "20 ms"),
        (2.413, "s", "2.41 s"),
        (119, "s", "119 s"),
        (180, "s", "3 min"),
        (4.2e-7, "s", "420 ns"),
        (0, "s", "0 s"),
        (4404019.2, "B", "4.20 MiB"),
        (-1536, "B", "-1.50 KiB"),
        (3, "1", "3"),
        (38, "lines", "38 lines"),
        (1, "lines", "1 line"),
        (0, "lines", "0 lines"),
        (1, "bool", "yes"),
        (0, "bool", "no"),
    ],
)
def test_values_read_as_people_write_them(value, unit, text):
    assert quantity(value, unit) == text


def test_ratios_and_intervals():
    estimate = Estimate(4.5217, 4.31, 1234.4, 5)
    assert times(estimate.value) == "4.52\N{MULTIPLICATION SIGN}"
    assert times_interval(estimate) == "4.31 to 1,234\N{MULTIPLICATION SIGN}"
    assert interval(Estimate(0.0123, 0.0121, 0.0126, 9), "s") == "12.1 to 12.6 ms"
    assert interval(Estimate(1, 1, 2, 9), "lines") == "1 to 2 lines"
    assert interval(Estimate(1, None, None, 1), "s") == times_interval(Estimate(1, None, None, 1)) == ""


@given(st.floats(min_value=1e-4, max_value=1e9))
def test_three_digits_are_never_far_from_the_value(value):
    assert math.isclose(float(number(value).replace(",", "")), value, rel_tol=0.006)


@given(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["s", "B", "1", "lines", "bool", "W"])
)
def test_any_value_has_a_text(value, unit):
    assert quantity(value, unit)
