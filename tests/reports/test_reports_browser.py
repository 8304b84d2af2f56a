"""The report in a real browser: drawn, without an error, and within the window."""

from collections import Counter

from browser import opened

from reports.browser import DARK


def test_every_sample_is_drawn_without_a_console_error(run, page, tmp_path):
    samples = Counter()
    for record in run.records:
        samples[record.scenario] += len(record.samples)
    seen, console = opened(page, tmp_path, "--window-size=1200,1000")
    assert console == []
    assert {chart["name"]: chart["drawn"] for chart in seen["charts"]} == samples
    for chart in seen["charts"]:
        assert chart["words"] > 4, chart
        assert chart["width"] > 600, chart
    assert seen["outer"] <= seen["inner"]


def test_a_narrow_dark_window_is_neither_overflown_nor_light(page, tmp_path):
    seen, console = opened(page, tmp_path, "--window-size=500,900", DARK)
    assert console == []
    assert seen["outer"] <= seen["inner"]
    assert seen["ink"] == "rgb(231, 229, 224)"
