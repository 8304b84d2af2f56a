"""Goes on with a run that was killed or interrupted, if all is as it was."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.request import Request
from results import ResultsError, Run
from results.journal import read_journal
from results.store import Store

_HOST = ("machine", "architecture", "system", "kernel", "programs")


def unfinished(store: Store, name: str = "") -> Run:
    """The run of that id or journal, or the last one that has a journal.

    Raises:
        ResultsError: there is none, or its journal can't be read.
    """
    if not name:
        return read_journal(store.latest_journal())
    given = Path(name)
    run = read_journal(given if given.suffix == ".jsonl" else store.journal_for(name))
    if given.suffix == ".jsonl" and given.absolute() != store.journal_for(run.id).absolute():
        raise ResultsError(f"{given} is none of the runs in {store.directory}", "name them with --results")
    return run


def request_of(run: Run) -> Request:
    """What it was asked for. Raises: ResultsError: an older version made it, which didn't keep that."""
    if "request" not in run.plan:
        raise ResultsError(f"run {run.id} can't go on: an older version made it", "measure again")
    return Request.from_json(run.plan["request"], run.profile, run.seed)


def check_unchanged(before: Run, now: Run) -> None:
    """Compare what a run was begun with and what it would go on with.

    Raises:
        ResultsError: host, subjects or plan are others.
    """
    if change := next(_changes(before, now), ""):
        raise ResultsError(f"run {before.id} can't go on: {change}", "measure again")


def _changes(before: Run, now: Run) -> Iterator[str]:
    for fact in _HOST:
        was, is_ = before.host.get(fact), now.host.get(fact)
        if was != is_:
            yield f"the host's {fact} was {was} and is {is_}"
    subjects = {info.name: info for info in now.subjects}
    for info in before.subjects:
        there = subjects.pop(info.name, None)
        if there is None:
            yield f"there is no subject {info.name} any more"
        elif info != there:
            was, is_ = (each.version or each.reason for each in (info, there))
            yield f"{info.name} was {was} and is {is_}"
    yield from (f"{name} can run now and couldn't" for name in subjects)
    yield from (f"of its plan, {change}" for change in _apart("", before.plan, now.plan))


def _apart(name: str, was: object, is_: object) -> Iterator[str]:
    if isinstance(was, Mapping) and isinstance(is_, Mapping):
        for key in {**was, **is_}:
            yield from _apart(f"{name} {key}".strip(), was.get(key), is_.get(key))
    elif was != is_:
        yield f"{name} was {was} and is {is_}"
