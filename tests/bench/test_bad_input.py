"""Files that are no run, or one that makes no sense, to every command that reads runs: one clear line."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from compared_runs import HOST, measured_run

from bench.cli import main
from results import Run
from results.content import LARGEST
from results.journal import Journal
from results.store import Store

BASE = measured_run("a", 1, passes=4, rounds=2)
RUN = measured_run("b", 2, passes=4, rounds=2)
BLOCK = RUN.as_json()
COMMANDS = {
    "report": (("report", "--format", "csv", "-o", "out"), 9),
    "compare": (("compare", "base.json"), 3),
    "compare with": (("compare",), 3),
    "history add": (("history", "add", "--in", "kept"), 9),
    "export": (("export", "--format", "openmetrics"), 9),
}


def sample(value: float) -> bytes:
    """A run with one sample more."""
    first, *others = BLOCK["records"]
    return block(records=[{**first, "samples": [*first["samples"], value]}, *others])


def block(**changes: object) -> bytes:
    return json.dumps({"benchmarks": [], "tarebench": {**BLOCK, **changes}}).encode()


def without(name: str) -> bytes:
    return json.dumps(
        {"tarebench": {key: value for key, value in BLOCK.items() if key != name}}, allow_nan=False
    ).encode()


HEADER = json.dumps({"run": {**BLOCK, "records": []}}).encode() + b"\n"
FAULTS = {
    "newer": ("b.json", block(schema=99), "schema version 99 can't be read, this program knows up to 2; upd"),
    "no version": ("b.json", block(schema="2"), "$.schema"),
    "nan": ("b.json", sample(float("nan")), "$.records[0].samples[2]"),
    "infinite": ("b.json", sample(float("inf")), "$.records[0].samples[2]"),
    "negative": ("b.json", sample(-0.001), "$.records[0].samples[2]"),
    "no number": ("b.json", sample(None), "$.records[0].samples[2]"),
    "missing subject": ("b.json", block(subjects=BLOCK["subjects"][1:]), "'host' is none of the run's subje"),
    "missing records": ("b.json", without("records"), '"records" is a required property'),
    "id that leads elsewhere": ("b.json", block(id="../../b"), "$.id"),
    "other program's": ("b.json", b'{"benchmarks": []}', "has no `tarebench` block"),
    "other content": ("b.json", b"[1]", "has no `tarebench` block"),
    "empty": ("b.json", b"", "is no JSON"),
    "text": ("b.json", b"\xff\xfe", "is no JSON"),
    "torn": ("b.json", block()[:-100], "is no JSON"),
    "torn archive": ("b.json.gz", gzip.compress(block())[:-100], "can't be read"),
    "no archive": ("b.json.gz", block(), "can't be read"),
    "large when unpacked": ("b.json.gz", gzip.compress(bytes(LARGEST + 1), 1), "has more than 128 MiB"),
    "journal without header": ("b.jsonl", HEADER[:-100], "has no header"),
    "journal of a newer": ("b.jsonl", HEADER.replace(b'"schema": 2', b'"schema": 99'), "up to 2; update"),
    "journal broken amid": ("b.jsonl", HEADER + b"{\n{}\n", "is broken in line 2"),
}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """The working directory, with a run to compare with."""
    monkeypatch.chdir(tmp_path)
    Store(tmp_path).save(BASE, path=tmp_path / "base.json")
    return tmp_path


@pytest.fixture
def called(capsys) -> Callable[..., tuple[int, str, str]]:
    """Calls a command on files; its exit code, output and errors."""

    def call(command: str, *words: object) -> tuple[int, str, str]:
        given, _ = COMMANDS[command]
        last = ("base.json",) if command == "compare with" else ()
        return main([*given, *map(str, words), *last]), *capsys.readouterr()

    return call


def refused(place: Path, called: Callable[..., tuple[int, str, str]], command: str, name: str) -> str:
    """The line that a command refuses a file with; it has made nothing."""
    before = set(place.iterdir())
    code, told, errors = called(command, name)
    assert (code, told) == (COMMANDS[command][1], "")
    (line,) = errors.splitlines()
    assert line.startswith("tarebench: ")
    assert name in line
    assert set(place.iterdir()) == before
    return line


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_run_is_one_clear_line(place, called, command, fault) -> None:
    name, data, message = FAULTS[fault]
    (place / name).write_bytes(data)
    assert message in refused(place, called, command, name)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["b.json", "b.jsonl", "b.json.gz"])
def test_a_file_of_500_mb_is_refused_unread(place, called, command, name) -> None:
    with (place / name).open("wb") as file:
        file.truncate(500_000_000)
    assert refused(place, called, command, name).endswith("has more than 128 MiB, which no run has")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_directory_is_no_run(place, called, command) -> None:
    (place / "b.json").mkdir()
    assert "can't be read: Is a directory" in refused(place, called, command, "b.json")


@pytest.mark.parametrize("command", [command for command in COMMANDS if "compare" not in command])
def test_a_missing_file_is_told(place, called, command) -> None:
    assert "can't be read: No such file" in refused(place, called, command, "b.json")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_of_an_older_schema_is_read(place, called, command) -> None:
    older = {name: value for name, value in BLOCK.items() if name not in ("visits", "precision")}
    (place / "b.json").write_text(json.dumps({"tarebench": {**older, "schema": 1}}))
    assert called(command, "b.json")[0] == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_a_truncated_journal_is_a_run_that_was_ended(place, called, command) -> None:
    with Journal(place / "b.jsonl", RUN):
        pass
    (place / "b.jsonl").write_bytes((place / "b.jsonl").read_bytes()[:-100])
    if command.startswith(("compare", "history")):
        assert "b was ended before its plan was done" in called(command, "b.jsonl")[2]
    if "compare" in command:
        assert called(command, "b.jsonl", "--allow", "incomplete")[0] == 0
    elif command != "history add":
        assert called(command, "b.jsonl")[0] == 0


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("value", [0.0, 1e-9])
def test_samples_that_no_ratio_can_be_made_of_are_no_fault(place, called, command, value) -> None:
    """As of a clock that stood still, of one subject and of all."""
    for subjects in (("tarebox",), tuple(info.name for info in RUN.subjects)):
        Store(place).save(constant(subjects, value), path=place / "b.json", force=True)
        code, _, errors = called(command, "b.json", *(("--force",) if command == "report" else ()))
        assert (code in (0, 1), errors) == (True, "")


def constant(subjects: tuple[str, ...], value: float) -> Run:
    """The run with nothing else for these subjects; each time another, as a run is kept once."""
    records = tuple(
        replace(record, samples=(value,) * len(record.samples)) if record.subject in subjects else record
        for record in RUN.records
    )
    return replace(RUN, id=f"b-{len(subjects)}", records=records)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("compare", "that is two different runs with one id, a; give the files of two runs"),
        ("history add", "a.run.json.gz is another run of the same id; measure again"),
        ("export", "two of the runs are called a; give each run once"),
    ],
)
def test_two_runs_of_one_id_are_refused(place, called, command, message) -> None:
    Store(place).save(replace(RUN, id="a"), path=place / "b.json")
    code, _, errors = called(command, *(() if command == "compare" else ("base.json",)), "b.json")
    assert code == COMMANDS[command][1]
    assert message in errors
    assert errors.count("\n") == 1


def test_a_report_has_both_of_two_runs_with_one_id(place, called) -> None:
    Store(place).save(replace(RUN, id="a"), path=place / "b.json")
    assert called("report", "base.json", "b.json")[0] == 0


def test_machines_are_not_mixed(place, called) -> None:
    Store(place).save(replace(RUN, host={**HOST, "machine": "f" * 16}), path=place / "b.json")
    code, _, errors = called("compare", "b.json")
    assert (code, errors.count("\n")) == (3, 1)
    assert "the host's machine was 0123456789abcdef and is ffffffffffffffff; --allow machine" in errors
    _, told, _ = called("export", "base.json", "b.json")
    assert 'machine="0123456789abcdef"' in told
    assert 'machine="ffffffffffffffff"' in told
    assert called("history add", "base.json", "b.json")[0] == 0
    assert sorted(path.name for path in (place / "kept").iterdir()) == ["0123456789abcdef", "f" * 16]
    assert called("report", "base.json", "b.json")[0] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("report base.json -o out --format csv", 2),
        ("run --profile smoke -o out", 2),
        (f"history report --in kept --machine {HOST['machine']} -o out", 2),
        ("compare base.json base.json -o out/mine", 2),
        ("export base.json --format bmf -o out/mine", 9),
        (f"history baseline --in kept --machine {HOST['machine']} --profile quick -o out/mine", 9),
    ],
)
def test_nothing_is_written_over_unasked(place, capsys, words, code) -> None:
    (place / "out").mkdir()
    (place / "out/mine").write_text("mine")
    assert main(["history", "add", "--in", "kept", "base.json"]) == 0
    capsys.readouterr()
    assert main(words.split()) == code
    told, errors = capsys.readouterr()
    assert (told, errors.count("\n")) == ("", 1)
    assert "--force" in errors or "force it" in errors
    assert [path.name for path in (place / "out").iterdir()] == ["mine"]
    assert (place / "out/mine").read_text() == "mine"


def test_a_report_is_replaced_by_force_and_where_its_usual_place_is(place, called) -> None:
    assert called("report", "base.json")[0] == 0
    code, _, errors = called("report", "base.json")
    assert (code, errors) == (
        2,
        "tarebench: out has files already; choose another directory, or give --force\n",
    )
    assert called("report", "base.json", "--force")[0] == 0
    for _ in range(2):
        assert main(["report", "base.json", "--format", "csv"]) == 0
    assert (place / "reports/out/samples.csv").exists()
