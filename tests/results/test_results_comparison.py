import math
from dataclasses import replace

import pytest
from compared_runs import HOST, measured_run
from hypothesis import given, settings
from hypothesis import strategies as st
from result_strategies import runs

from results import Better, Record, ResultsError
from results.comparability import NotComparable, Obstacle
from results.comparison import LEAST_PASSES, Outcome, Verdict, compare
from results.joined import joined

BASE = measured_run("a", 1)
MIRRORED = {Verdict.REGRESSION: Verdict.IMPROVEMENT, Verdict.IMPROVEMENT: Verdict.REGRESSION}


def found(comparison, *verdicts):
    return {str(change.identity) for change in comparison.having(*verdicts)}


def test_two_runs_of_the_same_have_no_alarms():
    comparison = compare(BASE, measured_run("b", 2))
    assert found(comparison, Verdict.NONE) == {str(change.identity) for change in comparison.changes}
    assert comparison.outcome is Outcome.UNCHANGED == 0


@pytest.mark.parametrize("factor", [1.15, 1 / 1.15])
def test_a_slower_subject_is_found_in_its_metrics_alone_and_so_is_a_faster_one(factor):
    comparison = compare(BASE, measured_run("b", 2, slower={"tarebox": factor}))
    verdict = Verdict.REGRESSION if factor > 1 else Verdict.IMPROVEMENT
    assert found(comparison, Verdict.REGRESSION, Verdict.IMPROVEMENT) == found(comparison, verdict)
    assert found(comparison, verdict) == {
        "startup/time/created[tarebox]",
        "startup/time/first-output[tarebox]",
        "startup/time/exit[tarebox]",
        "nginx/requests[tarebox]",
    }
    assert comparison.outcome == (1 if factor > 1 else 0)
    for change in comparison.having(verdict):
        assert change.ratio.low < (change.new / change.base) < change.ratio.high


@given(st.integers(0, 50), st.floats(0.8, 1.25))
@settings(max_examples=20)
def test_the_other_way_round_regressions_are_improvements(seed, factor):
    new = measured_run("b", seed, slower={"runc": factor}, passes=6)
    there, back = compare(BASE, new), compare(new, BASE)
    for one, other in zip(there.changes, back.changes, strict=True):
        assert other.verdict is MIRRORED.get(one.verdict, one.verdict)
        assert other.threshold == pytest.approx(one.threshold)
        assert other.ratio.value == pytest.approx(1 / one.ratio.value)


def test_a_significant_change_within_the_threshold_is_none():
    quiet = measured_run("a", 1, noise=0.001)
    new = measured_run("b", 2, noise=0.001, slower={"tarebox": 1.015})
    assert not found(compare(quiet, new), Verdict.REGRESSION)
    change = next(each for each in compare(quiet, new).changes if each.identity.subject == "tarebox")
    assert change.discovery < 0.001
    comparison = compare(quiet, new, thresholds={"startup/time/exit": 0.01})
    assert found(comparison, Verdict.REGRESSION) == {"startup/time/exit[tarebox]"}


def test_a_large_change_that_may_be_chance_is_none():
    comparison = compare(measured_run("a", 1, noise=0.5), measured_run("b", 2, noise=0.5))
    assert not found(comparison, Verdict.REGRESSION, Verdict.IMPROVEMENT)
    assert max(abs(change.share) for change in comparison.changes) > 0.1


def test_many_samples_do_not_make_up_for_few_passes():
    few = LEAST_PASSES - 1
    comparison = compare(
        measured_run("a", 1, passes=few, rounds=100),
        measured_run("b", 2, passes=few, rounds=100, slower={"tarebox": 2}),
    )
    assert not found(comparison, Verdict.REGRESSION)
    untested = comparison.having(Verdict.UNTESTED)
    assert {change.reason for change in untested} == {"3 of at least 4 passes"}
    assert found(comparison, Verdict.NONE) == {"image-size/files[tarebox]", "image-size/oci-layer[tarebox]"}


def test_nothing_that_can_be_tested_is_not_comparable():
    bare = [
        replace(run, records=run.records[:-2])
        for run in (measured_run("a", 1, passes=2), measured_run("b", 2, passes=2))
    ]
    with pytest.raises(NotComparable, match="a and b have no metric with 4 passes in both; measure more"):
        compare(*bare)
    with pytest.raises(NotComparable, match="no metric"):
        compare(replace(BASE, records=()), replace(BASE, id="b", records=()))


@pytest.mark.parametrize(
    ("scenario", "metric", "unit", "was", "is_", "verdict"),
    [
        ("image-size", "files", "B", 2_400_000, 2_500_000, Verdict.REGRESSION),
        ("image-size", "files", "B", 2_400_000, 2_300_000, Verdict.IMPROVEMENT),
        ("image-size", "files", "B", 2_400_000, 2_400_900, Verdict.NONE),
        ("hardware", "devices", "1", 6, 7, Verdict.REGRESSION),
        ("hardware", "devices", "1", 0, 1, Verdict.REGRESSION),
        ("hardware", "devices", "1", 1, 0, Verdict.IMPROVEMENT),
        ("hardware", "drivers", "1", 6, 7, Verdict.CHANGE),
        ("isolation", "shared-kernel", "bool", 1, 0, Verdict.CHANGE),
        ("memory-limit", "goes-on", "bool", 0, 1, Verdict.REGRESSION),
    ],
)
def test_what_is_counted_needs_no_second_pass(scenario, metric, unit, was, is_, verdict):
    record = Record("tarebox", scenario, metric, unit, Better.LOWER, pass_=1, samples=(was,))
    base, new = (
        replace(run, records=(*run.records[:-2], replace(record, samples=(float(value),))))
        for run, value in ((BASE, was), (measured_run("b", 2), is_))
    )
    change = next(each for each in compare(base, new).changes if each.identity.scenario == scenario)
    assert change.verdict is verdict
    assert change.rank_p is None


@pytest.mark.parametrize(("was", "is_"), [(0.0, 3.0), (-2.0, 5.0), (3.0, 0.0), (-1.0, -4.0)])
def test_zero_and_negative_samples_are_compared_without_a_ratio(was, is_):
    def with_counts(run, value):
        counts = [
            Record(
                *("tarebox", "replacement", "failed-requests", "1", Better.LOWER),
                pass_=number,
                samples=(value + number % 2 / 10,),
            )
            for number in range(1, 11)
        ]
        return replace(run, records=(*run.records, *counts))

    base, new = with_counts(BASE, was), with_counts(measured_run("b", 2), is_)
    change = next(each for each in compare(base, new).changes if each.identity.scenario == "replacement")
    assert change.ratio is None
    assert change.verdict is (Verdict.REGRESSION if is_ > was else Verdict.IMPROVEMENT)


@pytest.mark.parametrize("factor", [1.15, 1 / 1.15])
def test_what_a_pass_slowed_for_all_alike_hides_no_change(factor):
    comparison = compare(
        measured_run("a", 1, weather=0.3, noise=0.02),
        measured_run("b", 2, weather=0.3, noise=0.02, slower={"tarebox": factor}),
    )
    verdict = Verdict.REGRESSION if factor > 1 else Verdict.IMPROVEMENT
    changes = comparison.having(Verdict.REGRESSION, Verdict.IMPROVEMENT)
    assert {(change.identity.subject, change.verdict) for change in changes} == {("tarebox", verdict)}
    assert all(change.is_even for change in changes)
    assert all(
        change.ratio.low < factor ** (1 if change.identity.unit == "s" else -1) < change.ratio.high
        for change in changes
    )


@pytest.mark.parametrize("weather", [0.0, 0.3])
def test_what_all_changed_by_is_the_hosts_doing(weather):
    drifted = dict.fromkeys(("host", "tarebox", "runc", "vm-micro"), 1.25)
    base = measured_run("a", 1, weather=weather)
    new = measured_run("b", 1, weather=weather, slower=drifted)
    comparison = compare(base, new)
    alarms = comparison.having(Verdict.REGRESSION, Verdict.IMPROVEMENT)
    assert {change.identity.subject for change in alarms} <= {"host"}
    assert alarms or weather
    drifted["runc"] = 1.6
    more = compare(base, measured_run("b", 1, weather=weather, slower=drifted)).having(Verdict.REGRESSION)
    assert {change.identity.subject for change in more} - {"host"} == {"runc"}


def test_with_another_kernel_it_may_be_the_kernels():
    drifted = dict.fromkeys(("host", "tarebox", "runc", "vm-micro"), 1.2)
    new = measured_run("b", 2, slower=drifted, host={**HOST, "kernel": "6.2.0"})
    comparison = compare(BASE, new, allowed=[Obstacle.KERNEL])
    assert {change.identity.subject for change in comparison.having(Verdict.REGRESSION)} == set(drifted)
    assert [difference.obstacle for difference in comparison.differences] == ["kernel"]


def failure(reason, subject="runc"):
    return Record(
        subject, "startup", "failure", "1", Better.LOWER, pass_=1, samples=(), valid=False, notes=reason
    )


def test_what_failed_more_often_than_before_is_a_failed_measurement():
    new = measured_run("b", 2, slower={"tarebox": 1.5})
    broken = replace(new, records=(*new.records, failure("no runc")))
    comparison = compare(BASE, broken)
    assert [str(each) for each in comparison.failures] == ["startup of runc failed: no runc"]
    assert found(comparison, Verdict.REGRESSION)
    assert comparison.outcome is Outcome.FAILED == 4
    as_before = replace(BASE, records=(*BASE.records, failure("never could")))
    assert compare(as_before, broken).outcome is Outcome.REGRESSION
    unable = replace(new, records=(*new.records, failure("unsupported: has no network")))
    assert not compare(BASE, unable).failures


def with_failures(run, count):
    failed = Record(
        "runc", "nginx", "failure", "1", Better.LOWER, pass_=1, samples=(), valid=False, notes="no answer"
    )
    return replace(
        run, records=(*run.records, *(replace(failed, pass_=1 + number) for number in range(count)))
    )


def test_failures_of_a_baseline_are_those_of_one_of_its_runs():
    runs = [with_failures(measured_run(f"r{number}", number), 1) for number in range(3)]
    assert not compare(joined(runs), with_failures(measured_run("b", 9), 1)).failures
    assert compare(joined(runs), with_failures(measured_run("b", 9), 2)).outcome is Outcome.FAILED


def test_what_is_exact_is_compared_with_the_newest_run_of_a_baseline():
    def sized(name, size):
        run = measured_run(name, 1)
        records = tuple(
            replace(each, samples=(size,)) if each.metric == "files" else each for each in run.records
        )
        return replace(run, records=records)

    base = joined([sized("r1", 100.0), sized("r2", 100.0), sized("r3", 80.0)])
    (change,) = compare(base, sized("b", 90.0)).having(Verdict.REGRESSION)
    assert (change.identity.metric, change.base, change.new) == ("files", 80, 90)


def test_a_change_that_parts_all_passes_is_found_however_slow_the_noise():
    def swinging(name, seed, factor=1.0):
        run = measured_run(name, seed, passes=14, noise=0.005, slower={"tarebox": factor})
        return replace(
            run,
            records=tuple(
                replace(
                    each, samples=tuple(each_ * 1.05 ** math.sin(each.pass_ / 2) for each_ in each.samples)
                )
                for each in run.records
            ),
        )

    comparison = compare(swinging("a", 1), swinging("b", 2, 2.0))
    assert "startup/time/exit[tarebox]" in found(comparison, Verdict.REGRESSION)


def test_findings_in_words_are_told_and_alarm_nobody():
    def knowing(run, **facts):
        first = replace(run.records[0], facts=tuple(facts.items()))
        return replace(run, records=(first, *run.records[1:]))

    base, new = (
        knowing(BASE, clock="tsc", timer="hpet"),
        knowing(measured_run("b", 2), clock="kvm", bus="pci"),
    )
    comparison = compare(base, new)
    assert [(fact.name, fact.was, fact.is_) for fact in comparison.facts] == [
        ("clock", "tsc", "kvm"),
        ("timer", "hpet", ""),
        ("bus", "", "pci"),
    ]
    assert comparison.outcome is Outcome.UNCHANGED


def test_metrics_of_one_run_alone_are_listed():
    new = measured_run("b", 2)
    other = tuple(replace(each, phase="removed") if each.phase == "exit" else each for each in new.records)
    comparison = compare(BASE, replace(new, records=other))
    assert "startup/time/exit[tarebox]" in {str(identity) for identity in comparison.gone}
    assert "startup/time/removed[tarebox]" in {str(identity) for identity in comparison.added}


@given(runs(), runs())
def test_any_two_runs_are_compared_or_refused_in_one_line(base, new):
    try:
        comparison = compare(base, replace(new, id="other"), allowed=list(Obstacle))
    except ResultsError as error:
        assert "\n" not in str(error)
    else:
        assert comparison.outcome in (0, 1, 4)
