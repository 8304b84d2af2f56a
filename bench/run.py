"""One run: plan, journal, pytest, results."""

import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

import bench
from bench.agenda import Agenda
from bench.cost import Costs, earlier
from bench.elsewhere import elsewhere
from bench.generator import LoadGenerator
from bench.host import fingerprint
from bench.host_check import Watch, as_json, settings
from bench.image import find
from bench.lab import Lab
from bench.overhead import overhead, peak_memory
from bench.payload_image import payload_image
from bench.pinning import apart, divided
from bench.plan import SCENARIO_DIRECTORY, needs_tools, scenario_files
from bench.plugin import Plugin
from bench.profile import profile
from bench.progress import Display
from bench.request import Request
from bench.resume import check_unchanged
from bench.selection import Selection, select
from bench.source import source
from bench.subject import Image, SubjectError
from bench.tools_image import tools_image
from bench.workload import SCENARIO as OWN
from bench.workload import Workload
from results import Record, Run
from results.journal import Journal, read_journal
from results.schema import SCHEMA_VERSION
from results.store import Store
from tare.errors import ImageError

_INI = Path(bench.__path__[0]) / "pytest.ini"


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the file it is in, and what failed on the way."""

    path: Path
    run: Run
    failures: tuple[str, ...]
    interrupted: bool = False
    paused: bool = False


def execute(
    lab: Lab,
    request: Request,
    store: Store,
    console: Console,
    *,
    begun: Run | None = None,
    until: int | None = None,
) -> Outcome:
    """Measure and store.

    Args:
        lab: what the subjects share.
        request: what is asked for.
        store: where the run goes.
        console: where progress is shown.
        begun: the run to go on with, which was made for the same request.
        until: the pass after which the run is paused, if it isn't at its end then.

    Raises:
        UsageError: a name is unknown, or the workload makes no sense.
        ImageError: there is no such image, or a scenario asked for needs the tools image that can't be made.
        SubjectError: no subject asked for can run here.
        ResultsError: the run can't be stored, or the one to go on with was made under other conditions.
    """
    with apart(divided(frozenset(os.sched_getaffinity(0)))) as pinning:
        return _execute(lab, request, store, console, begun, until, pinning)


def _execute(
    lab: Lab,
    request: Request,
    store: Store,
    console: Console,
    begun: Run | None,
    until: int | None,
    pinning: str,
) -> Outcome:
    work = profile(request.profile)
    workload = request.workload()
    image = find(lab.state, request.reference(workload))
    scenarios = request.questions(workload)
    selection = select(lab, work, subjects=request.subjects, scenarios=scenarios, seed=request.seed)
    for info in selection.left_out:
        console.print(f"{info.name} is left out: {info.reason}", style="yellow", soft_wrap=True)
    selection, tools = _equipped(selection, lab, console, needed=bool(scenarios))
    run = Run(
        id=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{random.SystemRandom().randrange(16**4):04x}",
        schema=SCHEMA_VERSION,
        started=datetime.now(UTC).isoformat(timespec="milliseconds"),
        finished=None,
        complete=False,
        profile=work.name,
        seed=selection.plan.seed,
        plan={
            **selection.plan.as_json(),
            "image": image.name,
            "image_id": image.stored.id if image.stored else None,
            "request": request.as_json(),
            **({OWN: workload.as_json()} if workload else {}),
        },
        host={**fingerprint(), "pinning": pinning, "source": source()},
        subjects=selection.infos,
    )
    if begun:
        check_unchanged(begun, run)
        run = begun
    return _measure(
        run, selection, image, tools, workload, store, console, lab, until, resume=begun is not None
    )


def _measure(
    run: Run,
    selection: Selection,
    image: Image,
    tools: Image | None,
    workload: Workload | None,
    store: Store,
    console: Console,
    lab: Lab,
    until: int | None,
    *,
    resume: bool,
) -> Outcome:
    plan = selection.plan
    costs = Costs(selection.kinds, [*earlier(store, run.host["machine"], run.profile), run])
    agenda = Agenda(plan, run, lambda visit: costs.of(visit.scenario, visit.subject))
    checks, watch, rounds = settings(), Watch.begin(), overhead()
    with (
        Journal(store.journal_for(run.id), run, resume=resume) as journal,
        Display(console, agenda.ahead(), costs) as display,
    ):
        payload, published = partial(payload_image, lab.state), partial(lab.published, image)
        plugin = Plugin(
            plan,
            agenda,
            selection.usable,
            image,
            tools,
            payload,
            partial(LoadGenerator, lab),
            published,
            partial(elsewhere, lab),
            workload,
            journal,
            display,
            lab.settle,
            until,
        )
        status = pytest.main(_arguments(plan.scenarios), plugins=[plugin])
        interrupted = status == pytest.ExitCode.INTERRUPTED
        noise = as_json([*checks, *watch.end()], run.noisy)
        harness = {"overhead": rounds, "memory": peak_memory()}
        journal.host({"load_after": list(os.getloadavg()), "noise": noise, "harness": harness})
        ended = status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not plugin.paused
        if ended:
            journal.finish()
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        raise SubjectError(f"pytest stopped with status {int(status)}", "look at its messages above")
    measured = read_journal(journal.path)
    if not ended:
        return Outcome(journal.path, measured, tuple(plugin.failures), interrupted, plugin.paused)
    final = replace(measured, records=joined(measured.records), precision=agenda.precisions())
    path = store.save(final, plugin.benchmark_json, force=resume)
    journal.path.unlink()
    return Outcome(path, final, tuple(plugin.failures))


def _equipped(
    selection: Selection, lab: Lab, console: Console, *, needed: bool
) -> tuple[Selection, Image | None]:
    """The tools image where a scenario needs it; where it can't be made, the plan without those scenarios."""
    plan = selection.plan
    lacking = [name for name in plan.scenarios if needs_tools(name)]
    if not lacking:
        return selection, None
    try:
        return selection, tools_image(lab.state, console.print)
    except ImageError as error:
        if needed:
            raise
        message = f"left out without the tools image: {', '.join(lacking)}: {error}"
        console.print(message, style="yellow", soft_wrap=True)
        rest = tuple(name for name in plan.scenarios if name not in lacking)
        return replace(selection, plan=replace(plan, scenarios=rest)), None


def joined(records: Sequence[Record]) -> tuple[Record, ...]:
    """Records of the same measurement and pass, journaled round by round, as one."""
    together: dict[Record, list[float]] = {}
    for record in records:
        together.setdefault(replace(record, samples=()), []).extend(record.samples)
    return tuple(replace(key, samples=tuple(samples)) for key, samples in together.items())


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
