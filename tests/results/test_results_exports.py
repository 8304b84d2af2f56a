"""Each format is what its reader takes: checked by the reader itself, or by its published schema."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from result_strategies import runs

from results import Better, ResultsError, Run
from results.export import export, formats
from results.series import all_series
from results.statistics import median
from results.store import Store
from tare.errors import UsageError

RECORDED = Path(__file__).parent.parent.parent / "results/recorded"
# bencher.dev/bmf.json
BMF = {
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {
                        name: {"type": "number"} for name in ("value", "lower_value", "upper_value")
                    },
                    "required": ["value"],
                }
            },
        }
    },
}


@pytest.fixture(scope="module")
def run() -> Run:
    return Store(RECORDED).load(RECORDED / "quick-2cores-tcg.json")


def samples_of(run: Run, subject: str, phase: str) -> dict[int, tuple[float, ...]]:
    """Of startup's time, without warm-up."""
    found: dict[int, tuple[float, ...]] = {}
    for record in run.records:
        key = (record.subject, record.scenario, record.metric, record.phase)
        if key == (subject, "startup", "time", phase) and not record.warm_up:
            found[record.pass_] = found.get(record.pass_, ()) + record.samples
    return found


def parsed(text: str) -> dict[str, list]:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    return {family.name: family.samples for family in text_string_to_metric_families(text)}


def is_of_this_world(run: Run) -> bool:
    """Whether its nanoseconds, and the sum of two samples, are still numbers."""
    return all(sample < sys.float_info.max / 1e10 for record in run.records for sample in record.samples)


def test_every_format_is_a_file_of_its_name() -> None:
    assert formats() == ("bmf", "github-action-benchmark", "openmetrics", "pytest-benchmark")


def test_an_unknown_format_is_told_the_known_ones(run) -> None:
    with pytest.raises(UsageError, match="choose from bmf, github"):
        export([run], "xml")


def test_github_action_benchmark_takes_one_way_at_a_time(run) -> None:
    with pytest.raises(UsageError, match="--better lower for customSmallerIsBetter"):
        export([run], "github-action-benchmark")
    lower = json.loads(export([run], "github-action-benchmark", Better.LOWER))
    higher = json.loads(export([run], "github-action-benchmark", Better.HIGHER))
    assert len(lower) + len(higher) == len(all_series(run))
    for entry in [*lower, *higher]:
        assert isinstance(entry["name"], str)
        assert isinstance(entry["unit"], str)
        assert isinstance(entry["value"], float)
        assert entry.get("range", "± 0").startswith("± ")
    assert len({entry["name"] for entry in lower}) == len(lower)
    (ours,) = [entry for entry in lower if entry["name"] == "startup/time/exit[tarebox]"]
    assert (ours["unit"], ours["value"]) == ("s", median(samples_of(run, "tarebox", "exit")).value)


def test_bencher_gets_nanoseconds_and_intervals(run) -> None:
    content = json.loads(export([run], "bmf"))
    jsonschema_rs.validate(BMF, content)
    truth = median(samples_of(run, "tarebox", "exit"))
    assert content["startup/time/exit[tarebox]"] == {
        "latency": {
            "value": pytest.approx(truth.value * 1e9),
            "lower_value": pytest.approx(truth.low * 1e9),
            "upper_value": pytest.approx(truth.high * 1e9),
        }
    }
    assert all(len(measure) <= 64 for benchmark in content.values() for measure in benchmark)
    assert all(len(name) <= 1024 for name in content)


def test_prometheus_reads_what_was_measured_where_and_when(run) -> None:
    families = parsed(export([run, replace(run, id="another")], "openmetrics"))
    truth = median(samples_of(run, "tarebox", "exit"))
    wanted = {"subject": "tarebox", "scenario": "startup", "metric": "time", "phase": "exit"}
    for statistic, value in (("median", truth.value), ("low", truth.low), ("high", truth.high)):
        found = [
            sample
            for sample in families[f"tarebench_{statistic}_seconds"]
            if wanted.items() <= sample.labels.items()
        ]
        assert [sample.labels["run"] for sample in found] == [run.id, "another"]
        assert [sample.value for sample in found] == [value, value]
    assert {sample.labels["machine"] for sample in families["tarebench_run"]} == {run.host["machine"]}
    counts = sum(sample.value for sample in families["tarebench_samples"])
    assert counts == 2 * sum(len(record.samples) for record in run.records if not record.warm_up)


def test_pytest_benchmark_compares_every_time(run, tmp_path) -> None:
    path = tmp_path / "run.json"
    path.write_text(export([run], "pytest-benchmark"))
    done = subprocess.run(
        [Path(sys.executable).parent / "pytest-benchmark", "compare", path, "--columns=median,rounds"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    times = [series for series in all_series(run) if series.identity.unit == "s"]
    assert all(str(series.identity) in done.stdout for series in times)
    assert done.stdout.count(" tests ---") == len({series.identity.name for series in times})
    assert "Failed to load" not in done.stderr


def test_pytest_benchmark_is_given_no_bytes_for_seconds(run) -> None:
    sizes = replace(run, records=tuple(record for record in run.records if record.unit == "B"))
    with pytest.raises(ResultsError, match="has no times"):
        export([sizes], "pytest-benchmark")


@pytest.mark.parametrize("name", ["bmf", "github-action-benchmark", "pytest-benchmark"])
def test_formats_of_a_single_run_take_no_second(run, name) -> None:
    with pytest.raises(UsageError, match="holds a single run"):
        export([run, replace(run, id="another")], name, Better.LOWER)


def test_a_run_is_not_counted_twice(run) -> None:
    with pytest.raises(ResultsError, match="two of the runs are called"):
        export([run, run], "openmetrics")


@given(runs().filter(is_of_this_world))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=30)
def test_whatever_a_run_holds_prometheus_reads_it(run) -> None:
    families = parsed(export([run], "openmetrics"))
    found = {
        tuple(sample.labels.get(name, "") for name in ("subject", "scenario", "metric", "phase", "unit"))
        for sample in families["tarebench_samples"]
    }
    assert found == {
        (
            series.identity.subject,
            series.identity.scenario,
            series.identity.metric,
            series.identity.phase,
            series.identity.unit,
        )
        for series in all_series(run)
    }


@given(runs().filter(is_of_this_world))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=30)
def test_whatever_a_run_holds_is_json(run) -> None:
    jsonschema_rs.validate(BMF, json.loads(export([run], "bmf")))
    for better in Better:
        for entry in json.loads(export([run], "github-action-benchmark", better)):
            assert {"name", "unit", "value", "extra"} <= set(entry)
