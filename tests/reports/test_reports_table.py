from dataclasses import replace

import pytest
from synthetic_run import synthetic_run, without

from reports.table import Verdict, comparison
from reports.terminal import render
from reports.verdict import floor, precision, sentence
from results import Better, Kind, Record, SubjectInfo
from results.precision import Ended, Precision


def rows_of(run):
    return {row.title: row for row in comparison(run).rows}


def test_six_rows_each_with_evidence(run):
    table = comparison(run)
    assert [row.title for row in table.rows] == [
        "Operating system",
        "Storage size",
        "Run performance",
        "Portability",
        "Hardware affinity",
        "Deployment speed",
    ]
    assert (table.container.name, table.vm.name, table.accelerator) == ("tarebox", "vm-micro", "tcg")
    for row in table.rows:
        assert row.container
        assert row.vm
        assert row.evidence
        assert not row.reason
    speed = rows_of(run)["Run performance"]
    assert speed.verdict is Verdict.CONTAINER
    assert 8 < speed.ratio.low < speed.ratio.value < speed.ratio.high < 10
    assert rows_of(run)["Operating system"].verdict is Verdict.DIFFERENT


def test_the_side_with_the_better_median_leads(run):
    swapped = {"tarebox": "vm-micro", "vm-micro": "tarebox"}
    records = tuple(
        replace(record, subject=swapped.get(record.subject, record.subject))
        for record in run.records
        if record.scenario == "cpu"
    )
    row = rows_of(replace(run, records=records))["Run performance"]
    assert row.verdict is Verdict.VM
    assert row.ratio.value < 1
    assert "tarebox" in sentence(comparison(replace(run, records=records)))


def test_an_interval_around_one_is_no_difference(run):
    def cpu(subject, *samples):
        return Record(subject, "cpu", "time", "s", Better.LOWER, phase="gzip", pass_=1, samples=samples)

    records = (cpu("tarebox", 1.0, 1.2, 0.9, 1.1), cpu("vm-micro", 1.1, 0.9, 1.0, 1.25))
    assert rows_of(replace(run, records=records))["Run performance"].verdict is Verdict.EVEN


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda run: without(run, "vm-micro", "vm-q35"), "no virtual machine was among the subjects"),
        (
            lambda run: without(run, "tarebox", "runc", "crun", "docker"),
            "no container was among the subjects",
        ),
        (
            lambda run: replace(run, records=tuple(r for r in run.records if r.scenario != "cpu")),
            "cpu was not measured for tarebox",
        ),
        (
            lambda run: replace(
                run, complete=False, records=tuple(r for r in run.records if r.scenario != "cpu")
            ),
            "cpu was not measured for tarebox before the run ended",
        ),
    ],
)
def test_a_row_without_data_says_why(run, change, reason):
    row = rows_of(change(run))["Run performance"]
    assert row.verdict is Verdict.NOT_MEASURED
    assert row.reason == reason


def test_a_row_that_failed_says_so(run):
    failure = Record(
        "vm-micro", "cpu", "failure", "1", Better.LOWER, pass_=1, samples=(), valid=False, notes="never ready"
    )
    kept = tuple(r for r in run.records if (r.subject, r.scenario) != ("vm-micro", "cpu"))
    row = rows_of(replace(run, records=(*kept, failure)))["Run performance"]
    assert row.reason == "vm-micro failed: never ready"


def test_an_unavailable_subject_gives_its_reason(run):
    lone = tuple(
        SubjectInfo(s.name, s.kind, "", available=False, reason="QEMU is missing") if s.kind == "vm" else s
        for s in run.subjects
    )
    kept = tuple(r for r in run.records if not r.subject.startswith("vm"))
    changed = replace(run, subjects=lone, records=kept)
    assert rows_of(changed)["Run performance"].reason == "vm-micro is unavailable: QEMU is missing"
    assert sentence(comparison(changed)) == "Nothing was measured for both sides."


def test_another_subject_speaks_for_its_kind_when_the_first_has_nothing(run):
    kept = tuple(r for r in run.records if r.subject != "tarebox")
    assert comparison(replace(run, records=kept)).container.name == "runc"


def test_the_terminal_shows_the_table_the_verdict_and_its_limits(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    text = " ".join(render(comparison(run), run).split())
    for part in (
        "Deployment speed",
        "vm-micro (TCG)",
        "not hardware-virtualised",
        "docker: the daemon is not running",
    ):
        assert part in text
    assert "incomplete" not in text
    assert "incomplete" in render(comparison(run), replace(run, complete=False))


def test_kvm_is_not_marked(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    kvm = synthetic_run(accelerator="kvm")
    text = render(comparison(kvm), kvm)
    assert "TCG" not in text
    assert "emulat" not in text


def test_nothing_at_all_is_still_a_table(run):
    empty = replace(run, subjects=(), records=())
    table = comparison(empty)
    assert all(row.verdict is Verdict.NOT_MEASURED for row in table.rows)
    assert "no comparison" in render(table, empty)


def test_a_subject_asked_twice_gives_the_noise_floor_and_nothing_else(run):
    again = SubjectInfo("tarebox-again", Kind.CONTAINER, "0.1.0", available=True, again="tarebox")
    twice = [
        replace(record, subject=again.name, samples=tuple(sample * 1.5 for sample in record.samples))
        for record in run.records
        if record.subject == "tarebox"
    ]
    asked = replace(run, subjects=(*run.subjects, again), records=(*run.records, *twice))
    assert "tarebox against itself" in floor(asked)
    assert "1.50\N{MULTIPLICATION SIGN}" in floor(asked)
    assert floor(asked) in " ".join(render(comparison(asked), asked).split())
    assert rows_of(asked) == rows_of(run)
    assert floor(run) == ""


def test_what_is_less_certain_is_told_by_scenario(run):
    def of(scenario, interval, ended=Ended.BUDGET):
        return Precision(scenario, f"{scenario}-{interval}", "time", "", 3, interval, 0.02, ended)

    found = (
        *(of("startup", interval) for interval in (0.03, 0.05, 0.04, 0.1)),
        *(of("cpu", 0.03), of("cpu", 0.01, Ended.TARGET), of("disk", None)),
    )
    assert precision(replace(run, precision=found)) == (
        "Less certain than ±2%: startup of 4 subjects (±3.0% to ±10.0%, time budget used) and cpu of "
        "cpu-0.03 (±3.0%, time budget used). Too few samples for an interval: disk."
    )
