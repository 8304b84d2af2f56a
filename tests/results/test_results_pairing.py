from dataclasses import replace

from compared_runs import measured_run
from hypothesis import given
from result_strategies import runs

from results import SubjectInfo, Temperature
from results.pairing import medians, pair
from results.series import Identity


@given(runs(), runs())
def test_every_series_is_in_both_or_only_in_one(base, new):
    pairing = pair(base, new)
    both = [each.identity for each in pairing.pairs]
    before, after = ({Identity.of(record) for record in run.records if record.samples} for run in (base, new))
    assert {*both, *pairing.gone} == before
    assert {*both, *pairing.added} == after
    assert not set(pairing.gone) & set(pairing.added)
    assert len(both) == len(set(both))


@given(runs(), runs())
def test_the_other_way_round_it_is_the_same_pairs(base, new):
    there, back = pair(base, new), pair(new, base)
    assert {each.identity: (each.base, each.new) for each in there.pairs} == {
        each.identity: (each.new, each.base) for each in back.pairs
    }
    assert (set(there.gone), set(there.added)) == (set(back.added), set(back.gone))


@given(runs())
def test_a_run_is_its_own_pair(run):
    pairing = pair(run, run)
    assert all(each.base == each.new for each in pairing.pairs)
    assert not pairing.gone
    assert not pairing.added


def test_whatever_identifies_a_series_tells_it_from_others():
    base = measured_run("a", 1, passes=1)
    for change in (
        {"subject": "host"},
        {"scenario": "stop"},
        {"metric": "part"},
        {"phase": "removed"},
        {"unit": "B"},
        {"accelerator": "kvm"},
        {"temperature": Temperature.COLD},
    ):
        other = replace(base.records[4], **change)
        assert Identity.of(other) != Identity.of(base.records[4])


def test_a_pass_counts_once_and_warm_up_does_not():
    run = measured_run("a", 1, passes=4, rounds=3)
    first = run.records[0]
    slow = replace(first, samples=(99.0,) * 9, warm_up=True)
    split = (replace(first, samples=first.samples[:2]), replace(first, samples=first.samples[2:]))
    assert medians(replace(run, records=(slow, *split, *run.records[1:]))) == medians(run)


def test_a_control_is_no_pair():
    again = replace(measured_run("a", 1).subjects[1], name="tarebox-again", again="tarebox")
    run = measured_run("a", 1)
    records = tuple(replace(each, subject=again.name) for each in run.records if each.subject == "tarebox")
    both = replace(run, subjects=(*run.subjects, again), records=(*run.records, *records))
    assert isinstance(again, SubjectInfo)
    assert {each.identity.subject for each in pair(both, both).pairs} == {
        "host",
        "tarebox",
        "runc",
        "vm-micro",
    }
    assert pair(both, run).gone == ()


def test_names_are_those_that_thresholds_are_given_for():
    identity = Identity.of(measured_run("a", 1).records[-3])
    assert str(identity) == "nginx/requests[vm-micro,tcg]"
    cold = replace(identity, phase="get", temperature=Temperature.COLD, accelerator=None)
    assert str(cold) == "nginx/requests/get/cold[vm-micro]"
