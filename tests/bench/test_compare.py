"""`tarebench compare`: its exit codes and what it says of input that makes no sense."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from compared_runs import HOST, measured_run

from bench.cli import main
from results.store import Store


@pytest.fixture
def compared(tmp_path, capsys):
    """Stores two runs, compares them, and returns exit code, output and errors."""

    def compare(base, new, *options):
        store = Store(tmp_path)
        paths = [
            str(each if not hasattr(each, "records") else store.save(each, force=True))
            for each in (base, new)
        ]
        try:
            code = main(["compare", *paths, *options])
        except SystemExit as exit_:
            code = exit_.code
        return code, *capsys.readouterr()

    return compare


BASE = measured_run("a", 1)
SAME = measured_run("b", 2)
SLOWER = measured_run("b", 2, slower={"tarebox": 1.3})
FASTER = measured_run("b", 2, slower={"tarebox": 0.7})


def test_no_regression_is_0(compared):
    code, told, errors = compared(BASE, SAME)
    assert (code, errors) == (0, "")
    assert "0 regressions and 0 improvements among 18 metrics." in told
    assert compared(BASE, FASTER)[0] == 0


def test_a_regression_is_1(compared):
    code, told, _ = compared(BASE, SLOWER)
    assert code == 1
    assert "4 regressions and 0 improvements among 18 metrics." in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--format", "pdf"), "no format is called 'pdf'; choose from json, junit, markdown, text"),
        (("--allow", "weather"), "nothing to allow is called 'weather'; choose from machine, "),
        (("--threshold", "startup"), "'startup' is no METRIC=PERCENT"),
        (("--threshold", "startup=-1"), "'startup=-1' is no METRIC=PERCENT"),
        (("--threshold", "startup=nan"), "'startup=nan' is no METRIC=PERCENT"),
        (("--threshold", "stratup=5"), "no metric of these runs is called 'stratup'"),
    ],
)
def test_usage_is_2(compared, options, told):
    code, _, errors = compared(BASE, SAME, *options)
    assert code == 2
    assert told in errors


def test_a_file_that_is_not_there_is_usage_too(compared, tmp_path):
    code, _, errors = compared(tmp_path / "no.json", SAME)
    assert (code, errors) == (
        2,
        f"tarebench: there is no file {tmp_path / 'no.json'}; give a results file or journal\n",
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"host": {**HOST, "machine": "f" * 16}}, "the host's machine was"),
        ({"id": "a"}, "two different runs with one id, a"),
        ({"complete": False}, "ended before its plan was done"),
        ({"records": ()}, "have no metric with 4 passes in both"),
    ],
)
def test_what_can_not_be_compared_is_3(compared, tmp_path, change, told):
    path = Store(tmp_path).save(replace(SAME, **change), path=tmp_path / "new.json")
    code, _, errors = compared(BASE, path)
    assert code == 3
    assert told in errors
    assert errors.count("\n") == 1


def test_the_same_file_twice_is_3(compared):
    code, _, errors = compared(BASE, BASE)
    assert (code, errors) == (3, "tarebench: that is run a twice; give the files of two runs\n")


def test_a_failed_measurement_is_4(compared):
    failed = replace(SLOWER.records[0], metric="failure", samples=(), valid=False, notes="not ready")
    code, told, _ = compared(BASE, replace(SLOWER, records=(*SLOWER.records, failed)))
    assert code == 4
    assert "Failed: startup of host failed: not ready." in told


def test_a_file_is_replaced_only_by_force(compared, tmp_path):
    out = tmp_path / "out" / "told.json"
    code, told, _ = compared(BASE, SLOWER, "--format", "json", "-o", str(out))
    assert (code, told) == (1, "")
    before = out.read_text()
    assert json.loads(before)["exit_code"] == 1
    code, _, errors = compared(BASE, SAME, "--format", "json", "-o", str(out))
    assert (code, errors) == (
        2,
        f"tarebench: {out} is there already; choose another name, or give --force\n",
    )
    assert out.read_text() == before
    assert compared(BASE, SAME, "--format", "json", "-o", str(out), "--force")[0] == 0
    assert json.loads(out.read_text())["exit_code"] == 0


def test_a_threshold_that_is_given_counts(compared):
    code, told, _ = compared(BASE, SLOWER, "--threshold", "startup=60%", "--threshold", "nginx/requests=50")
    assert code == 0, told


def test_no_other_command_loads_what_comparing_needs():
    check = (
        "import sys; from bench.cli import _parser; _parser();"
        "print({'numpy', 'pandas', 'matplotlib', 'results.comparison'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "set()"
