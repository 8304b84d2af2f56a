import copy
import json

import pytest
from hypothesis import given
from result_strategies import runs

from results import Better, Record, ResultsError, Run
from results.schema import SCHEMA_VERSION, validate, validate_record
from results.vocabulary import VOCABULARY, find

GOOD = {
    "id": "r1",
    "schema": SCHEMA_VERSION,
    "started": "2026-11-24T08:00:00.5+00:00",
    "finished": None,
    "complete": False,
    "profile": "quick",
    "seed": 1,
    "plan": {},
    "host": {},
    "subjects": [{"name": "host", "kind": "host", "version": "", "available": True, "reason": ""}],
    "records": [
        {
            "subject": "host",
            "scenario": "cpu",
            "metric": "time",
            "unit": "s",
            "better": "lower",
            "phase": "gzip",
            "temperature": "warm",
            "pass": 1,
            "samples": [1.5, 2],
            "accelerator": None,
            "valid": True,
            "notes": "",
        }
    ],
}


@given(runs())
def test_a_run_survives_json(run):
    block = json.loads(json.dumps(run.as_json()))
    validate(block)
    assert Run.from_json(block) == run


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("records", 0, "samples"), [1.0, float("nan")], "$.records[0].samples[1]"),
        (("records", 0, "samples"), [float("inf")], "$.records[0].samples[0]"),
        (("records", 0, "samples"), [10**400], "$.records[0].samples[0]"),
        (("records", 0, "samples"), [-1], "$.records[0].samples[0]"),
        (("records", 0, "samples"), [True], "$.records[0].samples[0]"),
        (("records", 0, "samples"), [], "$.records[0].notes"),
        (("records", 0, "valid"), False, "$.records[0].samples"),
        (("records", 0, "pass"), 1.5, "$.records[0].pass"),
        (("records", 0, "accelerator"), "xen", "$.records[0].accelerator"),
        (("records", 0, "subject"), "lxc", "$.records[0].subject"),
        (("records", 0, "surprise"), 1, "$.records[0]"),
        (("subjects", 0, "available"), False, "$.subjects[0].reason"),
        (("subjects", 0, "kind"), "pod", "$.subjects[0].kind"),
        (("started",), "yesterday", "$.started"),
        (("id",), "../escape", "$.id"),
        (("schema",), "1", "$.schema"),
    ],
)
def test_a_broken_block_is_refused_in_one_line_that_names_the_place(path, value, named):
    block = copy.deepcopy(GOOD)
    validate(block)
    *parents, last = path
    target = block
    for key in parents:
        target = target[key]
    target[last] = value
    with pytest.raises(ResultsError) as caught:
        validate(block)
    message = str(caught.value)
    assert f"{named}:" in message
    assert "\n" not in message
    assert len(message) < 300


def test_negative_bytes_are_refused_except_where_the_metric_is_a_difference():
    def record(metric):
        return Record("host", "memory", metric, "B", Better.LOWER, pass_=1, samples=(-1.0,))

    with pytest.raises(ResultsError):
        validate_record(record("pss"))
    validate_record(record("memavailable"))


def test_a_newer_schema_is_refused_with_what_to_do():
    with pytest.raises(ResultsError, match="update Tarebench"):
        validate({**GOOD, "schema": SCHEMA_VERSION + 1})


def test_an_older_schema_is_migrated():
    older = {**GOOD, "schema": 1}
    validate(older)
    block = Run.from_json(older).as_json()
    validate(block)
    assert block == {**GOOD, "precision": [], "visits": []}


@pytest.mark.parametrize("block", [None, [], "text", {}, 3])
def test_something_else_is_refused(block):
    with pytest.raises(ResultsError):
        validate(block)


def test_a_subject_may_not_be_listed_twice():
    with pytest.raises(ResultsError, match="twice"):
        validate({**GOOD, "subjects": GOOD["subjects"] * 2})


def test_the_vocabulary_is_documented(pytestconfig):
    document = (pytestconfig.rootpath / "docs/results-schema.md").read_text(encoding="utf-8")
    for metric in VOCABULARY:
        line = next(
            line
            for line in document.splitlines()
            if line.startswith(f"| {metric.scenario} | {metric.name} |")
        )
        assert f"| {metric.unit} |" in line
        assert all(phase in line for phase, _ in metric.phases)
    assert find("cpu", "time").unit == "s"
    assert find("cpu", "unheard") is None
