"""`tarebench history`: by its commands, and with a database that is a server."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from compared_runs import HOST, measured_run
from test_tutorial import blocks, pattern

from bench.lab import Lab
from bench.registry import all_subjects
from bench.scenarios.test_postgresql import SERVE
from bench.serving import serving
from bench.source import source
from bench.subject import RunSpec
from results.history import kept, summary
from results.store import Store
from tare.errors import ExitCode
from tare.state import State

DOCUMENT = Path(__file__).parents[2] / "docs/history.md"
SLOWER = {"tarebox": 1.08}


@pytest.fixture(scope="module")
def nights(tmp_path_factory) -> Path:
    """Twenty runs, of which the last nine are slower."""
    place = tmp_path_factory.mktemp("nights")
    for number in range(1, 21):
        run = measured_run(
            f"night-{number:02}", number, passes=5, rounds=5, noise=0.01, profile="quick",
            slower=SLOWER if number > 11 else {}, started=f"2026-11-{number:02}T02:17:00.000+00:00",
            host={**HOST, "source": {"commit": f"{number:040x}"}},
        )  # fmt: skip
        Store(place).save(run)
    return place


def test_the_document_prints_what_it_shows(call, nights) -> None:
    assert len(blocks(DOCUMENT)) == DOCUMENT.read_text().count("```sh\n") == 2
    for commands, shown in blocks(DOCUMENT):
        done = call("sh", "-e", "-c", commands, cwd=nights)
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(pattern(shown), done.stdout.strip(), re.DOTALL), done.stdout


def test_a_run_is_not_lost_with_its_database(call, nights, tmp_path) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/x"
    done = call("tarebench", "history", "add", "--in", url, str(nights / "night-01.json"), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (ExitCode.RESULTS, "")
    assert re.fullmatch(rf"tarebench: {re.escape(url)} can't be used: .*\n", done.stderr)
    assert json.loads((nights / "night-01.json").read_text())


def test_what_is_no_run_keeps_nothing(call, nights, tmp_path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    words = ("history", "add", "--in", str(tmp_path / "kept"), str(nights / "night-01.json"), str(broken))
    done = call("tarebench", *words, cwd=tmp_path)
    assert done.returncode == ExitCode.RESULTS
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "kept").exists()


def test_runs_are_kept_by_a_server(tools_image, root) -> None:
    runs = [measured_run(name, seed, passes=2) for seed, name in enumerate(("a", "b"))]
    with Lab(State.at(root)) as lab:
        tarebox = all_subjects(lab)["tarebox"]
        spec = RunSpec(tarebox.prepare(tools_image), ("sh", "-c", SERVE), network=True)
        with serving(tarebox, spec) as (server, address):
            server.wait_output(b"ready to accept connections", 60)
            place = kept(f"postgresql+psycopg://postgres@{address}/postgres")
            assert place.machines() == []
            assert [place.add(run) for run in (*runs, runs[0])] == [True, True, False]
            assert place.summaries(HOST["machine"]) == [summary(run) for run in runs]
            assert place.run(HOST["machine"], "b") == runs[1]
            with pytest.raises(Exception, match="a is another run of the same id"):
                place.add(replace(runs[1], id="a"))


def test_a_commit_is_named_by_the_environment_or_the_clone(tmp_path, monkeypatch) -> None:
    server = {"GITHUB_SERVER_URL": "https://example.org", "GITHUB_REPOSITORY": "a/b", "GITHUB_SHA": "c1"}
    assert source(server) == {"commit": "c1", "link": "https://example.org/a/b/commit/c1"}
    lab = {"CI_COMMIT_SHA": "c2", "CI_PROJECT_URL": "https://example.org/a/b"}
    assert source(lab) == {"commit": "c2", "link": "https://example.org/a/b/-/commit/c2"}
    assert source({**lab, "TAREBENCH_COMMIT": "c3"})["commit"] == "c3"
    assert len(source({})["commit"]) == 40
    monkeypatch.chdir(tmp_path)
    assert source({}) == {}
