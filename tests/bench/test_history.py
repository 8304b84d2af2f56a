"""`tarebench history`: by its commands, and with a database that is a server."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from compared_runs import HOST, measured_run
from test_tutorial import blocks, pattern

from bench.history import _linked
from bench.lab import Lab
from bench.registry import all_subjects
from bench.scenarios.test_postgresql import SERVE
from bench.serving import serving
from bench.source import commit_url, source
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
    assert len(blocks(DOCUMENT)) == DOCUMENT.read_text().count("```sh\n") == 3
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


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b/commit/{commit}"),
        ("https://name:secret@git.example:8443/a/b/c", "https://git.example:8443/a/b/c/commit/{commit}"),
        ("git@github.com:a/b.git", "https://github.com/a/b/commit/{commit}"),
        ("ssh://git@git.example:2222/a/b.git/", "https://git.example/a/b/commit/{commit}"),
        ("/srv/git/b.git", ""),
        ("../b", ""),
        ("", ""),
    ],
)
def test_commits_are_where_the_remote_is(tmp_path, remote, url) -> None:
    subprocess.run(("git", "init", "-q", str(tmp_path)), check=True)
    if remote:
        subprocess.run(("git", "-C", str(tmp_path), "remote", "add", "origin", remote), check=True)
    assert commit_url(tmp_path) == url


def test_commits_are_linked_as_given_else_by_the_run_else_by_the_remote(tmp_path, monkeypatch) -> None:
    subprocess.run(("git", "init", "-q", str(tmp_path)), check=True)
    subprocess.run(("git", "-C", str(tmp_path), "remote", "add", "origin", "git@a.example:b"), check=True)
    monkeypatch.chdir(tmp_path)
    run = summary(measured_run("a", 1, passes=1))
    runs = (replace(run, commit="c1", link="https://own.example"), replace(run, commit="c<2>"), run)
    given = _linked(runs, "https://given.example/{commit}")
    assert [each.link for each in given] == ["https://given.example/c1", "https://given.example/c%3C2%3E", ""]
    known = [each.link for each in _linked(runs, None)]
    assert known == ["https://own.example", "https://a.example/b/commit/c%3C2%3E", ""]


def test_there_is_no_page_of_no_clone(tmp_path) -> None:
    assert commit_url(tmp_path / "no") == ""


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ("report", "--commit-url", "file:///{commit}"),
            2,
            "'file:///{commit}' is no web page with {commit}",
        ),
        (("report", "--commit-url", "https://git.example/a"), 2, "is no web page with {commit} in it"),
        (("report", "--runs", "0"), 2, "'0' is no number of runs"),
        (("report", "--lang", "tlh"), 2, "no report in 'tlh'"),
        (("report", "--machine", "0000"), ExitCode.RESULTS, "no run is kept of machine 0000; keep one with"),
        (("changes", "--profile", "full"), ExitCode.RESULTS, "no run of profile full is kept of machine"),
    ],
)
def test_what_can_not_be_told_is_one_line(call, nights, tmp_path, words, code, message) -> None:
    action, *options = words
    place = tmp_path / "kept"
    call("tarebench", "history", "add", "--in", str(place), str(nights / "night-01.json"), cwd=tmp_path)
    given = ("--machine", HOST["machine"], *options)
    done = call("tarebench", "history", action, "--in", str(place), *given, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "reports").exists()
