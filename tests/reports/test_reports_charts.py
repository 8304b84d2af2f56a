import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.lines import Line2D
from matplotlib.text import Text
from synthetic_run import synthetic_run

import reports.charts
from reports.area import POINTS, Area
from reports.registry import charts_for, charts_known, measured
from reports.series import collect
from reports.svg import inline
from results import Better, Record
from results.vocabulary import VOCABULARY

SVG = "{http://www.w3.org/2000/svg}"
CHARTS = [chart.scenario for chart in charts_known()]
DRAWN = sorted({record.scenario for record in synthetic_run().records})


@pytest.fixture(scope="module")
def drawn(run):
    return {
        chart.scenario: ElementTree.fromstring(inline(chart.drawn(run), chart.scenario, chart.alt(run)))
        for chart in charts_for(run)
    }


def test_every_file_is_one_chart_and_every_scenario_has_one():
    stems = {path.stem.replace("_", "-") for path in Path(reports.charts.__path__[0]).glob("[!_]*.py")}
    assert stems == set(CHARTS) == {metric.scenario for metric in VOCABULARY}
    for chart in charts_known():
        assert chart.question.endswith("?")
        assert chart.method.endswith(".")
        assert chart.threats.endswith(".")


@pytest.mark.parametrize("scenario", DRAWN)
def test_every_sample_is_drawn(run, drawn, scenario):
    samples = sum(
        len(series.samples) for measure in measured(run, scenario) for series in collect(run, measure)
    )
    points = [
        point
        for path in drawn[scenario].iter(f"{SVG}path")
        if "marker:" in path.get("style", "")
        for point in re.findall(r"[-\d.]+ [-\d.]+", path.get("d"))
    ]
    assert len(points) == samples


@pytest.mark.parametrize("scenario", DRAWN)
def test_a_chart_can_stand_in_any_page(drawn, scenario):
    root = drawn[scenario]
    text = ElementTree.tostring(root, encoding="unicode")
    assert not re.search(r"#0[1-6]0[1-6]0[1-6]|#[0-9a-f]{6}\b", text)
    assert root.find(f".//{SVG}style") is None
    identities = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(identities) == len(set(identities))
    assert all(identity.startswith(f"{scenario}-") for identity in identities)
    for reference in re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", text):
        assert "".join(reference) in identities
    assert root.get("aria-label")
    assert any(element.text for element in root.iter(f"{SVG}text"))


def test_a_row_is_the_distribution_function_of_its_samples(run):
    records = (
        Record("tarebox", "stop", "time", "s", Better.LOWER, pass_=1, samples=(0.3, 0.1)),
        Record("tarebox", "stop", "time", "s", Better.LOWER, pass_=2, samples=(0.2, 0.4)),
    )
    (chart,) = charts_for(replace(run, records=records))
    figure = chart.draw(replace(run, records=records))
    (points,) = [line for line in figure.findobj(Line2D) if line.get_marker() == "o"]
    assert list(np.diff(points.get_xdata())) == pytest.approx([np.ptp(points.get_xdata()) / 3] * 3)
    heights = list(points.get_ydata())
    assert heights == sorted(heights)
    (label,) = [text for text in figure.findobj(Text) if text.get_text() == "tarebox"]
    assert np.mean(heights) == pytest.approx(label.get_position()[1])


def test_texts_do_not_overlap_their_neighbours(run, areas):
    """Row labels end where their plot begins, and values end before the next plot or the figure's edge."""
    for chart in charts_for(run):
        areas.clear()
        figure = chart.draw(run)
        figure.set_dpi(POINTS)
        for text in figure.findobj(Text):
            box, told = text.get_window_extent(), (chart.scenario, text.get_text())
            line = [area for area in areas if area.bottom <= (box.y0 + box.y1) / 2 <= area.top]
            if line and text.get_horizontalalignment() == "right":
                assert 0 <= box.x0 <= box.x1 <= min(area.left for area in line), told
            elif any(box.x0 >= area.right for area in line):
                beyond = [area.left for area in line if area.left > box.x0]
                assert box.x1 <= min(beyond, default=figure.bbox.x1), told


@pytest.fixture
def areas(monkeypatch):
    """The areas of plots, as they are made."""
    made = []

    def area(*arguments):
        made.append(Area(*arguments))
        return made[-1]

    monkeypatch.setattr("reports.sheet.Area", area)
    return made


def test_emulated_machines_are_hollow_hatched_and_named_so(drawn):
    text = ElementTree.tostring(drawn["deploy"], encoding="unicode")
    assert "vm-micro (TCG)" in text
    assert "pattern" in text


@pytest.mark.parametrize(("scenario", "logarithmic"), [("startup", True), ("cpu", False)])
def test_far_values_get_a_logarithmic_axis(run, areas, scenario, logarithmic):
    (chart,) = [chart for chart in charts_for(run) if chart.scenario == scenario]
    chart.draw(run)
    assert {area.x.logarithmic for area in areas} == {logarithmic}


def test_a_scenario_without_a_file_gets_a_plain_chart(run):
    records = tuple(
        Record("tarebox", "weather", "rain", "s", Better.LOWER, pass_=1, samples=samples)
        for samples in ((1e-7, 1.1e-7), (0.0,))
    )
    (chart,) = charts_for(replace(run, records=records))
    assert chart.title == "Weather"
    assert "rain" in chart.alt(replace(run, records=records))
    assert inline(chart.draw(replace(run, records=records)), "weather", "x")


def test_free_memory_that_grew_is_drawn(run):
    records = tuple(
        Record("tarebox", "memory", "memavailable", "B", Better.LOWER, phase=phase, pass_=1, samples=(value,))
        for phase, value in (("1", -4096.0), ("2", 0.0), ("4", 8192.0))
    )
    (chart,) = charts_for(replace(run, records=records))
    assert inline(chart.draw(replace(run, records=records)), "memory", "x")
