import json
import re
from dataclasses import replace
from xml.etree import ElementTree as Xml

import pytest
from compared_runs import measured_run
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.comparisons import formats, rendered
from results import Better, Record
from results.comparison import compare

FAILURE = Record(
    "runc", "stop", "failure", "1", Better.LOWER, pass_=1, samples=(), valid=False, notes="no <runc> | here"
)


@pytest.fixture(scope="module")
def comparison():
    """A regression of tarebox, an improvement of runc, a failure, and what was measured once."""
    new = measured_run("b", 2, slower={"tarebox": 1.2, "runc": 1 / 1.2})
    once = Record("tarebox", "cpu", "time", "s", Better.LOWER, pass_=1, samples=(1.0,))
    base = measured_run("a", 1)
    return compare(
        replace(base, records=(*base.records, once)),
        replace(new, records=(*new.records, once, FAILURE)),
        thresholds={"startup": 0.05, "nginx": 0.05},
    )


def test_there_is_a_file_for_each_format():
    assert formats() == ("json", "junit", "markdown", "text")


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_people_are_told_alarms_verdict_and_failures(comparison, name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    lines = rendered(comparison, name).replace("\\", "").splitlines()
    regression = next(line for line in lines if "startup/time/exit" in line and "tarebox" in line)
    for told in ("ms", "+", "regression"):
        assert told in regression
    assert any("startup/time/exit" in line and "improvement" in line for line in lines)
    assert not any("vm-micro" in line for line in lines)
    assert "4 regressions and 4 improvements among 18 metrics; 1 more have too few passes." in lines
    assert any("Failed: stop of runc failed: no <runc> | here." in line for line in lines)


def test_no_text_breaks_out_of_a_cell(comparison):
    text = rendered(comparison, "markdown")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {9}
    assert "no \\<runc\\> \\| here" in text


def test_programs_are_told_everything(comparison):
    told = json.loads(rendered(comparison, "json"))
    assert (told["base"], told["new"], told["exit_code"]) == ("a", "b", 4)
    assert len(told["changes"]) == 19
    change = next(each for each in told["changes"] if each["series"] == "startup/time/exit[tarebox]")
    value, low, high = change["ratio"]
    assert low < value < high
    assert change["change"] == pytest.approx(value - 1, abs=0.01)
    assert change["false_discovery_rate"] <= 0.05
    assert change["passes"] == [10, 10]
    assert told["failures"] == [{"subject": "runc", "scenario": "stop", "reason": "no <runc> | here"}]


def test_test_services_are_told_a_case_for_each_metric(comparison):
    suites = Xml.fromstring(rendered(comparison, "junit"))
    startup = next(suite for suite in suites if suite.get("name") == "startup")
    counts = {name: startup.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "12", "failures": "3", "errors": "0", "skipped": "0"}
    failed = [case.get("name") for case in startup if case.find("failure") is not None]
    assert failed == [f"startup/time/{phase}[tarebox]" for phase in ("created", "first-output", "exit")]
    cpu = next(suite for suite in suites if suite.get("name") == "cpu")
    assert cpu[0].find("skipped").get("message") == "1 of at least 4 passes"
    stop = next(suite for suite in suites if suite.get("name") == "stop")
    assert (stop.get("errors"), stop[0].find("error").get("message")) == ("1", "no <runc> | here")


def test_from_nothing_there_is_no_percentage():
    def counted(run, value):
        record = Record("tarebox", "hardware", "devices", "1", Better.LOWER, pass_=1, samples=(value,))
        return replace(run, records=(*run.records, record))

    comparison = compare(counted(measured_run("a", 1), 0.0), counted(measured_run("b", 2), 3.0))
    assert "from 0" in rendered(comparison, "text")
    told = json.loads(rendered(comparison, "json"))
    assert next(each for each in told["changes"] if each["name"] == "hardware/devices")["change"] is None


@given(st.text(st.characters(codec="utf-8", categories=("Cc", "Cn", "Lu", "Po")), min_size=1))
@settings(max_examples=20)
def test_whatever_words_a_run_has_each_format_is_whole(words):
    base, new = measured_run("a", 1, passes=4), measured_run("b", 2, passes=4, slower={"runc": 9.0})
    named = [
        replace(run, records=tuple(replace(each, phase=words) for each in run.records)) for run in (base, new)
    ]
    failed = replace(FAILURE, scenario=words, notes=words)
    comparison = compare(named[0], replace(named[1], records=(*named[1].records, failed)))
    json.loads(rendered(comparison, "json"))
    Xml.fromstring(rendered(comparison, "junit"))
    table = [line for line in rendered(comparison, "markdown").split("\n") if line.startswith("| ")]
    assert {re.sub(r"\\.", "", line).count("|") for line in table} == {9}
    rendered(comparison, "text")
