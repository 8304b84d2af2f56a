"""The pytest plugin: turns a plan into test items, gives scenarios their fixtures, and journals failures."""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.stats import Stats

from bench.plan import Plan, Visit, scenario_files
from bench.progress import Display
from bench.recorder import Recorder
from bench.subject import Image, Prepared, Subject, Unsupported
from results.journal import Journal
from results.record import UNSUPPORTED
from tare.errors import TareError


class Plugin:
    """Registered with pytest for one run.

    Args:
        plan: what to visit in which order.
        subjects: the usable subjects by name.
        image: what they run.
        journal: where samples go.
        display: where progress goes.
    """

    def __init__(
        self, plan: Plan, subjects: Mapping[str, Subject], image: Image, journal: Journal, display: Display
    ) -> None:
        self._plan = plan
        self._order = {visit: place for place, visit in enumerate(plan.visits())}
        self._subjects = subjects
        self._image = image
        self._journal = journal
        self._display = display
        self._scenarios = {path: name for name, path in scenario_files().items()}
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
    def recorder(self, visit: Visit, subject: Subject) -> Recorder:
        """Where samples go."""
        return Recorder(visit, subject, self._plan.profile, self._journal)

    @pytest.fixture
    def weigh(self, benchmark: Any, visit: Visit) -> Callable[..., Any]:
        """pytest-benchmark's `pedantic`, marked with the subject and scenario it belongs to."""
        benchmark.group = visit.scenario
        benchmark.extra_info.update(subject=visit.subject, scenario=visit.scenario, passes=[visit.pass_])
        pedantic: Callable[..., Any] = benchmark.pedantic
        return pedantic

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Shows progress."""
        visit = _visit(item)
        before = len(self.failures)
        self._display.begin(visit)
        result = yield
        self._display.end(visit, "; ".join(self.failures[before:]))
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
        recorder = Recorder(visit, self._subjects[visit.subject], self._plan.profile, self._journal)
        if isinstance(error, Unsupported):
            recorder.failed(UNSUPPORTED + reason)
        else:
            recorder.failed(reason)
            self.failures.append(reason)

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
        stats: Any = Stats()  # type: ignore[no-untyped-call]
        for seconds in benchmark["stats"]["data"]:
            stats.update(seconds)
        benchmark["stats"] = {**benchmark["stats"], **stats.as_dict()}
    return list(joined.values())
