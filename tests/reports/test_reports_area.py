"""Where values are in the area of a plot."""

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from reports.area import Area, Scale


def area(x):
    made = Area(Figure(), 10, 0, 100, 50)
    made.x = x
    return made


def test_values_are_as_far_along_as_they_differ_or_by_their_ratio():
    assert list(Scale(0, 4).shares([0, 1, 4, 8])) == [0, 0.25, 1, 2]
    assert list(Scale(4, 0).shares([0, 1])) == [1, 0.75]
    assert list(Scale(1, 100, logarithmic=True).shares([1, 10, 1000])) == pytest.approx([0, 0.5, 1.5])
    assert list(area(Scale(0, 4)).across([1, 2])) == [35, 60]


def test_ticks_are_where_the_scale_reaches():
    made = area(Scale(0, 10))
    made.ticks_below([(-5, "-5"), (0, "0"), (5, "5"), (10, "10"), (15, "15")])
    found = {text.get_text(): text.get_position()[0] for text in made.figure.findobj(Text)}
    assert found == {"0": 10, "5": 60, "10": 110}
