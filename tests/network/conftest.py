import gc
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from leftovers import leftovers
from network_lab import Lab, settings

from runtime import bootstrap_busybox
from runtime import clean as engine_clean
from runtime.network import clean
from tare.state import State


@pytest.fixture(scope="session")
def image(tmp_path_factory) -> Path:
    return bootstrap_busybox(State.at(tmp_path_factory.mktemp("images")))


@pytest.fixture
def state(tmp_path) -> State:
    return State.at(tmp_path)


@pytest.fixture
def lab(state, image) -> Iterator[Lab]:
    """A host of the test's own, with nothing left in it afterwards but what it began with."""
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    with ThreadPoolExecutor(1) as thread, Lab(state, image, thread) as lab:
        first = lab.on_host(settings)
        yield lab
        lab.end()
        lab.on_host(engine_clean.clean, state)
        lab.on_host(clean.clean, state)
        assert lab.on_host(settings) == first
    assert leftovers(state) == []
    assert len(os.listdir("/proc/self/fd")) <= before
