"""The report in other languages: nothing left in English, nothing translated that no longer exists."""

import json
import re
import string

import pytest
from babel.messages.pofile import read_po

import reports.fonts
from reports.languages import DIRECTORY, ENGLISH, chosen, codes, gettext, language, speaking
from reports.languages.__main__ import update
from reports.languages.extraction import template
from reports.page import _body, _drawings, render
from reports.page.figures import figure_texts
from reports.registry import charts_known
from reports.source import Source
from reports.table import comparison
from reports.terminal import render as in_terminal
from reports.units import interval, quantity, times
from results.statistics import Estimate
from tare.errors import UsageError

FONT = "this test needs a font with Chinese, see tools/setup --test"
OTHERS = codes()[1:]


def catalog(code):
    with (DIRECTORY / f"{code}.po").open("rb") as file:
        return read_po(file)


def placeholders(text):
    named = [name for _, name, _, _ in string.Formatter().parse(re.sub(r"%\(\w+\)s", "", text)) if name]
    return sorted([*named, *re.findall(r"%\(\w+\)s|%%", text)])


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_is_translated_and_none_is_left_over(code):
    wanted = {entry.id for entry in template() if entry.id}
    entries = [entry for entry in catalog(code) if entry.id]
    missing = wanted - {entry.id for entry in entries if entry.string and not entry.fuzzy}
    assert not missing, "`python -m reports.languages` adds these to the catalog, to be translated"
    assert not {entry.id for entry in entries} - wanted, "`python -m reports.languages` takes these out"
    assert not catalog(code).obsolete


@pytest.mark.parametrize("code", OTHERS)
def test_translations_have_the_same_placeholders(code):
    for entry in catalog(code):
        if entry.id:
            assert placeholders(entry.string) == placeholders(entry.id), entry.id


def test_a_translator_begins_with_one_file(tmp_path):
    update(tmp_path / "fr.po")
    text = (tmp_path / "fr.po").read_text(encoding="utf-8")
    assert 'msgid "Deployment speed"\nmsgstr ""' in text
    finished = text.replace(
        'msgid "Deployment speed"\nmsgstr ""', 'msgid "Deployment speed"\nmsgstr "Vitesse"'
    )
    (tmp_path / "fr.po").write_text(finished.replace('"Median"', '"No longer there"'), encoding="utf-8")
    update(tmp_path / "fr.po")
    again = (tmp_path / "fr.po").read_text(encoding="utf-8")
    assert 'msgstr "Vitesse"' in again
    assert "No longer there" not in again
    assert 'msgid "Median"' in again


def test_an_unknown_language_is_refused_in_one_line():
    with pytest.raises(UsageError, match="no report in 'tlh'"):
        chosen("tlh")


def test_english_is_spoken_unless_something_else_is():
    with speaking(language("zh")):
        assert gettext("Median") == "中位数"
        assert quantity(1, "bool") == "是"
        assert quantity(0.0123, "s") == "12.3 ms"
        assert times(4.5) == "4.50 倍"
        assert interval(Estimate(0.0123, 0.0121, 0.0126, 9), "s") == "12.1 至 12.6 ms"
        with speaking(ENGLISH):
            assert gettext("Median") == "Median"
    assert gettext("Median") == "Median"


def test_the_table_in_the_terminal_is_chinese(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    with speaking(language("zh")):
        text = in_terminal(comparison(run), run)
    assert "部署速度" in text
    assert "容器领先" in text
    assert "虚拟机是模拟运行的" in text


@pytest.fixture(scope="module")
def chinese(run):
    return render(Source(run), [language("zh")])


def words_of(page):
    """What a reader of the page sees but for what the data say in English, one text an item."""
    body = re.sub(r"(?s)<(style|script)>.*?</\1>", "", page[page.index("<body") :])
    body = re.sub(r'(?s)<(\w+)(?: class="[^"]*")? lang="en">.*?</\1>', "", body)
    seen = [
        *re.findall(r'(?:aria-label|data-(?:label|sort|filter)|title)="([^"]+)"', body),
        *re.findall(r">([^<]+)<", body),
    ]
    return {" ".join(text.split()) for text in seen}


def test_no_english_text_is_left_in_the_chinese_page(chinese):
    english = {entry.id for entry in template() if entry.id and " " in entry.id and "%(" not in entry.id}
    assert not english & words_of(chinese)
    assert '<html lang="zh-Hans">' in chinese
    assert not [text for text in words_of(chinese) if re.search(r"\b(the|of|and|to|is|are)\b", text)]


def test_charts_are_drawn_in_chinese_where_a_font_can(chinese):
    assert reports.fonts._font_for(frozenset("中位数")), FONT
    drawn = re.findall(r"<text[^>]*>([^<]+)</text>", chinese)
    assert "启动调用到第一次输出" in drawn
    assert 'class="glossary"' not in chinese


def test_without_a_font_charts_are_english_and_the_page_translates_them(lean, monkeypatch):
    monkeypatch.setattr("reports.fonts._font_for", lambda _: None)
    text = render(Source(lean), [language("zh")])
    drawn = re.findall(r"<text[^>]*>([^<]+)</text>", text)
    assert "Start call to first output" in drawn
    assert not [word for word in drawn if re.search("[一-鿿]", word)]
    assert '<dt lang="en">Start call to first output</dt><dd>启动调用到第一次输出</dd>' in text


def test_alternative_texts_are_chinese(run):
    with speaking(language("zh")):
        for chart in charts_known():
            assert not re.search(r"\b(the|of|and|to)\b", chart.alt(run)), chart.alt(run)


def test_both_languages_are_in_one_page_that_has_its_numbers_once(both):
    text = both.read_text(encoding="utf-8")
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
    assert text.count("data:text/csv") == text.count('id="startup"') == 1
    (found,) = re.findall(r'<script type="application/json" id="languages">(.*?)</script>', text)
    languages = json.loads(found)
    assert languages["en"]["texts"] == {}
    assert languages["zh"]["texts"]["Deployment speed"] == "部署速度"


def test_a_text_of_the_page_has_one_translation(run):
    """Also one that is the same in both, such as a subject's name: what is changed is found by its text."""
    said = []
    for one in chosen("both"):
        with speaking(one):
            said.append(_body(run, (), figure_texts(_drawings(run, anywhere=True)), alone=False).texts)
    found = {}
    for text, other in zip(*said, strict=True):
        found.setdefault(text, set()).add(other)
    assert not {text: others for text, others in found.items() if len(others) > 1}
