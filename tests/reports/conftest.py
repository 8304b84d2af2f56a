import pytest
from synthetic_history import synthetic_history
from synthetic_run import only, synthetic_run

import reports
from reports.languages import chosen
from reports.trends import build
from results import Run


@pytest.fixture(scope="session")
def run() -> Run:
    return synthetic_run()


@pytest.fixture(scope="session")
def lean(run) -> Run:
    """The same run with scenarios of each shape and no more, quick to draw."""
    return only(run, "startup", "memory", "image-size", "isolation")


@pytest.fixture(scope="session")
def page(run, tmp_path_factory):
    """The report of the run, written once."""
    return reports.build([reports.Source(run)], tmp_path_factory.mktemp("report"))[0]


@pytest.fixture(scope="session")
def both(lean, tmp_path_factory):
    """The report of the run in English and Chinese, written once."""
    out = tmp_path_factory.mktemp("both")
    return reports.build([reports.Source(lean)], out, languages=chosen("both"))[0]


@pytest.fixture(scope="session")
def trends_page(tmp_path_factory):
    """The page of a history of sixty runs, written once."""
    return build(synthetic_history(), tmp_path_factory.mktemp("trends"))
