import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says how busy the host is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_DAEMONS = ("bench", "clients", "image")
"""Who starts dockerd, containerd or podman, which have places of the host that they share."""


class DirectoryScheduling(LoadScopeScheduling):
    """One worker for each directory, whose tests share what they made, and one for all daemons."""

    def _split_scope(self, nodeid: str) -> str:
        directory = nodeid.split("/")[1]
        return "daemons" if directory in _DAEMONS else directory


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> DirectoryScheduling:
    """Called where tests run side by side."""
    return DirectoryScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """A shell ignores SIGINT for its background jobs, and children inherit that; Ctrl-C has to be heard."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
