from dataclasses import replace

import pytest
from compared_runs import SUBJECTS, measured_run

from results.pairing import pair
from results.weather import Weathers, spread

EXIT = "startup/time/exit"


def weather_of(subject, base, new):
    pairs = pair(base, new).pairs
    found = next(each for each in pairs if (each.identity.subject, each.identity.name) == (subject, EXIT))
    return found, Weathers(new, pairs).of(found)


def test_it_is_what_the_others_changed_by():
    others = {"host": 1.3, "runc": 1.3, "vm-micro": 1.3}
    base, new = measured_run("a", 1, noise=0.001), measured_run("b", 2, noise=0.001, slower=others)
    _, weather = weather_of("tarebox", base, new)
    assert weather.change == pytest.approx(1.3, rel=0.01)


def test_one_that_changed_itself_is_not_taken_for_it():
    base, new = measured_run("a", 1, noise=0.001), measured_run("b", 2, noise=0.001, slower={"runc": 5.0})
    _, weather = weather_of("tarebox", base, new)
    assert weather.change == pytest.approx(1, rel=0.01)


def apart(noise, **slower):
    _, weather = weather_of(
        "tarebox", measured_run("a", 1, noise=noise), measured_run("b", 3, noise=noise, slower=slower)
    )
    return weather.apart


def test_what_one_run_and_the_next_have_of_their_own_is_apart():
    others = {"runc": 1.1, "vm-micro": 0.9}
    assert apart(0.001, **others) == pytest.approx(0.1 * 2**0.5, rel=0.1)
    assert apart(0.001, runc=1.5) == pytest.approx(0, abs=0.01)
    assert apart(0.3) < 0.15


def test_a_pair_without_it_varies_less():
    base, new = measured_run("a", 1, weather=0.3), measured_run("b", 2, weather=0.3)
    found, weather = weather_of("tarebox", base, new)
    assert spread(weather.without(found)) < spread(found) / 5


def test_the_host_is_judged_by_itself():
    assert weather_of("host", measured_run("a", 1), measured_run("b", 2))[1] is None


def test_who_is_of_the_same_version_tells_nothing():
    same = (SUBJECTS[0], SUBJECTS[1], replace(SUBJECTS[2], version=SUBJECTS[1].version), SUBJECTS[3])
    base, new = (measured_run(name, 1, subjects=same) for name in ("a", "b"))
    assert weather_of("tarebox", base, new)[1] is None
    assert weather_of("vm-micro", base, new)[1] is not None


def test_a_pass_that_too_few_others_made_has_none():
    base, new = measured_run("a", 1), measured_run("b", 2)
    fewer = tuple(each for each in new.records if each.pass_ < 10 or each.subject in ("tarebox", "runc"))
    found, weather = weather_of("tarebox", base, replace(new, records=fewer))
    assert 10 not in weather.new
    assert weather.without(found) is None
