"""Our own container as an ordinary user's command; for root, of a user whom only this subject sees."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

from bench.confined import Confined
from bench.engine import EngineInstance
from bench.lab import Lab
from bench.ordinary import ID, become, ordinary
from bench.peer import Peer
from bench.program import Program
from bench.subject import Availability, RunSpec, SubjectError, Unsupported
from bench.subjects.tarebox_cli import PROGRAM, TareboxCli
from tare.state import State


class RootlessInstance(EngineInstance):
    """One `tarebox run --rm` in a control group that was made for it."""

    def __init__(self, program: Program, confined: Confined, options: tuple[str, ...], spec: RunSpec) -> None:
        self._group = confined.group(os.urandom(6).hex(), spec)
        joined = replace(program, command=(*self._group.joining, *program.command))
        super().__init__(joined, options, spec, ("rm", "--force"))
        self._program, self._entering = program, joined

    def remove(self) -> None:
        """Its group goes with it."""
        try:
            super().remove()
        finally:
            self._group.remove()


class TareboxRootless(TareboxCli):
    """`tarebox` of an ordinary user."""

    name = "tarebox-rootless"

    def availability(self) -> Availability:
        """As for root; besides, a user's ids can be mapped."""
        found = super().availability()
        if not found.usable:
            return found
        for program in ("setpriv", "newuidmap", "newgidmap"):
            if shutil.which(program) is None:
                return Availability(False, f"{program} is not installed")
        try:
            self.program("version")
        except (OSError, SubjectError) as error:
            return Availability(False, str(error))
        return found

    @cached_property
    def program(self) -> Program:
        """The command, of the user that we are or for root one of our own."""
        if os.geteuid() != 0:
            return super().program
        peer = self._lab.hold(Peer(self._lab.state, self.name))
        executor = self._lab.hold(ordinary(peer.data))
        home = str(peer.data / "home")
        environment = {"HOME": home, "TAREBENCH_ROOT": home, "PATH": os.environ["PATH"]}
        command = (*become(), str(PROGRAM))
        program = Program(self.name, command, peer.data, executor, environment, owner=ID)
        self._lab.hold(_kept(program))
        return program

    @property
    def _state(self) -> State:
        if os.geteuid() != 0:
            return super()._state
        return State.at(Peer(self._lab.state, self.name).data / "home")

    @cached_property
    def _confined(self) -> Confined:
        return Confined(Peer(self._lab.state, self.name))

    def _limits(self, spec: RunSpec) -> tuple[str, ...]:
        """None for root's user, who has no control groups: the harness makes them."""
        return () if os.geteuid() == 0 else super()._limits(spec)

    def start(self, spec: RunSpec) -> EngineInstance:
        """`run --rm` with the limits asked for."""
        if spec.network:
            raise Unsupported("an ordinary user's containers are reached by published ports only")
        if os.geteuid() != 0:
            return super().start(spec)
        if spec.volume:
            raise Unsupported("a volume of the harness's is not the ordinary user's")
        return RootlessInstance(self.program, self._confined, self._options(spec), spec)


@contextmanager
def _kept(program: Program) -> Iterator[None]:
    """A command that runs all the time keeps the user's namespaces, as between commands in a row."""
    # It has no place of ours in its arguments that a clean could find it by.
    kept = replace(program, command=(*become(), "--pdeathsig=TERM", str(PROGRAM)))
    command = kept.begin("events")
    try:
        yield
    finally:
        command.close()


def subjects(lab: Lab) -> Iterable[TareboxRootless]:
    """The one beside this interpreter."""
    return [TareboxRootless(lab)]
