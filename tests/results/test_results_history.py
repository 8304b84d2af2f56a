import gzip
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from compared_runs import measured_run

from results import ResultsError
from results.history import Keep, Summary, kept, summary
from results.history.baseline import baseline
from results.history.document import packed, summary_of
from results.history.summary import identity, key
from results.joined import joined
from results.pairing import medians
from results.store import Store

RUNS = [
    measured_run(f"r{number}", number, passes=3, started=f"2026-11-0{number}T00:00:00.000+00:00")
    for number in (1, 2, 3)
]
MACHINE = str(RUNS[0].host["machine"])


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    place = tmp_path / "clone"
    subprocess.run(("git", "init", "--quiet", str(place)), check=True)
    return place


@pytest.fixture(params=["directory", "git", "sqlite"])
def place(request, tmp_path: Path) -> Keep:
    if request.param == "git":
        return kept(f"git:{request.getfixturevalue('clone')}#kept")
    return kept(str(tmp_path / "kept") if request.param == "directory" else f"sqlite:///{tmp_path}/kept.db")


def test_runs_are_kept_once_and_come_back_by_age(place: Keep) -> None:
    assert place.machines() == []
    assert [place.add(run) for run in reversed(RUNS)] == [True, True, True]
    assert place.add(RUNS[1]) is False
    assert place.machines() == [MACHINE]
    assert place.summaries(MACHINE) == [summary(run) for run in RUNS]
    assert place.run(MACHINE, "r2") == RUNS[1]


def test_another_run_of_a_known_id_is_refused_and_the_first_stays(place: Keep) -> None:
    place.add(RUNS[0])
    with pytest.raises(ResultsError, match="r1.* is another run of the same id; measure again"):
        place.add(replace(RUNS[1], id="r1"))
    assert place.run(MACHINE, "r1") == RUNS[0]


def test_a_run_packed_by_another_library_is_the_same(tmp_path: Path) -> None:
    place = kept(str(tmp_path))
    place.add(RUNS[0])
    (path,) = tmp_path.glob("*/*.run.json.gz")
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1))
    assert place.add(RUNS[0]) is False


def test_a_run_whose_keeping_was_cut_short_can_be_kept_again(tmp_path: Path) -> None:
    place = kept(str(tmp_path))
    place.add(RUNS[0])
    (short,) = tmp_path.glob("*/*.summary.json.gz")
    short.unlink()
    assert place.machines() == []
    assert place.add(RUNS[0]) is True
    assert place.summaries(MACHINE) == [summary(RUNS[0])]


def test_a_baseline_is_no_run_to_keep(place: Keep) -> None:
    with pytest.raises(ResultsError, match="baseline-r2 is several runs as one; keep each of them"):
        place.add(joined(RUNS[:2]))
    assert place.machines() == []


def test_a_run_that_is_not_kept_is_named(place: Keep) -> None:
    place.add(RUNS[0])
    assert place.summaries("0000") == []
    with pytest.raises(ResultsError, match=r"r9.*; name a run that is kept"):
        place.run(MACHINE, "r9")


@pytest.mark.parametrize("fields", [{"host": {}}, {"host": {"machine": "../up"}}])
def test_a_run_of_no_machine_is_refused(place: Keep, fields) -> None:
    with pytest.raises(ResultsError, match="run r1 does not say on which machine it was made"):
        place.add(replace(RUNS[0], **fields))


KILLER = """#!/bin/sh
case " $* " in *" $KILLED_AT "*) kill -9 "$PPID"; exit 1 ;; esac
exec "$REAL_GIT" "$@"
"""
ADD = """
import sys
from pathlib import Path
from results.history import kept
from results.store import Store
path = Path(sys.argv[2])
kept(sys.argv[1]).add(Store(path.parent).load(path))
"""


@pytest.mark.parametrize("command", ["hash-object", "mktree", "commit-tree", "update-ref"])
def test_who_is_killed_leaves_nothing_in_the_clone_and_can_add_again(
    clone: Path, tmp_path: Path, command: str
) -> None:
    killer = tmp_path / "bin/git"
    killer.parent.mkdir()
    killer.write_text(KILLER)
    killer.chmod(0o755)
    run = Store(tmp_path / "runs").save(RUNS[0])
    before = files_of(clone)
    where = f"git:{clone}#kept"
    search = f"{killer.parent}:{os.environ['PATH']}"
    git = shutil.which("git") or ""
    more = {"PATH": search, "REAL_GIT": git, "KILLED_AT": command, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = (sys.executable, "-c", ADD, where, str(run))
    done = subprocess.run(argv, env={**os.environ, **more}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert files_of(clone) == before
    place = kept(where)
    assert [place.add(each) for each in RUNS] == [True, True, True]
    assert place.summaries(MACHINE) == [summary(each) for each in RUNS]


def files_of(clone: Path) -> list[Path]:
    """All but objects, which git collects itself."""
    return [path for path in sorted(clone.rglob("*")) if "objects" not in path.parts]


def test_a_branch_leaves_the_clone_as_it_was(clone: Path) -> None:
    (clone / "file").write_text("not committed")
    place = kept(f"git:{clone}#kept")
    for run in RUNS:
        place.add(run)

    def git(*argv: str) -> str:
        return subprocess.run(
            ("git", "-C", str(clone), *argv), check=True, capture_output=True, text=True
        ).stdout

    assert git("status", "--porcelain") == "?? file\n"
    assert git("log", "--format=%s", "kept").split("\n")[:3] == ["Keep run r3", "Keep run r2", "Keep run r1"]
    assert not (clone / ".git/index").exists()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nonsense://x", "'nonsense://x' is no database"),
        ("sqlite:////no/such/place/x.db", "unable to open database file; see whether the database runs"),
        ("postgresql+psycopg://127.0.0.1:1/x", r"postgresql\+psycopg://127.0.0.1:1/x can't be used: conn"),
        ("mysql+oursql://x/x", "'mysql.oursql://x/x' is no database"),
        ("git:/no/such/place", "git rev-parse failed in /no/such/place: .*; name the directory of a clone"),
    ],
)
def test_a_place_that_can_not_be_reached_is_one_line(where: str, message: str) -> None:
    with pytest.raises(ResultsError, match=message) as caught:
        kept(where).machines()
    assert "\n" not in str(caught.value)


def test_what_is_no_summary_is_named() -> None:
    strange = {**summary(RUNS[0]).as_json(), "kinds": {"tarebox": "boat"}}
    for data in (b"", b"text", packed({"values": [[1]]}), packed({"id": "x"}), packed(strange)):
        with pytest.raises(ResultsError, match="^x "):
            summary_of(data, "x")


def test_a_summary_survives_being_kept() -> None:
    short = summary(RUNS[0])
    assert Summary.from_json(short.as_json()) == short
    assert {identity(key) for key in short.values} == set(medians(RUNS[0]))
    for series, passes in medians(RUNS[0]).items():
        assert sorted(passes.values())[len(passes) // 2] == short.values[key(series)]


def test_a_summary_of_an_older_version_has_no_kinds() -> None:
    content = summary(RUNS[0]).as_json()
    del content["kinds"]
    assert summary_of(packed(content), "x") == replace(summary(RUNS[0]), kinds={})


def test_a_baseline_has_the_passes_of_the_newest_runs(place: Keep) -> None:
    for run in RUNS:
        place.add(run)
    together = baseline(place, MACHINE, RUNS[0].profile, 2, before="r3")
    assert together.id == "baseline-r2"
    assert {len(passes) for key, passes in medians(together).items() if key.scenario == "startup"} == {6}
    with pytest.raises(ResultsError, match="no run of profile full is kept of machine"):
        baseline(place, MACHINE, "full")
