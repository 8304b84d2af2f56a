from collections.abc import Iterator

import guest_machine
import pytest
from leftovers import leftovers

from tare.state import State
from vm_baseline.place import link_path


@pytest.fixture(scope="session")
def guest(tmp_path_factory) -> Iterator[guest_machine.Guest]:
    """One Debian guest with systemd and the unified cgroup hierarchy for all tests."""
    run = tmp_path_factory.mktemp("guest") / "run"
    with guest_machine.booted(run) as guest:
        yield guest
    state = State(run, run)
    link_path(state).unlink(missing_ok=True)
    assert leftovers(state) == []
