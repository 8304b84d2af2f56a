"""The page of a history: what changed on top, every change marked, every commit linked."""

import base64
import csv
import gzip
import io
import re
from dataclasses import replace

import pytest
from browser import opened
from synthetic_history import COMMITS, FASTER, RUNS, SLOWER, synthetic_history
from test_reports_languages import words_of

from reports.languages import chosen, language
from reports.languages.extraction import template
from reports.trends import History, build
from reports.trends.changes import found, headlines
from reports.trends.page import render
from results import ResultsError
from results.history.trend import trends
from results.series import Identity

SEEN = """
const drawn = [...document.querySelectorAll("figure svg[role=img]")].map(svg => ({
  name: svg.closest("article").id, width: svg.getBoundingClientRect().width,
  words: [...svg.querySelectorAll("text")].map(word => word.textContent)}));
const input = document.querySelector("#series input[type=search]");
input.value = "runc";
input.dispatchEvent(new Event("input"));
const rows = [...document.querySelectorAll("#series tbody tr:not(.group)")];
const left = rows.filter(row => row.checkVisibility());
return {drawn, left: [...new Set(left.map(row => row.cells[1].textContent))],
  inner: window.innerWidth, outer: document.documentElement.scrollWidth};
"""


@pytest.fixture(scope="module")
def history() -> History:
    return synthetic_history()


@pytest.fixture(scope="module")
def text(trends_page):
    return trends_page.read_text(encoding="utf-8")


def shown(text):
    """What a reader sees of the page's head."""
    head = text[text.index("<header>") : text.index("</header>")]
    return " ".join(re.sub(r"<[^>]+>", " ", head).split())


def test_the_newest_changes_are_told_first(text):
    head = shown(text)
    newest = head.index(f"since run night-{FASTER}")
    assert newest < head.index("tarebox: Start call to first output, +6.")
    assert re.search(rf"since run night-({SLOWER - 1}|{SLOWER}|{SLOWER + 1}) ", head)
    assert re.search(r"60 runs\. Changes for the worse: \d+, for the better: \d+\.", head)


def test_what_changed_together_is_told_once_by_its_main_series(history):
    told = [each for each in headlines(history, found(history.trends)) if each.found.is_worse]
    (tarebox,) = [each for each in told if each.found.trend.identity.subject == "tarebox"]
    assert tarebox.found.trend.identity.phase == "first-output"
    assert tarebox.others == 3
    assert abs(tarebox.found.change.index + 1 - SLOWER) <= 2


def test_every_run_is_there_with_its_commit_linked(history, text):
    for run in history.runs:
        assert f'href="{COMMITS}/{run.commit}"' in text
        assert f'<th scope="row">{run.id}</th>' in text


def test_what_a_run_says_of_itself_is_no_markup_and_no_script():
    history = synthetic_history(1)
    run = replace(history.runs[0], link="javascript:alert(1)", commit="<b>")
    page = render(replace(history, runs=(run,), trends=trends([run])), chosen("en"))
    assert "javascript:" not in page
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_charts_mark_levels_and_changes_in_words_too(text):
    drawn = re.findall(r"<text[^>]*>([^<]+)</text>", text)
    assert [word for word in drawn if re.fullmatch(r"\+6\.\d %", word)]
    assert [word for word in drawn if re.fullmatch(r"-(19|20)\.\d %", word)]
    assert re.search(r'aria-label="Startup\.[^"]*tarebox 3\.\d+ ms \(\+6\.\d % since night-4\d\)', text)


def test_all_numbers_are_inside_as_csv(history, text):
    name, coded = re.search(r'download="([^"]+)" href="data:[^,]+;base64,([^"]+)"', text).groups()
    data = base64.b64decode(coded)
    content = gzip.decompress(data) if name.endswith(".gz") else data
    head, *rows = csv.reader(io.StringIO(content.decode()))
    assert head[3:] == [run.id for run in history.runs]
    assert len(rows) == len(history.trends)
    assert float(rows[0][3]) == pytest.approx(history.trends[0].values[0], rel=1e-5)


def test_what_a_run_lacks_is_a_gap_and_little_is_no_fault():
    history = synthetic_history(3)
    key = next(iter(history.runs[0].values))
    first = replace(history.runs[0], values={key: history.runs[0].values[key]}, kinds={})
    runs = (first, *history.runs[1:])
    page = render(replace(history, runs=runs, trends=trends(runs)), chosen("en"))
    assert "So far 3 of the 8 runs from which on a change can be told from chance." in page
    assert 'id="changes"' not in page
    alone = render(replace(history, runs=(first,), trends=trends([first])), chosen("en"))
    assert alone.count("<article") == 1


def test_series_of_zeros_are_drawn():
    runs = synthetic_history(10).runs
    zero = tuple(replace(run, values=dict.fromkeys(run.values, float(run.id > "night-05"))) for run in runs)
    page = render(replace(synthetic_history(1), runs=zero, trends=trends(zero)), chosen("en"))
    assert re.search(r"from 0\b", shown(page))


def test_both_languages_are_whole_and_have_anchors_of_their_own(tmp_path):
    history = synthetic_history(12)
    text = build(history, tmp_path / "new", chosen("both")).read_text(encoding="utf-8")
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
    chinese = render(history, [language("zh")])
    english = {entry.id for entry in template() if entry.id and " " in entry.id and "%(" not in entry.id}
    assert not english & words_of(chinese)
    assert not [word for word in words_of(chinese) if re.search(r"\b(the|of|and|to|is|are)\b", word)]


def test_charts_are_english_and_translated_below_without_a_font(monkeypatch):
    monkeypatch.setattr("reports.fonts._font_for", lambda _: None)
    text = render(synthetic_history(8), [language("zh")])
    drawn = re.findall(r"<text[^>]*>([^<]+)</text>", text)
    assert not [word for word in drawn if re.search("[一-鿿]", word)]
    assert '<dt lang="en">Start call to first output</dt><dd>启动调用到第一次输出</dd>' in text


def test_a_place_that_can_not_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match="can't be written: .*; give another directory"):
        build(synthetic_history(1), tmp_path / "file/trends")


def test_a_browser_draws_it_and_filters_the_series(trends_page, tmp_path):
    seen, console = opened(trends_page, tmp_path, "--window-size=1200,1000", script=SEEN)
    assert console == []
    assert {"startup", "deploy", "image-size"} == {chart["name"] for chart in seen["drawn"]}
    for chart in seen["drawn"]:
        assert chart["width"] > 600, chart
        assert "tarebox" in chart["words"], chart
        assert "2026-01-02" in chart["words"], chart
    assert seen["left"] == ["runc"]
    assert seen["outer"] <= seen["inner"]


def test_levels_and_baselines_follow_the_series(history):
    (startup,) = [
        trend
        for trend in history.trends
        if isinstance(trend.identity, Identity)
        and (trend.identity.subject, trend.identity.scenario) == ("tarebox", "startup")
        and trend.identity.phase == "first-output"
    ]
    (first, second) = startup.levels
    assert (first[0], second[1], first[1] + 1) == (0, RUNS - 1, second[0])
    assert startup.level == second[2]
    assert len(startup.bases) == RUNS - 1
    assert startup.bases[0] == (startup.values[0], startup.values[0])
    assert startup.bases[-1] == (min(startup.values[-6:-1]), max(startup.values[-6:-1]))
