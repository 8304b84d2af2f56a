"""The pytest plugin: turns a plan into test items, gives scenarios their fixtures, and journals failures."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.stats import Stats

from bench.agenda import Agenda
from bench.control import AGAIN
from bench.generator import LoadGenerator
from bench.plan import Plan, Visit, scenario_files
from bench.progress import Display
from bench.recorder import Recorder
from bench.straying import straying
from bench.subject import Image, Prepared, Subject, Unsupported
from bench.workload import Workload
from results.journal import Journal
from results.record import UNSUPPORTED
from results.run import Visited
from tare.errors import TareError


class Plugin:
    """Registered with pytest for one run.

    Args:
        plan: what to visit in which order.
        agenda: which of that is still to be done.
        subjects: the usable subjects by name.
        image: what they run.
        tools: the image with the programs that some scenarios need; None when none of them is visited.
        payload: gives the image with our own programs, for scenarios that measure with them.
        generator: runs load generators of the tools image.
        published: brings the image to a registry on loopback, for scenarios that start there.
        elsewhere: gives the subject of that name on an empty state root, and a directory beside.
        workload: a person's own, where the plan asks for it.
        journal: where samples go.
        display: where progress goes.
        settle: called around each round, untimed; waits until nothing of what was before goes on.
        until: the pass after which it pauses; `paused` says whether it has.
    """

    def __init__(
        self,
        plan: Plan,
        agenda: Agenda,
        subjects: Mapping[str, Subject],
        image: Image,
        tools: Image | None,
        payload: Callable[[], Image],
        generator: Callable[[Image], LoadGenerator],
        published: Callable[[], str],
        elsewhere: Callable[[str], AbstractContextManager[tuple[Subject, Path]]],
        workload: Workload | None,
        journal: Journal,
        display: Display,
        settle: Callable[[], None],
        until: int | None = None,
    ) -> None:
        self._plan = plan
        self._agenda = agenda
        self._order = {visit: place for place, visit in enumerate(plan.visits())}
        self._subjects = subjects
        self._image = image
        self._tools = tools
        self._payload = payload
        self._journal = journal
        self._display = display
        self._settle = settle
        self._until = until
        self.paused = False
        self._generator = generator
        self._published = published
        self._elsewhere = elsewhere
        self._workload = workload
        self._scenarios = {path: name for name, path in scenario_files().items()}
        self._recorder: Recorder | None = None
        self._straying: dict[str, str] = {}
        self.failures: list[str] = []
        self.benchmark_json: dict[str, Any] | None = None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One item for each visit of the scenario."""
        scenario = self._scenarios[Path(str(metafunc.definition.path))]
        visits = [visit for visit in self._order if visit.scenario == scenario]
        metafunc.parametrize("visit", visits, ids=str)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The plan's order, not the files'."""
        items.sort(key=lambda item: self._order[_visit(item)])

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Makes the visits that the agenda wants when their turn comes."""
        if session.testsfailed:
            raise session.Failed("a scenario can't be loaded")
        for item in session.items:
            visit = _visit(item)
            if self._agenda.wants(visit):
                if self._until is not None and visit.pass_ > self._until:
                    self.paused = True
                    break
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return True

    @pytest.fixture
    def subject(self, visit: Visit) -> Subject:
        """Who is asked."""
        return self._subjects[visit.subject]

    @pytest.fixture
    def image(self) -> Image:
        """What is run."""
        return self._image

    @pytest.fixture
    def prepared(self, subject: Subject, image: Image) -> Prepared:
        """The image in the subject's form."""
        return subject.prepare(image)

    @pytest.fixture
    def tools(self, subject: Subject) -> Prepared:
        """The image of `bench.tools_image` in the subject's form, for scenarios that need its programs."""
        assert self._tools is not None
        return subject.prepare(self._tools)

    @pytest.fixture
    def elsewhere(self, visit: Visit) -> Callable[[], AbstractContextManager[tuple[Subject, Path]]]:
        """The subject on an empty state root, as another host would have it."""
        return partial(self._elsewhere, visit.subject.removesuffix(AGAIN))

    @pytest.fixture
    def payload(self, subject: Subject) -> Prepared:
        """The image of `bench.payload_image` in the subject's form."""
        return subject.prepare(self._payload())

    @pytest.fixture
    def generator(self) -> LoadGenerator:
        """Runs load generators of the tools image beside the subjects."""
        assert self._tools is not None
        return self._generator(self._tools)

    @pytest.fixture
    def published(self) -> str:
        """The image's name in a registry on loopback."""
        return self._published()

    @pytest.fixture
    def workload(self) -> Workload:
        """A person's own."""
        assert self._workload is not None
        return self._workload

    @pytest.fixture
    def recorder(self, visit: Visit, subject: Subject) -> Recorder:
        """Where samples go."""
        if subject.name not in self._straying:
            self._straying[subject.name] = straying(subject, self._image)
        remark = self._straying[subject.name]
        self._recorder = Recorder(visit, subject, self._plan.profile, self._journal, remark)
        return self._recorder

    @pytest.fixture
    def weigh(self, benchmark: Any, visit: Visit, recorder: Recorder) -> Callable[..., Any]:
        """pytest-benchmark's `pedantic`, marked with the subject and scenario it belongs to."""
        benchmark.group = visit.scenario
        benchmark.extra_info.update(
            subject=visit.subject,
            scenario=visit.scenario,
            passes=[visit.pass_],
            warm_up_rounds=int(recorder.warms_up),
        )
        recorder.warm_up = recorder.warms_up

        def pedantic(measured: Callable[[], object], teardown: Callable[..., None], **more: Any) -> None:
            def end(*given: object) -> None:
                teardown(*given)
                recorder.warm_up = False
                self._settle()

            self._settle()
            benchmark.pedantic(measured, teardown=end, **more)

        return pedantic

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Shows progress, and journals that the visit was made to its end and how long it took."""
        visit = _visit(item)
        before = len(self.failures)
        self._recorder = None
        self._display.begin(visit)
        began = time.monotonic()
        result = yield
        seconds = time.monotonic() - began
        visited = Visited(visit.scenario, visit.subject, visit.pass_, seconds)
        self._journal.visited(visited)
        self._agenda.made(visited, self._recorder.records if self._recorder else ())
        self._display.end(visit, seconds, "; ".join(self.failures[before:]))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: "pytest.CallInfo[None]"
    ) -> Generator[None, object, object]:
        """A scenario that fails is a result: its reason is journaled."""
        report = yield
        if call.excinfo is not None and not call.excinfo.errisinstance(pytest.exit.Exception):
            self._note(_visit(item), call.excinfo.value)
        return report

    def _note(self, visit: Visit, error: BaseException) -> None:
        reason = str(error) if isinstance(error, TareError) else f"{type(error).__name__}: {error}"
        recorder = self._recorder or Recorder(
            visit, self._subjects[visit.subject], self._plan.profile, self._journal
        )
        self._recorder = recorder
        if isinstance(error, Unsupported):
            recorder.failed(UNSUPPORTED + reason)
        else:
            recorder.failed(reason)
            self.failures.append(reason)

    @pytest.hookimpl(tryfirst=True)
    def pytest_benchmark_generate_json(self, benchmarks: list[Any]) -> None:
        """Leaves out what was interrupted before its first round was timed, which has no statistics."""
        benchmarks[:] = [benchmark for benchmark in benchmarks if benchmark]

    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Joins the passes of a subject, so that `pytest-benchmark compare` shows one row for each."""
        output_json["benchmarks"] = _joined(output_json["benchmarks"])
        self.benchmark_json = output_json


def _visit(item: pytest.Item) -> Visit:
    visit: Visit = item.callspec.params["visit"]  # type: ignore[attr-defined]
    return visit


def _joined(benchmarks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    joined: dict[tuple[str, str], dict[str, Any]] = {}
    for benchmark in benchmarks:
        info = benchmark["extra_info"]
        key = (info["scenario"], info["subject"])
        if key not in joined:
            name = f"{info['scenario']}[{info['subject']}]"
            module = benchmark["fullname"].partition("::")[0]
            joined[key] = {
                **benchmark,
                "name": name,
                "fullname": f"{module}::{name}",
                "param": info["subject"],
            }
            joined[key]["params"] = {"subject": info["subject"]}
        else:
            joined[key]["stats"]["data"] += benchmark["stats"]["data"]
            joined[key]["extra_info"]["passes"] += info["passes"]
    for benchmark in joined.values():
        data = benchmark["stats"]["data"]
        del data[: min(benchmark["extra_info"].pop("warm_up_rounds"), len(data) - 1)]
        stats: Any = Stats()  # type: ignore[no-untyped-call]
        for seconds in data:
            stats.update(seconds)
        benchmark["stats"] = {**benchmark["stats"], **stats.as_dict()}
    return list(joined.values())
