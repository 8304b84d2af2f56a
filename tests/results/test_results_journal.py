import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from result_strategies import SUBJECTS, runs

from results import Better, Record, ResultsError, Run
from results.journal import Journal, read_journal
from results.run import Visited
from results.schema import SCHEMA_VERSION

RUN = Run(
    id="r1",
    schema=SCHEMA_VERSION,
    started="2026-11-24T08:00:00Z",
    finished=None,
    complete=False,
    profile="quick",
    seed=1,
    plan={"passes": 2},
    host={"kernel": "6.1 Größe"},
    subjects=SUBJECTS,
)
RECORD = Record("tarebox", "startup", "time", "s", Better.LOWER, phase="exit", pass_=1, samples=(0.25, 0.5))
FAILURE = Record(
    "vm-micro",
    "startup",
    "time",
    "s",
    Better.LOWER,
    pass_=1,
    samples=(),
    valid=False,
    notes="not ready in 30 s",
)


@given(run=runs(), cut=st.integers(min_value=0))
@settings(max_examples=60, deadline=None)
def test_what_was_appended_is_read_back_even_when_torn(tmp_path_factory, run, cut):
    path = tmp_path_factory.mktemp("journal") / "run.jsonl"
    with Journal(path, run):
        pass
    assert read_journal(path) == run
    data = path.read_bytes()
    path.write_bytes(data[: cut % (len(data) + 1)])
    try:
        torn = read_journal(path)
    except ResultsError as error:
        assert "no header" in str(error)
    else:
        assert torn.records == run.records[: len(torn.records)]


def test_a_journal_cut_at_any_byte_loses_only_the_torn_record(tmp_path):
    path = tmp_path / "run.jsonl"
    with Journal(path, RUN) as journal:
        for _ in range(3):
            journal.append(RECORD)
        journal.append(FAILURE)
    data = path.read_bytes()
    header = data.index(b"\n") + 1
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        if length < header:
            with pytest.raises(ResultsError, match="no header"):
                read_journal(path)
        else:
            run = read_journal(path)
            assert len(run.records) == data[header:length].count(b"\n")
            assert not run.complete


def test_a_finished_journal_is_a_complete_run(tmp_path):
    with Journal(tmp_path / "run.jsonl", RUN) as journal:
        journal.append(RECORD)
        run = journal.finish()
    assert run.complete
    assert run.finished
    assert replace(run, complete=False, finished=None) == replace(RUN, records=(RECORD,))


@pytest.mark.parametrize("garbage", [b"{torn", b"[1]", b'{"other": 1}', b"\xff\xfe", b"[" * 100_000])
def test_garbage_in_the_middle_is_one_clear_error(tmp_path, garbage):
    path = tmp_path / "run.jsonl"
    with Journal(path, RUN) as journal:
        journal.append(RECORD)
        with path.open("ab") as file:
            file.write(garbage + b"\n")
        journal.append(RECORD)
    with pytest.raises(ResultsError, match="broken in line 3"):
        read_journal(path)


def test_a_record_that_breaks_the_schema_is_not_written(tmp_path):
    with Journal(tmp_path / "run.jsonl", RUN) as journal:
        with pytest.raises(ResultsError, match=r"samples\[0\]"):
            journal.append(replace(RECORD, samples=(float("nan"),)))
        with pytest.raises(ResultsError, match="none of the run's subjects"):
            journal.append(replace(RECORD, subject="lxc"))
        journal.append(RECORD)
    assert read_journal(journal.path).records == (RECORD,)


def test_a_journal_is_never_overwritten_and_its_descriptor_is_closed(tmp_path):
    path = tmp_path / "deep" / "run.jsonl"
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with Journal(path, RUN):
        pass
    with pytest.raises(ResultsError, match="File exists"), Journal(path, RUN):
        pass
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_faults_of_the_disk_are_told(tmp_path):
    with pytest.raises(ResultsError, match="can't be read"):
        read_journal(tmp_path / "none.jsonl")
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match="can't be made"), Journal(tmp_path / "file" / "run.jsonl", RUN):
        pass


VISITED = Visited("startup", "tarebox", 1, 0.75)

KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_results_journal import RECORD, RUN
from results.journal import Journal
with Journal(Path(sys.argv[1]), RUN) as journal:
    journal.append(RECORD)
    journal.append(RECORD)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_what_it_appended(tmp_path, pytestconfig):
    path = tmp_path / "run.jsonl"
    tests = str(pytestconfig.rootpath / "tests/results")
    killed = subprocess.run([sys.executable, "-c", KILLED, path, tests], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert read_journal(path).records == (RECORD, RECORD)


KILLED_AT_RANDOM = """
import os, random, signal, sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from dataclasses import replace
from test_results_journal import RECORD, RUN
from results.journal import Journal
chance = random.Random(int(sys.argv[3]))
for number in range(100):
    path = Path(sys.argv[1]) / f"{number}.jsonl"
    said, says = os.pipe()
    writer = os.fork()
    if writer == 0:
        with Journal(path, RUN) as journal:
            os.write(says, b"h")
            for count in range(10**6):
                journal.append(replace(RECORD, samples=(float(count),)))
                os.write(says, b"r")
    os.close(says)
    time.sleep(chance.uniform(0, 0.03))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    told = b"".join(iter(lambda: os.read(said, 1 << 16), b""))
    os.close(said)
    print(number, told.count(b"h"), told.count(b"r"))
"""


def test_a_writer_killed_at_any_of_100_random_moments_loses_nothing_it_had_appended(tmp_path, pytestconfig):
    tests = str(pytestconfig.rootpath / "tests/results")
    argv = (sys.executable, "-c", KILLED_AT_RANDOM, tmp_path, tests, "1")
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    lengths = set()
    for line in done.stdout.splitlines():
        number, begun, appended = map(int, line.split())
        path = tmp_path / f"{number}.jsonl"
        if begun:
            run = read_journal(path)
            assert appended <= len(run.records) <= appended + 1
            assert [record.samples for record in run.records] == [(i,) for i in range(len(run.records))]
            lengths.add(len(run.records))
            with Journal(path, run, resume=True) as journal:
                journal.append(RECORD)
            assert read_journal(path).records == (*run.records, RECORD)
    assert len(done.stdout.splitlines()) == 100
    assert len(lengths) > 3


def test_a_resumed_journal_loses_its_torn_line_only(tmp_path):
    path = tmp_path / "run.jsonl"
    with Journal(path, RUN) as journal:
        journal.append(RECORD)
        journal.visited(VISITED)
        journal.host({"load_after": [1.5]})
        with pytest.raises(ResultsError, match="is being written; wait"):
            Journal(path, RUN, resume=True).__enter__()
    with path.open("ab") as file:
        file.write(b'{"record": {"sub')
    with Journal(path, read_journal(path), resume=True) as journal:
        journal.append(FAILURE)
        run = journal.finish()
    assert (run.records, run.visits, run.complete) == ((RECORD, FAILURE), (VISITED,), True)
    assert run.host == {**RUN.host, "load_after": [1.5]}
    with pytest.raises(ResultsError, match="can't be opened: No such file"):
        Journal(tmp_path / "none.jsonl", RUN, resume=True).__enter__()
