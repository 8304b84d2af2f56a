"""Both services' jobs, each step run in order as the service does, with its variables and files.

What the service itself does is left out, and two programs stand in: `tox`, which would build an environment,
and `gh`, which would talk to GitHub.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from results.store import Store

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/bench.yml"
GITLAB = ROOT / "docs/ci/gitlab-ci.yml"
TOX = f"""#!/bin/sh
[ "$*" = "-q -e bench --notest" ] || exit 2
mkdir -p .tox/bench
ln -s {Path(sys.executable).parent} .tox/bench/bin
"""
GH = """#!/bin/sh
echo "$*" >>"$GH_LOG"
case $* in *--paginate*) cat "$GH_LOG.ours" ;; esac
"""
QUICK = "--profile quick --subjects host,tarebox --scenarios startup"
SMOKE = "--profile smoke --subjects host,tarebox --scenarios startup"


def loaded(path: Path) -> dict:
    import yaml

    return yaml.safe_load(path.read_text())


def steps() -> list[dict]:
    return [step for step in loaded(WORKFLOW)["jobs"]["bench"]["steps"] if "run" in step]


@pytest.fixture
def place(tmp_path, environment, call) -> Iterator[Path]:
    """Where a service has checked a commit out; the host is put back whatever happens."""
    copytree(ROOT / "tools", tmp_path / "work/tools")
    for program, text in ((tmp_path / "work/.venv/bin/tox", TOX), (tmp_path / "bin/gh", GH)):
        program.parent.mkdir(parents=True)
        program.write_text(text)
        program.chmod(0o755)
    (tmp_path / "gh.ours").touch()
    yield tmp_path
    call("tarebench", "tune", "--restore", cwd=tmp_path)
    assert not (Path(environment["TAREBENCH_ROOT"]) / "data/tune.json").exists()


@pytest.fixture
def github(place, environment) -> Callable[..., dict[str, int]]:
    """Runs the workflow's steps; returns the exit status of those that ran."""

    def run(event: str, options: str, *, accept: bool = False) -> dict[str, int]:
        temporary = place / f"temporary-{len(list(place.glob('temporary-*')))}"
        temporary.mkdir()
        summary, path = temporary / "summary", temporary / "path"
        path.touch()
        is_pull = event == "pull_request"
        given = {
            "BASELINES": str(place / "baselines"),
            "OPTIONS": options,
            "RUNNER_TEMP": str(temporary),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_PATH": str(path),
            "GITHUB_REPOSITORY": "owner/repository",
            "GITHUB_REF_NAME": "7/merge" if is_pull else "main",
            "GITHUB_BASE_REF": "main" if is_pull else "",
            "GH_LOG": str(place / "gh"),
            "NUMBER": "7",
        }
        codes: dict[str, int] = {}
        for step in steps():
            good = not any(codes.values())
            wanted = {
                "": good,
                "always()": True,
                "always() && github.event_name == 'pull_request'": is_pull,
                "github.event_name != 'pull_request' && (success() || inputs.accept)": not is_pull
                and (good or accept),
            }
            if wanted[step.get("if", "")]:
                added = [line for line in path.read_text().splitlines() if line]
                search = ":".join([*reversed(added), str(place / "bin"), os.environ["PATH"]])
                codes[step["name"]] = bash(step["run"], place, {**environment, **given, "PATH": search})
        return codes

    return run


def bash(script: str, place: Path, environment: dict[str, str]) -> int:
    """As GitHub's `shell: bash` and GitLab's runner call it."""
    path = place / "step.sh"
    path.write_text(script)
    command = ("bash", "--noprofile", "--norc", "-eo", "pipefail", str(path))
    return subprocess.run(command, cwd=place / "work", env=environment, check=False).returncode


@pytest.fixture(scope="module")
def measured(call, tmp_path_factory) -> Path:
    """A run that the jobs' runs can be compared with, made on a host that is set as theirs is."""
    directory = tmp_path_factory.mktemp("measured")
    call("tarebench", "tune", "--apply", cwd=directory)
    try:
        done = call("tarebench", "run", *QUICK.split(), "--no-report", cwd=directory)
    finally:
        call("tarebench", "tune", "--restore", cwd=directory)
    assert done.returncode == 0, done.stderr
    return Store(directory / "results/runs").latest()


def scaled(measured: Path, factor: float, path: Path) -> None:
    """Write the run as if tarebox had taken so many times as long."""
    run = Store(measured.parent).load(measured)
    factors = {"tarebox": factor, "tarebox-again": factor}
    records = tuple(
        replace(record, samples=tuple(sample * factors.get(record.subject, 1) for sample in record.samples))
        for record in run.records
    )
    Store(path.parent).save(replace(run, records=records), path=path)


def test_steps_take_what_the_service_knows_from_variables_alone() -> None:
    job = loaded(WORKFLOW)["jobs"]["bench"]
    assert all("${{" not in step["run"] for step in steps())
    assert set(job["env"]) == {"BASELINES", "OPTIONS"}
    assert {name for step in steps() for name in step.get("env", {})} == {"GH_TOKEN", "NUMBER"}


def test_the_environment_that_is_built_is_a_real_one() -> None:
    assert "[testenv:bench]" in (ROOT / "tox.ini").read_text()


def test_a_push_becomes_the_baseline(github, place, nothing_left) -> None:
    codes = github("push", SMOKE)
    assert set(codes.values()) == {0}, codes
    assert list(codes) == [step["name"] for step in steps() if "pull request" not in step["name"]]
    (run,) = (place / "temporary-0/runs").glob("*.json")
    assert (place / "baselines/main.json").read_bytes() == run.read_bytes()
    summary = (place / "temporary-0/summary").read_text()
    assert "There is no baseline of this branch on this host yet." in summary
    assert "perating system" in summary
    assert (place / "temporary-0/report/index.html").exists()
    exports = {path.name for path in (place / "temporary-0/exports").iterdir()}
    assert exports == {"bencher.json", "openmetrics.txt", "lower.json", "higher.json"}


def test_a_pull_request_that_slows_down_fails_and_is_told_once(github, place, measured, nothing_left) -> None:
    baseline = place / "baselines/main.json"
    scaled(measured, 1 / 3, baseline)
    before = baseline.read_bytes()
    codes = github("pull_request", QUICK)
    assert {name: code for name, code in codes.items() if code} == {"Compare with the branch's baseline": 1}
    assert codes["Put the host back"] == codes["Comment on the pull request"] == 0
    assert baseline.read_bytes() == before
    comment = (place / "temporary-0/comment.md").read_text()
    assert comment.startswith("<!-- tarebench -->\n")
    assert "startup" in comment
    asked, posted = (place / "gh").read_text().splitlines()
    assert "api repos/owner/repository/issues/7/comments --paginate" in asked
    assert (
        posted == f"api repos/owner/repository/issues/7/comments --field body=@{place}/temporary-0/comment.md"
    )


def test_a_pull_request_that_is_faster_passes_and_replaces_the_comment(github, place, measured) -> None:
    scaled(measured, 3, place / "baselines/main.json")
    (place / "gh.ours").write_text("4711\n")
    codes = github("pull_request", QUICK)
    assert set(codes.values()) == {0}, codes
    assert (place / "gh").read_text().splitlines()[1] == (
        "api --method PATCH repos/owner/repository/issues/comments/4711 "
        f"--field body=@{place}/temporary-0/comment.md"
    )


def test_what_is_slower_is_a_baseline_only_when_accepted(github, place, measured) -> None:
    baseline = place / "baselines/main.json"
    scaled(measured, 1 / 3, baseline)
    codes = github("workflow_dispatch", QUICK, accept=True)
    assert codes["Compare with the branch's baseline"] == 1
    (run,) = (place / "temporary-0/runs").glob("*.json")
    assert baseline.read_bytes() == run.read_bytes()


def test_a_host_is_put_back_after_a_failure(github, place) -> None:
    codes = github("push", "--subjects nonsense")
    assert codes["Measure"] == 2
    assert codes["Put the host back"] == codes["Write the summary"] == 0
    assert "Compare with the branch's baseline" not in codes
    assert not (place / "baselines").exists()
    assert "Nothing was compared." in (place / "temporary-0/summary").read_text()


@pytest.fixture
def gitlab(place, environment) -> Callable[..., int]:
    """Runs the job's scripts, as its runner does: two in one shell, then the third; returns the status."""

    def run(options: str, **variables: str) -> int:
        job = loaded(GITLAB)["bench"]
        given = {**job["variables"], "BASELINES": str(place / "baselines"), "OPTIONS": options, **variables}
        script = "\n".join([*job["before_script"], *job["script"]])
        code = bash(script, place, {**environment, "PATH": os.environ["PATH"], **given})
        assert bash("\n".join(job["after_script"]), place, {**environment, **given}) == 0
        return code

    return run


def test_gitlab_keeps_a_branch_as_baseline(gitlab, place, nothing_left) -> None:
    assert gitlab(SMOKE, CI_COMMIT_BRANCH="main") == 0
    (run,) = (place / "work/runs").glob("*.json")
    assert (place / "baselines/main.json").read_bytes() == run.read_bytes()
    assert (place / "work/report/index.html").exists()


def test_gitlab_fails_a_merge_request_that_slows_down(gitlab, place, measured) -> None:
    scaled(measured, 1 / 3, place / "baselines/main.json")
    assert gitlab(QUICK, CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main") == 1
    assert "<failure" in (place / "work/comparison.xml").read_text()
