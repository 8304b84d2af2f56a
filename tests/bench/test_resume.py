"""A run that was killed goes on where it was, or says in one line why it can't."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from unfinished_run import unfinished_run

from bench.plan import Plan, Visit
from bench.profile import profile
from bench.request import Request
from bench.resume import check_unchanged, request_of, unfinished
from results import Kind, ResultsError, SubjectInfo
from results.journal import Journal, read_journal
from results.store import Store
from tare.errors import ExitCode

RUNC = SubjectInfo("runc", Kind.CONTAINER, "1.1.5", available=True)
RUN = unfinished_run(
    plan={
        "image": "busybox",
        "efforts": {"cpu": {"passes": 5, "most": 15}},
        "request": Request(scenarios=("startup",)).as_json(),
    },
    host={"machine": "00000000000000aa", "kernel": "6.1", "load_before": [0.1]},
    subjects=(RUNC,),
)


def test_a_run_knows_what_it_was_asked_for() -> None:
    assert request_of(RUN) == Request("quick", (), ("startup",), seed=1)
    with pytest.raises(ResultsError, match="can't go on: an older version made it"):
        request_of(replace(RUN, plan={}))


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ({"host": {**RUN.host, "kernel": "6.2"}}, "the host's kernel was 6.1 and is 6.2"),
        ({"host": {**RUN.host, "machine": "bb"}}, "the host's machine was 00000000000000aa and is bb"),
        ({"subjects": (replace(RUNC, version="1.2"),)}, "runc was 1.1.5 and is 1.2"),
        ({"subjects": ()}, "there is no subject runc any more"),
        ({"subjects": (RUNC, replace(RUNC, name="crun"))}, "crun can run now and couldn't"),
        ({"plan": {**RUN.plan, "image": "app"}}, "of its plan, image was busybox and is app"),
        (
            {"plan": {**RUN.plan, "efforts": {"cpu": {"passes": 3, "most": 15}}}},
            "of its plan, efforts cpu passes was 5 and is 3",
        ),
    ],
)
def test_what_changed_is_refused(now, message) -> None:
    check_unchanged(RUN, replace(RUN, host={**RUN.host, "load_before": [5.0]}))
    with pytest.raises(ResultsError, match=f"run r1 can't go on: {message}; measure again"):
        check_unchanged(RUN, replace(RUN, **now))


def test_the_journal_meant_is_found(tmp_path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ResultsError, match="there is no unfinished run in"):
        unfinished(store)
    for number, name in enumerate(("r1", "r2")):
        with Journal(store.journal_for(name), replace(RUN, id=name)):
            os.utime(store.journal_for(name), (number, number))
    assert unfinished(store).id == "r2"
    assert unfinished(store, "r1").id == unfinished(store, str(store.journal_for("r1"))).id == "r1"
    with pytest.raises(ResultsError, match="is none of the runs in"):
        unfinished(Store(tmp_path / "other"), str(store.journal_for("r1")))


@pytest.fixture
def killed(environment, tmp_path) -> Path:
    """The directory of a run killed amid its visits."""
    argv = (
        "tarebench",
        "run",
        "--subjects",
        "host,tarebox",
        "--scenarios",
        "startup,isolation",
        "--seed",
        "5",
    )
    with subprocess.Popen(argv, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("   4/"):
                break
        process.kill()
    return tmp_path


def test_a_killed_run_goes_on(killed, call, root, nothing_left) -> None:
    store = Store(killed / "results/runs")
    journal = store.latest()
    before = read_journal(journal)
    assert len(before.visits) >= 4
    with journal.open("ab") as file:
        file.write(b'{"record": {"sub')

    lines = journal.read_text().splitlines(keepends=True)
    header = json.loads(lines[0])
    header["run"]["host"]["kernel"] = "1.0"
    journal.write_text("".join([json.dumps(header) + "\n", *lines[1:]]))
    done = call("tarebench", "run", "--resume", cwd=killed)
    assert done.returncode == ExitCode.RESULTS
    assert "can't go on: the host's kernel was 1.0 and is " in done.stderr
    journal.write_text("".join(lines))
    done = call("tarebench", "run", "--resume", "--seed", "6", cwd=killed)
    assert (done.returncode, done.stderr) == (
        ExitCode.USAGE,
        "tarebench: a resumed run has its own plan; leave the options of a new one away\n",
    )

    done = call("tarebench", "run", "--resume", before.id, "--no-report", cwd=killed)
    assert done.returncode == 0, done.stderr
    assert not journal.exists()
    run = store.load(store.latest())
    assert (run.id, run.seed, run.complete) == (before.id, 5, True)
    assert run.visits[: len(before.visits)] == before.visits
    names = [subject.name for subject in run.subjects]
    plan = Plan(profile("quick"), ("startup", "isolation"), tuple(names), 5)
    visits = [Visit(visit.scenario, visit.subject, visit.pass_) for visit in run.visits]
    assert len(visits) == len(set(visits))
    assert [visit for visit in visits if visit in plan.least()] == plan.least()
    assert [visit for visit in plan.visits() if visit in visits] == visits
    assert {each.subject for each in run.precision} == set(names)
    warm = [record for record in run.records if record.warm_up and record.phase == "exit"]
    assert {record.subject for record in warm if len(record.samples) == 1 and record.pass_ == 1} == set(names)
    assert sum(len(record.samples) for record in run.records) >= 4 * 10


def test_a_run_pauses_after_a_pass_and_goes_on(call, tmp_path) -> None:
    plan = ("--subjects", "host", "--scenarios", "startup,cpu-quota")
    done = call("tarebench", "run", *plan, "--until", "2", "--no-report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    store = Store(tmp_path / "results/runs")
    journal = store.latest_journal()
    assert done.stdout == f"run        {journal.relative_to(tmp_path)}\n"
    assert {visit.pass_ for visit in read_journal(journal).visits} == {1, 2}
    done = call("tarebench", "run", "--resume", "--until", "1000", "--no-report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not journal.exists()
    run = store.load(store.latest())
    assert run.complete
    assert {visit.pass_ for visit in run.visits} > {1, 2}
