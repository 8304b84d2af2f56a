import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from test_results_journal import RECORD, RUN

from results import ResultsError
from results.journal import Journal
from results.store import Store

FULL = replace(RUN, records=(RECORD,), complete=True, finished="2026-11-24T08:05:00Z")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.mark.parametrize("name", ["r1.json", "r1.json.gz"])
def test_a_saved_run_is_loaded_and_leaves_no_other_file(store, name):
    path = store.save(FULL, {"benchmarks": [1], "machine_info": {}}, store.directory / name)
    assert store.load(path) == FULL
    assert [entry.name for entry in store.directory.iterdir()] == [name]
    data = path.read_bytes()
    content = json.loads(gzip.decompress(data) if name.endswith("gz") else data)
    assert content["benchmarks"] == [1]


def test_a_run_is_replaced_only_by_force(store):
    path = store.save(FULL)
    assert path == store.path_for("r1")
    with pytest.raises(ResultsError, match="exists"):
        store.save(FULL)
    store.save(replace(FULL, seed=2), force=True)
    assert store.load(path).seed == 2
    assert list(store.directory.iterdir()) == [path]


def test_the_latest_run_is_the_one_written_last(store):
    with pytest.raises(ResultsError, match="no run"):
        store.latest()
    store.save(replace(FULL, id="b"))
    with Journal(store.journal_for("a"), replace(RUN, id="a")):
        pass
    os.utime(store.path_for("b"), (1, 1))
    assert store.latest() == store.journal_for("a")
    assert not store.load(store.latest()).complete
    os.utime(store.journal_for("a"), (1, 1))
    assert store.latest() == store.path_for("b")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"tarebench": {"schema": 1}}']
)
@pytest.mark.parametrize("name", ["x.json", "x.json.gz"])
def test_what_is_no_results_file_is_one_clear_line(tmp_path, data, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with pytest.raises(ResultsError) as caught:
        Store(tmp_path).load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_archive_or_missing_file_is_told(tmp_path):
    (tmp_path / "plain.json.gz").write_bytes(b"no gzip")
    (tmp_path / "torn.json.gz").write_bytes(gzip.compress(b"{}" * 99)[:20])
    for name in ("plain.json.gz", "torn.json.gz", "missing.json"):
        with pytest.raises(ResultsError, match="can't be read"):
            Store(tmp_path).load(tmp_path / name)


def test_an_id_can_not_leave_the_directory(store):
    for run_id in ("../x", "a/b", "", ".hidden"):
        with pytest.raises(ResultsError, match="can't name a run"):
            store.path_for(run_id)


def test_pytest_benchmark_compares_a_saved_run(store):
    stats = dict.fromkeys(
        ("min", "max", "mean", "stddev", "median", "iqr", "ops", "q1", "q3", "hd15iqr", "ld15iqr"), 1.0
    )
    stats |= {
        "rounds": 3,
        "iterations": 1,
        "outliers": "0;0",
        "iqr_outliers": 0,
        "stddev_outliers": 0,
        "total": 3.0,
    }
    benchmark = {
        "name": "test_startup",
        "fullname": "test_startup",
        "group": None,
        "params": None,
        "param": None,
    }
    content = {
        "machine_info": {"node": "n"},
        "commit_info": {},
        "datetime": FULL.started,
        "version": "5",
        "benchmarks": [{**benchmark, "extra_info": {}, "options": {}, "stats": stats}],
    }
    path = store.save(FULL, content)
    argv = [sys.executable, "-m", "pytest_benchmark", "compare", path]
    compared = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=store.directory)
    assert compared.returncode == 0, compared.stderr
    assert "test_startup" in compared.stdout
