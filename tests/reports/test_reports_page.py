import csv
import gzip
import io
import json
import re
from base64 import b64decode
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from synthetic_run import synthetic_run, without

import reports
from reports.page import bar, flattened
from reports.page import render as rendered
from reports.registry import marks
from reports.series import Measure, collect
from reports.strip import by_part
from results import Better, Record, ResultsError, Run, Temperature
from results.schema import validate


def render(run, raw=None):
    return rendered(reports.Source(run, raw))


class Outline(HTMLParser):
    """Collects what the tests ask about: tags, ids, headings, links."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.sources, self.scopeless = Counter(), [], [], [], 0
        self.headings = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags[tag] += 1
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.sources += [found["src"]] if "src" in found else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.scopeless += tag == "th" and "scope" not in found


@pytest.fixture(scope="module")
def text(page):
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outline(text):
    return Outline(text)


def test_the_page_needs_nothing_from_elsewhere(text, outline):
    assert not outline.sources
    assert all(link.startswith(("#", "data:")) for link in outline.links)
    assert "@import" not in text
    assert "url(http" not in text
    assert outline.tags["script"] == 1


def test_the_page_is_well_built(outline):
    assert [ident for ident, count in Counter(outline.ids).items() if count > 1] == []
    assert {link[1:] for link in outline.links if link.startswith("#")} <= set(outline.ids)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(
        after - before <= 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False)
    )
    assert outline.scopeless == 0
    assert outline.tags["figure"] == outline.tags["figcaption"] == outline.tags["article"]


def test_what_comes_from_outside_is_escaped(text):
    assert "<unsafe>" not in text
    assert "&lt;unsafe&gt;" in text


def test_emulation_is_said_only_where_it_was(text):
    assert "not hardware-virtualised" in text
    assert "vm-q35 (TCG)" in text
    kvm = render(synthetic_run(accelerator="kvm", passes=1, samples=1))
    assert "not hardware-virtualised" not in kvm
    assert "(TCG)" not in kvm.replace("emulated (TCG)", "")


def test_failures_and_unavailable_subjects_are_listed(text):
    assert "no space left on device" in text
    assert "the daemon is not running" in text


def test_an_incomplete_run_and_a_noisy_host_are_told(run, text):
    assert "Incomplete run" not in text
    assert "Noisy host" not in text
    noise = {"noisy": ["load", "swap"], "load": "9 on 2 CPUs before the run", "swap": "2048 KiB in use"}
    told = render(replace(run, complete=False, finished=None, host={**run.host, "noise": noise}))
    assert "Incomplete run" in told
    assert "The host was not quiet (load and swap)" in told
    assert "9 on 2 CPUs before the run" in told


def test_the_raw_data_is_inside(run, text):
    links = dict(re.findall(r'<a download="([^"]+)" href="data:[^,]+,([^"]+)"', text))
    block = json.loads(b64decode(links[f"{run.id}.json"]))["tarebench"]
    validate(block)
    assert Run.from_json(block) == run
    rows = list(csv.DictReader(io.StringIO(b64decode(links[f"{run.id}.csv"]).decode())))
    assert len(rows) == sum(len(record.samples) or 1 for record in run.records)


def test_the_file_it_was_read_from_is_offered_as_it_is(run, tmp_path):
    raw = tmp_path / "raw.jsonl"
    raw.write_bytes(b"anything")
    lean = replace(run, records=())
    assert 'download="raw.jsonl"' in render(lean, raw)
    with pytest.raises(ResultsError, match="can't be read"):
        render(lean, tmp_path / "missing.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda run: without(run, "vm-micro", "vm-q35"),
        lambda run: without(run, "tarebox", "runc", "crun", "docker"),
        lambda run: replace(run, subjects=(), records=(), host={}, plan={}),
        lambda run: replace(run, records=run.records[:1], complete=False),
    ],
)
def test_a_run_that_lacks_much_still_has_a_report(run, change):
    assert "</html>" in render(change(run))


def test_a_scenario_that_only_failed_has_a_section(run):
    failure = Record(
        "vm-micro",
        "deploy",
        "failure",
        "1",
        Better.LOWER,
        pass_=1,
        samples=(),
        valid=False,
        notes="no answer",
    )
    text = render(replace(run, records=(failure,)))
    assert "Nothing could be measured." in text
    assert "no answer" in text


def test_a_directory_that_can_not_be_written_is_told(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match="can't be written"):
        reports.build([reports.Source(replace(run, records=()))], tmp_path / "file")


def test_bars_grow_from_the_middle_and_end_at_the_edge():
    assert bar(1) == {"left": 50, "width": 0}
    assert bar(1000) == bar(1e9) == {"left": 50, "width": 50}
    assert bar(0.001) == bar(0) == {"left": 0, "width": 50}


def test_nested_facts_are_lines():
    facts = {"cpu": {"model": "x", "cores": 2}, "load": [0.5, 1], "empty": "", "none": None}
    assert flattened(facts) == [("cpu model", "x"), ("cpu cores", "2"), ("load", "0.5, 1")]


def test_every_number_leads_to_its_samples(run, text, outline):
    links = {link[1:] for link in outline.links if re.fullmatch(r"#s\d+", link)}
    assert {ident for ident in outline.ids if re.fullmatch(r"s\d+", ident)} == links
    record = next(record for record in run.records if record.metric == "host-cpu" and record.samples)
    assert f"{record.samples[0]:.6g}" in text


@pytest.mark.parametrize("place", ["comparison", "ratios", "startup", "cpu", "deploy"])
def test_every_number_of_the_tables_is_a_link_to_samples(text, place):
    part = text[text.index(f' id="{place}"') :]
    table = part[part.index("<tbody>") : part.index("</table>")]
    cells = re.findall(r'(?s)<tr class="evidence">(.*?)</tr>', table) or re.findall(
        r'(?s)<td class="number.*?</td>', table
    )
    assert len(cells) > 5
    for cell in cells:
        bare = re.sub(r'(?s)<th.*?</th>|<a href="#s\d+">.*?</a>|<abbr.*?</abbr>|<[^>]+>', "", cell)
        assert not bare.strip(" \n\N{EN DASH}"), cell


def test_a_ratio_leads_to_the_samples_of_what_is_compared(text):
    row = text[text.index(">Start to first output<") :]
    row = row[: row.index("</tr>")]
    container, vm, *ratio = (re.findall(r'href="#(s\d+)"', cell) for cell in row.split("<td")[1:])
    assert set(container) != set(vm)
    assert set(ratio[0]) == set(vm)


def test_ratios_are_coloured_by_what_is_better(text):
    cells = re.findall(r'<td class="number ([a-z]+-\d)" data-value="([\d.e+-]+)">', text)
    assert {shade for shade, ratio in cells if float(ratio) > 10} == {"worse-4"}
    assert len(cells) > 20


def test_published_figures_stand_beside_the_measured(text):
    assert "LightVM" in text
    assert "SOSP 2017, p. 218" in text
    assert "NSDI 2020, section 5.2" in text


def test_a_panel_of_parts_is_marked_where_one_of_them_was_published(run):
    qemu = Measure("memory", "part", "qemu", Temperature.WARM, "B", Better.LOWER)
    assert [value for _, value in marks(qemu)] == [131e6, 3e6]
    series = [("QEMU", item) for item in collect(run, qemu)]
    assert {panel.marks for panel in by_part("Parts", series, marks)} == {marks(qemu)}


def test_large_data_is_packed(run, monkeypatch):
    monkeypatch.setattr("reports.page.download._PACKED_FROM", 1000)
    text = render(run)
    links = dict(re.findall(r'<a download="([^"]+)" href="data:application/gzip;base64,([^"]+)"', text))
    assert set(links) == {f"{run.id}.json.gz", f"{run.id}.csv.gz"}
    block = json.loads(gzip.decompress(b64decode(links[f"{run.id}.json.gz"])))["tarebench"]
    assert Run.from_json(block) == run
