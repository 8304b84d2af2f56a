"""One run: plan, journal, pytest, results."""

import os
import random
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

import bench
from bench.host import fingerprint
from bench.lab import Lab
from bench.plan import SCENARIO_DIRECTORY, Plan, chosen_scenarios, scenario_files
from bench.plugin import Plugin
from bench.profile import Profile
from bench.progress import Display
from bench.registry import all_subjects, chosen
from bench.subject import Image, Subject, SubjectError
from results import Record, Run, SubjectInfo
from results.journal import Journal, read_journal
from results.schema import SCHEMA_VERSION
from results.store import Store

_INI = Path(bench.__path__[0]) / "pytest.ini"


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the file it is in, and what failed on the way."""

    path: Path
    run: Run
    failures: tuple[str, ...]
    interrupted: bool


def execute(
    lab: Lab,
    image: Image,
    profile: Profile,
    store: Store,
    console: Console,
    *,
    subjects: Iterable[str] = (),
    scenarios: Iterable[str] = (),
    seed: int | None = None,
) -> Outcome:
    """Measure and store.

    Args:
        lab: what the subjects share.
        image: what they run.
        profile: how much work to do.
        store: where the run goes.
        console: where progress is shown.
        subjects: names, or none for all that can run here.
        scenarios: names, or none for all.
        seed: of the order; drawn when None.

    Raises:
        UsageError: a name is unknown.
        SubjectError: no subject asked for can run here.
        ResultsError: the run can't be stored.
    """
    known = all_subjects(lab)
    asked = chosen(known, subjects) or known
    infos = [_info(subject) for subject in asked.values()]
    usable = {info.name: asked[info.name] for info in infos if info.available}
    for info in infos:
        if not info.available:
            console.print(f"{info.name} is left out: {info.reason}", style="yellow", soft_wrap=True)
    if not usable:
        raise SubjectError("no subject can run here", "run `tarebench doctor`")
    plan = Plan(
        profile,
        tuple(chosen_scenarios(scenarios)),
        tuple(usable),
        secrets.randbelow(2**32) if seed is None else seed,
    )
    run = Run(
        id=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{random.SystemRandom().randrange(16**4):04x}",
        schema=SCHEMA_VERSION,
        started=datetime.now(UTC).isoformat(timespec="milliseconds"),
        finished=None,
        complete=False,
        profile=profile.name,
        seed=plan.seed,
        plan={**plan.as_json(), "image": image.name},
        host=fingerprint(),
        subjects=tuple(infos),
    )
    return _measure(run, plan, usable, image, store, console)


def _measure(
    run: Run, plan: Plan, usable: dict[str, Subject], image: Image, store: Store, console: Console
) -> Outcome:
    visits = plan.visits()
    kinds = {name: subject.kind for name, subject in usable.items()}
    with Journal(store.journal_for(run.id), run) as journal, Display(console, visits, kinds) as display:
        plugin = Plugin(plan, usable, image, journal, display)
        status = pytest.main(_arguments(plan.scenarios), plugins=[plugin])
        interrupted = status == pytest.ExitCode.INTERRUPTED
        measured = read_journal(journal.path) if interrupted else journal.finish()
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        raise SubjectError(f"pytest stopped with status {int(status)}", "look at its messages above")
    host = {**measured.host, "load_after": list(os.getloadavg())}
    final = replace(measured, host=host, records=joined(measured.records))
    path = store.save(final, plugin.benchmark_json)
    journal.path.unlink()
    return Outcome(path, final, tuple(plugin.failures), interrupted)


def joined(records: Sequence[Record]) -> tuple[Record, ...]:
    """Records of the same measurement and pass, journaled round by round, as one."""
    together: dict[Record, list[float]] = {}
    for record in records:
        together.setdefault(replace(record, samples=()), []).extend(record.samples)
    return tuple(replace(key, samples=tuple(samples)) for key, samples in together.items())


def _info(subject: Subject) -> SubjectInfo:
    availability = subject.availability()
    return SubjectInfo(
        subject.name, subject.kind, availability.version, availability.usable, availability.reason
    )


def _arguments(scenarios: Iterable[str]) -> list[str]:
    files = scenario_files()
    return [
        *(
            "-c",
            str(_INI),
            "--rootdir",
            str(SCENARIO_DIRECTORY),
            "-p",
            "no:cacheprovider",
            "-p",
            "no:terminal",
        ),
        *(
            "--benchmark-quiet",
            "--benchmark-json",
            os.devnull,
            "--benchmark-disable-gc",
            "--benchmark-timer",
            "time.perf_counter",
        ),
        *(str(files[name]) for name in scenarios),
    ]
