"""One run or several in every format."""

import csv
import json
import re
from dataclasses import replace
from importlib.resources import files

import pytest
from PIL import Image
from synthetic_run import only, synthetic_run

import reports
from reports.languages import chosen, language
from reports.paint import PAINTS
from tare.errors import UsageError


@pytest.fixture(scope="module")
def sources(run):
    other = replace(synthetic_run(accelerator="kvm", seed=2), id="other")
    return [reports.Source(only(each, "startup", "cpu", "deploy")) for each in (run, other)]


def test_every_format_is_known():
    assert reports.format_names() == ("csv", "html", "json", "md", "png")


def test_an_unknown_format_is_refused_in_one_line(run, tmp_path):
    with pytest.raises(UsageError, match="no format 'pdf'"):
        reports.build([reports.Source(run)], tmp_path, ["pdf"])


def test_several_runs_have_a_page_each_and_one_beside_each_other(sources, tmp_path):
    paths = reports.build(sources, tmp_path)
    assert [path.name for path in paths] == ["index.html", f"run-{sources[0].run.id}.html", "run-other.html"]
    text = paths[0].read_text(encoding="utf-8")
    assert set(re.findall(r'href="([^"#]+\.html)"', text)) == {path.name for path in paths[1:]}
    assert "TCG, emulated" in text
    assert ">KVM<" in text
    assert "Deployment speed: Image to HTTP 200" in text


def test_runs_of_one_id_are_told_apart(lean, tmp_path):
    run = only(lean, "isolation")
    paths = reports.build([reports.Source(run), reports.Source(run)], tmp_path)
    assert [path.name for path in paths[1:]] == [f"run-{run.id}-1.html", f"run-{run.id}-2.html"]


def test_every_sample_is_in_the_csv(sources, tmp_path):
    (path,) = reports.build(sources, tmp_path, ["csv"])
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    records = [record for source in sources for record in source.run.records]
    assert len(rows) == sum(len(record.samples) or 1 for record in records)
    assert {row["run"] for row in rows} == {source.run.id for source in sources}


def test_estimates_and_samples_are_in_the_json(sources, tmp_path):
    (path,) = reports.build(sources, tmp_path, ["json"], [language("zh")])
    found = json.loads(path.read_text(encoding="utf-8"))["runs"]
    assert [run["id"] for run in found] == [source.run.id for source in sources]
    assert found[0]["comparison"][2]["aspect"] == "Run performance"
    assert found[0]["comparison"][2]["verdict"] == "container"
    cpu = next(
        each for each in found[0]["measures"] if (each["scenario"], each["subject"]) == ("cpu", "vm-micro")
    )
    assert 8 < cpu["to_container"]["low"] < cpu["to_container"]["value"] < cpu["to_container"]["high"] < 10
    assert set(cpu["samples"]) == {"1", "2", "3"}


def test_markdown_has_the_table_and_every_median(run, tmp_path):
    english, chinese = reports.build([reports.Source(run)], tmp_path, ["md"], chosen("both"))
    assert (english.name, chinese.name) == ("report.md", "report.zh.md")
    text = english.read_text(encoding="utf-8")
    assert "| **Deployment speed** | As fast as a process starts |" in text
    assert "### Start call to first output" in text
    for line in text.splitlines():
        assert not line.startswith("|") or line.count(" | ") in (3, 4), line
    assert "| **部署速度** |" in chinese.read_text(encoding="utf-8")


def test_charts_as_images_have_the_colours_of_a_light_page(run, tmp_path):
    records = tuple(record for record in run.records if record.scenario == "cpu")
    paths = reports.build([reports.Source(replace(run, records=records))], tmp_path, ["png"], chosen("both"))
    assert [path.name for path in paths] == ["cpu.png", "cpu.zh.png"]
    with Image.open(paths[0]) as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
        assert image.width > 1200
    assert {(0x00, 0x72, 0xB2), (0xC7, 0x53, 0x00), (255, 255, 255)} <= colours


def test_images_and_pages_use_the_same_colours():
    css = files("reports.page").joinpath("report.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", css[: css.index("@media")]))
    for paint in PAINTS:
        name = "ink" if paint.css == "currentColor" else paint.css[len("var(--") : -1]
        assert light[name] == paint.light
