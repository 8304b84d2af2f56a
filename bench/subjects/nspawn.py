"""systemd-nspawn as a command, without asking systemd for anything: it needn't even run."""

import os
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import replace
from functools import cached_property

import psutil

from bench import footprint
from bench.availability import installed, with_mounts
from bench.confined import Confined
from bench.copied import CopiedRoot
from bench.foreground import ForegroundInstance
from bench.lab import Lab
from bench.makeup import container_makeup
from bench.mounts import without_unified_cgroup
from bench.program import Program
from bench.subject import Availability, Footprint, Makeup, RunSpec, SubjectError, Unsupported

_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
_RUN = ("systemd-nspawn", "--quiet", "--settings=no", "--pipe")
_ALONE = ("--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off")


class NspawnInstance(ForegroundInstance):
    """One `systemd-nspawn` in a control group that was made for it; it tells nobody when it exists."""

    def __init__(self, program: Program, confined: Confined, options: tuple[str, ...], spec: RunSpec) -> None:
        self._group = confined.group(os.urandom(6).hex(), spec)
        where = ("--directory", spec.prepared.reference)
        super().__init__(
            program,
            lambda name, _: (
                *self._group.joining,
                *_RUN,
                *_ALONE,
                *options,
                *("--machine", name),
                *where,
                "--",
                *spec.argv,
            ),
            tells=False,
        )

    @property
    def _children(self) -> list[int]:
        try:
            return [child.pid for child in psutil.Process(self._command.process.pid).children()]
        except psutil.NoSuchProcess:
            return []

    def pid(self) -> int:
        """Of its first process; systemd-nspawn's other children only prepare it."""
        if not (children := self._children):
            raise SubjectError("nspawn: the container has ended")
        return children[-1]

    def _exec(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """By nsenter(1): machinectl(1) asks a systemd-machined."""
        enter = ("nsenter", "--all", "--target", str(self.pid()), "env", "-i", _PATH)
        return (*self._group.joining, *enter, *argv)

    def _kill(self) -> tuple[str, ...]:
        """Of the command itself, which isn't waited for yet, when it has no child yet or any more."""
        return ("kill", "-KILL", str((self._children or [self._command.process.pid])[-1]))

    def footprint(self) -> Footprint:
        """Of the payload; the waiting command counts as its manager, and it has no files of its own."""
        return replace(footprint.measure(self.pid(), (self._command.process.pid,)), disk=0)

    def remove(self) -> None:
        """Its group goes with it."""
        try:
            super().remove()
        finally:
            self._group.remove()


class Nspawn(CopiedRoot):
    """systemd-nspawn as a subject, in a mount namespace where it registers nothing."""

    def availability(self) -> Availability:
        """The program is installed, and mounts can be private."""
        version = ("systemd-nspawn", "--version")
        found = installed("systemd-nspawn", "nsenter", version=version, prefix="systemd ")
        return with_mounts(found, lambda: self._executor)

    @cached_property
    def _executor(self) -> Executor:
        return self._lab.hold(without_unified_cgroup(("/run/systemd/nspawn",)))

    @cached_property
    def _program(self) -> Program:
        peer = self._lab.hold(self._peer)
        # It lets nobody else run what is in a directory.
        environment = {**os.environ, "SYSTEMD_NSPAWN_LOCK": "0"}
        return Program(self.name, (), peer.run, self._executor, environment)

    @cached_property
    def _confined(self) -> Confined:
        return Confined(self._peer)

    def start(self, spec: RunSpec) -> NspawnInstance:
        """Run the payload as process 1."""
        if spec.network:
            raise Unsupported("systemd-nspawn leaves addresses to a network service inside")
        return NspawnInstance(self._program, self._confined, self._options(spec), spec)

    def _options(self, spec: RunSpec) -> tuple[str, ...]:
        if ":" in spec.user:
            raise Unsupported("systemd-nspawn takes a user's group from the image")
        env = (f"--setenv={text}" for text in spec.env)
        user = (f"--user={spec.user}",) if spec.user else ()
        directory = (f"--chdir={spec.directory}",) if spec.directory else ()
        source = self._lab.volume(spec)
        volume = (f"--bind={source}:{spec.volume}",) if source else ()
        return ("--private-network", *env, *user, *directory, *volume)

    def makeup(self, spec: RunSpec) -> Makeup:
        """The command line that makes it."""
        words = (*_RUN, *self._options(spec), "--directory=ROOT")
        return container_makeup(" ".join(words), spec, self._lab.scratch)


def subjects(lab: Lab) -> Iterable[Nspawn]:
    """The systemd-nspawn on PATH."""
    return [Nspawn(lab, "nspawn")]
