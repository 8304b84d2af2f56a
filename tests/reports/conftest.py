import pytest
from synthetic_run import synthetic_run

import reports
from results import Run


@pytest.fixture(scope="session")
def run() -> Run:
    return synthetic_run()


@pytest.fixture(scope="session")
def page(run, tmp_path_factory):
    """The report of the run, written once."""
    return reports.build(run, tmp_path_factory.mktemp("report"))
