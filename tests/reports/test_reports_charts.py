import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from synthetic_run import synthetic_run

import reports.charts
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
    (points,) = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert list(points.get_xdata()) == [0.1, 0.2, 0.3, 0.4]
    heights = list(points.get_ydata())
    assert heights == sorted(heights, reverse=True)
    assert sum(heights) == pytest.approx(0)


def test_texts_do_not_overlap_their_neighbours(run):
    """Row labels end where their plot begins, and values end before the next plot or the figure's edge."""
    for chart in charts_for(run):
        figure = chart.draw(run)
        figure.canvas.draw()
        for axes in figure.axes:
            plot = axes.get_window_extent()
            for text in axes.texts:
                box = text.get_window_extent()
                if text.get_horizontalalignment() == "right":
                    assert 0 <= box.x0 <= box.x1 <= plot.x0, (chart.scenario, text.get_text())
                elif box.x0 >= plot.x1:
                    beyond = [other.get_window_extent().x0 for other in figure.axes if beside(axes, other)]
                    assert box.x1 <= min(beyond, default=figure.bbox.x1), (chart.scenario, text.get_text())


def beside(axes, other):
    """Whether the other plot stands to the right in the same line."""
    here, there = axes.get_position(), other.get_position()
    return there.x0 > here.x1 and there.y0 == here.y0


def test_emulated_machines_are_hollow_hatched_and_named_so(drawn):
    text = ElementTree.tostring(drawn["deploy"], encoding="unicode")
    assert "vm-micro (TCG)" in text
    assert "pattern" in text


def test_far_values_get_a_logarithmic_axis(run):
    (figure,) = [chart.draw(run) for chart in charts_for(run) if chart.scenario == "startup"]
    assert {axes.get_xscale() for axes in figure.axes} == {"log"}
    (figure,) = [chart.draw(run) for chart in charts_for(run) if chart.scenario == "cpu"]
    assert {axes.get_xscale() for axes in figure.axes} == {"linear"}


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
