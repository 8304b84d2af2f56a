"""Our own container as a command, `tarebox run`, to be compared with the commands of other engines."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from bench.engine import ContainerEngine
from bench.imported import discard
from bench.lab import Lab
from bench.peer import Peer
from bench.program import Program
from bench.subject import Availability, RunSpec
from bench.subjects.tarebox import Tarebox
from tare.state import State

PROGRAM = Path(sys.executable).with_name("tarebox")


class TareboxCli(ContainerEngine):
    """`tarebox` of this installation, on the lab's own state."""

    name = "tarebox-cli"

    def availability(self) -> Availability:
        """As the library, and the program is beside this interpreter."""
        if not PROGRAM.exists():
            return Availability(False, f"{PROGRAM} is missing; install tarebench again")
        return Tarebox(self._lab).availability()

    @cached_property
    def program(self) -> Program:
        """The command, for the same state as ours."""
        peer = self._lab.hold(Peer(self._lab.state, self.name))
        self._lab.hold(_forgotten(self._lab.state))
        return Program(self.name, (str(PROGRAM),), peer.run, env=_environment(self._lab.state))

    @property
    def _state(self) -> State:
        """Where the command's images are."""
        return self._lab.state

    @property
    def _storage(self) -> tuple[Path, ...]:
        return tuple(self._state.data / name for name in ("content", "image", "layers"))

    def _private(self, spec: RunSpec) -> tuple[str, ...]:
        return ("--network", self._lab.network.name) if spec.network else ()


@contextmanager
def _forgotten(state: State) -> Iterator[None]:
    """What was imported is removed in the end."""
    try:
        yield
    finally:
        discard(state)


def _environment(state: State) -> dict[str, str]:
    ours = dict(os.environ)
    return ours if state == State.default() else {**ours, "TAREBENCH_ROOT": str(state.data.parent)}


def subjects(lab: Lab) -> Iterable[TareboxCli]:
    """The one beside this interpreter."""
    return [TareboxCli(lab)]
