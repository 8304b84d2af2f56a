"""Both services' jobs, each step run in order as the service does, with its variables and files.

What the service itself does is left out, and three programs stand in: `tox`, which would build an
environment, `gh`, which would talk to GitHub, and in all jobs but one `tarebench run`, which gives what it
gave in that one.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from results import Run
from results.history import kept
from results.store import Store
from tare.errors import ExitCode

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/bench.yml"
GITLAB = ROOT / "docs/ci/gitlab-ci.yml"
BIN = Path(sys.executable).parent
TOX = """#!/bin/sh
[ "$*" = "-q -e bench --notest" ] || exit 2
mkdir -p .tox/bench
ln -s "$PWD/../programs" .tox/bench/bin
"""
TAREBENCH = f"""#!/bin/sh
if [ "$1" != run ] || [ -z "${{MEASURED:-}}" ]; then exec {BIN}/tarebench "$@"; fi
shift
{BIN}/tarebench plan "$@" >/dev/null || exit
while [ $# -gt 0 ]; do
    case $1 in --results) cp -r "$MEASURED/runs" "$2" ;; --out) cp -r "$MEASURED/report" "$2" ;; esac
    shift
done
cat "$MEASURED/table.txt"
"""
GH = """#!/bin/sh
echo "$*" >>"$GH_LOG"
case $* in *--paginate*) cat "$GH_LOG.ours" ;; esac
"""
PROGRAMS = {"work/.venv/bin/tox": TOX, "programs/tarebench": TAREBENCH, "bin/gh": GH}
OPTIONS = "--profile quick --subjects tarebox --scenarios startup"
BRANCH = "tarebench-history"
KEPT = (
    "github.event_name != 'pull_request' && "
    "(success() || (!cancelled() && inputs.accept && steps.measure.outcome == 'success'))"
)


def loaded(path: Path) -> dict:
    import yaml

    return yaml.safe_load(path.read_text())


def steps(job: str = "bench") -> list[dict]:
    return [step for step in loaded(WORKFLOW)["jobs"][job]["steps"] if "run" in step]


def is_good(codes: dict[str, int]) -> bool:
    """Whether no step has failed."""
    return not any(codes.values())


def checked_out(place: Path) -> Path:
    """Where a service has checked a commit out, beside what stands in, and the repository it comes from."""
    copytree(ROOT / "tools", place / "work/tools")
    for name, text in PROGRAMS.items():
        program = place / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    (place / "gh.ours").touch()
    person = ("-c", "user.name=A", "-c", "user.email=a@localhost")
    for words in (
        ("init", "-q", "--bare", "../origin.git"),
        ("init", "-q"),
        ("remote", "add", "origin", str(place / "origin.git")),
        (*person, "commit", "-q", "--allow-empty", "-m", "First"),
    ):
        subprocess.run(("git", *words), cwd=place / "work", check=True)
    return place


@pytest.fixture
def place(tmp_path, call) -> Iterator[Path]:
    """A checkout on a host that is put back whatever happens."""
    yield checked_out(tmp_path)
    restored(call, tmp_path)


def restored(call, directory: Path) -> None:
    call("tarebench", "tune", "--restore", cwd=directory)
    assert not Path("/run/tarebench-tune.json").exists()


class GitHub:
    """Runs the workflow's steps in one checkout.

    `measured` is the directory of a job that has measured, for those that needn't again.
    """

    def __init__(self, place: Path, environment: dict[str, str], measured: Path | None = None) -> None:
        self._place = place
        self._environment = environment
        self._measured = measured

    def bench(self, event: str, options: str = OPTIONS, *, accept: bool = False) -> dict[str, int]:
        """The exit status of those steps that ran."""
        is_pull = event == "pull_request"
        given = {
            "BASELINES": str(self._place / "baselines"),
            "OPTIONS": options,
            "GITHUB_REF_NAME": "7/merge" if is_pull else "main",
            "GITHUB_BASE_REF": "main" if is_pull else "",
            "GH_LOG": str(self._place / "gh"),
            "NUMBER": "7",
            "ACCEPT": "true" if accept else "",
            **({"MEASURED": str(self._measured)} if self._measured else {}),
        }
        return self._run(
            "bench",
            given,
            {
                "": is_good,
                "always()": lambda _: True,
                "always() && github.event_name == 'pull_request'": lambda _: is_pull,
                KEPT: lambda codes: not is_pull and (is_good(codes) or (accept and codes["Measure"] == 0)),
            },
        )

    def trend(self) -> dict[str, int]:
        """As `bench`, of the nightly job, which has got the artifact of that one."""
        assert self._measured
        self._temporary("trend")
        copytree(self._measured / "runs", self._place / "temporary-trend/measured/runs")
        return self._run("trend", loaded(WORKFLOW)["jobs"]["trend"]["env"], {"": is_good})

    def _temporary(self, job: str) -> Path:
        directory = self._place / f"temporary-{job}"
        directory.mkdir(exist_ok=True)
        return directory

    def _run(
        self, job: str, given: dict[str, str], conditions: dict[str, Callable[[dict[str, int]], bool]]
    ) -> dict[str, int]:
        temporary = self._temporary(job)
        path = temporary / "path"
        path.touch()
        service = {
            "RUNNER_TEMP": str(temporary),
            "GITHUB_STEP_SUMMARY": str(temporary / "summary"),
            "GITHUB_PATH": str(path),
            "GITHUB_REPOSITORY": "owner/repository",
            "GITHUB_SERVER_URL": "https://git.example",
        }
        codes: dict[str, int] = {}
        for step in steps(job):
            if conditions[step.get("if", "")](codes):
                added = [line for line in path.read_text().splitlines() if line]
                search = ":".join([*reversed(added), str(self._place / "bin"), os.environ["PATH"]])
                variables = {**self._environment, **service, **given, "PATH": search}
                codes[step["name"]] = bash(step["run"], self._place, variables)
        return codes


def bash(script: str, place: Path, environment: dict[str, str]) -> int:
    """As GitHub's `shell: bash` and GitLab's runner call it."""
    path = place / "step.sh"
    path.write_text(script)
    command = ("bash", "--noprofile", "--norc", "-eo", "pipefail", str(path))
    return subprocess.run(command, cwd=place / "work", env=environment, check=False).returncode


@pytest.fixture(scope="module")
def pushed(tmp_path_factory, environment, call) -> tuple[Path, dict[str, int]]:
    """The job of a push, which really measures: its checkout, and the exit status of its steps."""
    place = checked_out(tmp_path_factory.mktemp("pushed"))
    try:
        return place, GitHub(place, environment).bench("push")
    finally:
        restored(call, place)


@pytest.fixture(scope="module")
def measured(pushed) -> Path:
    """What that job left to the service."""
    return pushed[0] / "temporary-bench"


@pytest.fixture
def github(place, environment, measured) -> GitHub:
    return GitHub(place, environment, measured)


def scaled(measured: Path, factor: float, name: str) -> Run:
    """The run as if it had been another, in which tarebox took so many times as long."""
    run = Store(measured / "runs").load(next((measured / "runs").glob("*.json")))
    records = tuple(
        replace(record, samples=tuple(sample * factor for sample in record.samples)) for record in run.records
    )
    return replace(run, id=name, records=records)


def keep_baseline(place: Path, run: Run) -> None:
    kept(str(place / "baselines/main.runs")).add(run)


def baseline_of(place: Path) -> list[str]:
    """The runs that are kept for it, by their ids."""
    keep = kept(str(place / "baselines/main.runs"))
    return [each.id for machine in keep.machines() for each in keep.summaries(machine)]


@pytest.mark.parametrize(("job", "variables"), [("bench", {"BASELINES", "OPTIONS"}), ("trend", {"HISTORY"})])
def test_steps_take_what_the_service_knows_from_variables_alone(job, variables) -> None:
    assert all("${{" not in step["run"] for step in steps(job))
    assert set(loaded(WORKFLOW)["jobs"][job]["env"]) == variables
    given = {name for step in steps(job) for name in step.get("env", {})}
    assert given == ({"ACCEPT", "GH_TOKEN", "NUMBER"} if job == "bench" else set())


def test_the_environment_that_is_built_is_a_real_one() -> None:
    assert "[testenv:bench]" in (ROOT / "tox.ini").read_text()


def test_a_push_becomes_the_baseline(pushed, measured, nothing_left) -> None:
    place, codes = pushed
    assert set(codes.values()) == {0}, codes
    assert list(codes) == [step["name"] for step in steps() if "pull request" not in step["name"]]
    (run,) = (measured / "runs").glob("*.json")
    assert baseline_of(place) == [run.stem]
    summary = (measured / "summary").read_text()
    assert "There is no baseline of this branch on this host yet." in summary
    assert "perating system" in summary
    assert (measured / "report/index.html").exists()
    exports = {path.name for path in (measured / "exports").iterdir()}
    assert exports == {"bencher.json", "openmetrics.txt", "lower.json", "higher.json"}


def test_a_pull_request_that_slows_down_fails_and_is_told_once(github, place, measured) -> None:
    keep_baseline(place, scaled(measured, 1 / 3, "before"))
    codes = github.bench("pull_request")
    assert {name: code for name, code in codes.items() if code} == {"Compare with the branch's baseline": 1}
    assert codes["Put the host back"] == codes["Comment on the pull request"] == 0
    assert baseline_of(place) == ["before"]
    comment = (place / "temporary-bench/comment.md").read_text()
    assert comment.startswith("<!-- tarebench -->\n")
    assert "startup" in comment
    asked, posted = (place / "gh").read_text().splitlines()
    assert "api repos/owner/repository/issues/7/comments --paginate" in asked
    assert posted == (
        f"api repos/owner/repository/issues/7/comments --field body=@{place}/temporary-bench/comment.md"
    )


def test_a_pull_request_that_is_faster_passes_and_replaces_the_comment(github, place, measured) -> None:
    keep_baseline(place, scaled(measured, 3, "before"))
    (place / "gh.ours").write_text("4711\n")
    codes = github.bench("pull_request")
    assert set(codes.values()) == {0}, codes
    assert (place / "gh").read_text().splitlines()[1] == (
        "api --method PATCH repos/owner/repository/issues/comments/4711 "
        f"--field body=@{place}/temporary-bench/comment.md"
    )


def test_what_is_slower_begins_a_baseline_only_when_accepted(github, place, measured) -> None:
    keep_baseline(place, scaled(measured, 1 / 3, "before"))
    codes = github.bench("workflow_dispatch", accept=True)
    assert codes["Compare with the branch's baseline"] == 1
    (run,) = (place / "temporary-bench/runs").glob("*.json")
    assert baseline_of(place) == [run.stem]


def test_a_failed_measurement_leaves_the_baseline(place, environment, measured) -> None:
    keep_baseline(place, scaled(measured, 1, "before"))
    codes = GitHub(place, environment).bench("workflow_dispatch", "--subjects nonsense", accept=True)
    assert codes["Measure"] == 2
    assert baseline_of(place) == ["before"]


def test_of_another_machine_there_is_no_baseline_and_that_is_told(github, place, measured) -> None:
    run = scaled(measured, 1, "before")
    keep_baseline(place, replace(run, host={**run.host, "machine": "0123456789abcdef"}))
    assert github.bench("pull_request")["Compare with the branch's baseline"] == ExitCode.RESULTS
    assert "is kept of machine" in (place / "temporary-bench/comment.md").read_text()


def test_what_is_no_slower_joins_the_baseline(github, place, measured) -> None:
    keep_baseline(place, scaled(measured, 1.001, "before"))
    codes = github.bench("push")
    assert set(codes.values()) == {0}, codes
    assert len(baseline_of(place)) == 2


def test_a_host_is_put_back_after_a_failure(place, environment) -> None:
    codes = GitHub(place, environment).bench("push", "--subjects nonsense")
    assert codes["Measure"] == 2
    assert codes["Put the host back"] == codes["Write the summary"] == 0
    assert "Compare with the branch's baseline" not in codes
    assert not (place / "baselines").exists()
    assert "Nothing was compared." in (place / "temporary-bench/summary").read_text()


def nights(measured: Path) -> list[Run]:
    """Thirteen earlier runs, of which the last three take twice the time."""
    return [
        replace(
            scaled(measured, (0.5 if number < 11 else 1) * (1 + number % 3 / 500), f"night-{number:02}"),
            started=f"2020-01-{number:02}T02:17:00.000+00:00",
        )
        for number in range(1, 14)
    ]


def test_a_night_keeps_its_run_in_the_branch_and_tells_what_changed(github, place, measured) -> None:
    origin = kept(f"git:{place}/origin.git#{BRANCH}")
    for run in nights(measured):
        origin.add(run)
    codes = github.trend()
    assert set(codes.values()) == {0}, codes
    (machine,) = origin.machines()
    newest = scaled(measured, 1, "").started
    assert [each.started for each in origin.summaries(machine)][-1] == newest
    summary = (place / "temporary-trend/summary").read_text()
    assert "night-11" in summary
    assert "startup/time/first-output[tarebox]" in summary
    page = (place / "temporary-trend/trends/trends.html").read_text()
    assert "night-11" in page
    assert 'href="https://git.example/owner/repository/commit/' in page


def test_the_first_night_begins_the_branch(github, place) -> None:
    assert set(github.trend().values()) == {0}
    assert len(kept(f"git:{place}/origin.git#{BRANCH}").machines()) == 1
    assert "Nowhere." in (place / "temporary-trend/summary").read_text()


@pytest.fixture
def gitlab(place, environment, measured) -> Callable[..., int]:
    """Runs a job's scripts, as its runner does: two in one shell, then the third; returns the status."""

    def run(name: str, **variables: str) -> int:
        document = loaded(GITLAB)
        job = {**document["default"], **document[name]}
        given = {**job["variables"], "OPTIONS": OPTIONS, "MEASURED": str(measured), **variables}
        script = "\n".join([*job["before_script"], *job["script"]])
        code = bash(script, place, {**environment, "PATH": os.environ["PATH"], **given})
        assert bash("\n".join(job.get("after_script", [])), place, {**environment, **given}) == 0
        return code

    return run


def test_gitlab_keeps_a_branch_as_baseline_and_a_night_in_the_history(gitlab, place) -> None:
    baselines, history = str(place / "baselines"), str(place / "history")
    assert gitlab("bench", BASELINES=baselines, CI_COMMIT_BRANCH="main") == 0
    (run,) = (place / "work/runs").glob("*.json")
    assert baseline_of(place) == [run.stem]
    assert (place / "work/report/index.html").exists()
    (place / "work/.tox/bench/bin").unlink()
    assert gitlab("trend", HISTORY=history) == 0
    assert len(kept(history).machines()) == 1
    assert (place / "work/trends/trends.html").exists()


def test_gitlab_fails_a_merge_request_that_slows_down(gitlab, place, measured) -> None:
    keep_baseline(place, scaled(measured, 1 / 3, "before"))
    given = {"BASELINES": str(place / "baselines"), "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    assert gitlab("bench", **given) == 1
    assert "<failure" in (place / "work/comparison.xml").read_text()
