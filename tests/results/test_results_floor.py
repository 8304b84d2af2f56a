import math
from dataclasses import replace

import pytest
from compared_runs import SUBJECTS, measured_run

from results.floor import MINIMUM, MINIMUM_BYTES, Floors
from results.joined import joined
from results.pairing import pair
from results.weather import Weathers
from tare.errors import UsageError

QUIET = {"noise": 1e-6}


def threshold(base, new, name, subject="tarebox", given=None):
    floors = Floors(base, new, given or {})
    return next(
        floors.of(each)
        for each in pair(base, new).pairs
        if (each.identity.name, each.identity.subject) == (name, subject)
    )


def again(run, factor):
    """With a control that is slower than the subject it is."""
    subject = replace(SUBJECTS[1], name="tarebox-again", again="tarebox")
    records = tuple(
        replace(each, subject=subject.name, samples=tuple(factor * sample for sample in each.samples))
        for each in run.records
        if each.subject == "tarebox"
    )
    return replace(run, subjects=(*run.subjects, subject), records=(*run.records, *records))


def test_without_noise_it_is_the_minimum():
    base, new = measured_run("a", 1, **QUIET), measured_run("b", 2, **QUIET)
    assert threshold(base, new, "startup/time/exit") == MINIMUM


@pytest.mark.parametrize("factor", [1.07, 1 / 1.07])
def test_a_control_apart_from_its_subject_raises_it_for_all_containers(factor):
    base, new = measured_run("a", 1, **QUIET), again(measured_run("b", 2, **QUIET), factor)
    for one, other in ((base, new), (new, base)):
        assert threshold(one, other, "startup/time/exit") == pytest.approx(0.07, rel=0.01)
        assert threshold(one, other, "startup/time/exit", "runc") == pytest.approx(0.07, rel=0.01)
        assert threshold(one, other, "startup/time/exit", "vm-micro") == MINIMUM


def test_passes_that_drift_raise_it():
    base, new = measured_run("a", 1, **QUIET), measured_run("b", 2, **QUIET)
    drifting = tuple(
        replace(each, samples=tuple(1.08 * sample for sample in each.samples)) if each.pass_ > 5 else each
        for each in new.records
    )
    assert threshold(base, replace(new, records=drifting), "startup/time/exit") == pytest.approx(
        0.08, rel=0.01
    )


def test_what_changed_between_runs_for_others_raises_it():
    own = {"host": 1.0, "runc": 1.1, "vm-micro": 0.9}
    pairs = pair(measured_run("a", 1, **QUIET), measured_run("b", 2, **QUIET, slower=own)).pairs
    weathers = Weathers(measured_run("b", 2), pairs)
    name = ("startup/time/exit", "tarebox")
    found = next(each for each in pairs if (each.identity.name, each.identity.subject) == name)
    floors = Floors(measured_run("a", 1, **QUIET), measured_run("b", 2, **QUIET), {})
    assert floors.of(found, weathers.of(found)) == pytest.approx(math.expm1(0.2 * 2**0.5), rel=0.1)


def test_runs_of_a_baseline_that_are_apart_raise_it():
    levels = (1.0, 1.1, 0.9)
    base = joined(
        [
            measured_run(f"r{number}", number, **QUIET, slower={"tarebox": level})
            for number, level in enumerate(levels)
        ]
    )
    new = measured_run("b", 9, **QUIET)
    assert threshold(base, new, "startup/time/exit") == pytest.approx(0.22, rel=0.05)
    assert threshold(new, base, "startup/time/exit") == pytest.approx(0.22, rel=0.05)
    assert threshold(base, new, "startup/time/exit", "runc") == MINIMUM


def test_exact_metrics_have_none_unless_they_vary_themselves():
    base, new = measured_run("a", 1), measured_run("b", 2)
    assert threshold(base, new, "image-size/files") == MINIMUM_BYTES
    size = next(record for record in new.records if record.metric == "files")
    more = replace(size, pass_=2, samples=(size.samples[0] * 1.05,))
    assert threshold(base, replace(new, records=(*new.records, more)), "image-size/files") == pytest.approx(
        0.05
    )
    count = replace(size, scenario="hardware", metric="devices", unit="1")
    counted = [replace(run, records=(*run.records, count)) for run in (base, new)]
    assert threshold(*counted, "hardware/devices") == 0


def test_the_longest_name_that_is_given_counts():
    base, new = measured_run("a", 1), measured_run("b", 2)
    given = {"startup": 0.5, "startup/time": 0.4, "startup/time/exit": 0.0}
    assert threshold(base, new, "startup/time/exit", given=given) == 0
    assert threshold(base, new, "startup/time/created", given=given) == 0.4


@pytest.mark.parametrize("name", ["start", "startup/tim", "startup/time/exit/warm", ""])
def test_a_threshold_for_nothing_is_a_fault(name):
    with pytest.raises(UsageError, match="no metric of these runs is called"):
        Floors(measured_run("a", 1, passes=1), measured_run("b", 2, passes=1), {name: 0.1})
