from collections.abc import Iterator

import pytest
from leftovers import leftovers

from runtime.volumes import Volumes
from tare.state import State


@pytest.fixture
def state(tmp_path) -> Iterator[State]:
    state = State.at(tmp_path)
    yield state
    assert leftovers(state) == []


@pytest.fixture
def volumes(state) -> Volumes:
    return Volumes(state)
