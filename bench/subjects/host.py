"""The host itself: the payload as an ordinary process in a chroot of the image, with no other isolation."""

import os
import resource
import shutil
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess

from bench import footprint
from bench.checkpoint import unsaved
from bench.command import Command, run
from bench.lab import Lab
from bench.subject import Availability, Footprint, Image, Makeup, Prepared, RunSpec, Unsupported
from results import Kind
from runtime.users import Account, account
from tare import environment

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class HostInstance:
    """One chrooted process."""

    def __init__(self, spec: RunSpec) -> None:
        self._rootfs = spec.prepared.reference
        chroot = _chroot(self._rootfs, account(spec.prepared.image.rootfs, spec.user))
        directory = ("sh", "-c", 'cd "$0" && exec "$@"', spec.directory) if spec.directory else ()
        env = environment.merged((f"PATH={_PATH}", *spec.env), ())
        self._command = Command((*chroot, *directory, *spec.argv), "host", env=env)
        self.timeline = self._command.timeline
        self.timeline.created = time.monotonic_ns()
        self.wait_ready = self._command.wait_ready
        self.wait_output = self._command.wait_output
        self.wait = self._command.wait
        self._executed = 0.0

    def exec(
        self, argv: tuple[str, ...], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> CompletedProcess[bytes]:
        """Run another process in the same chroot."""
        before = _reaped()
        done = run((*_enter(), self._rootfs, *argv), "host", stdin=stdin, timeout=timeout, check=False)
        self._executed += _reaped() - before
        return done

    def address(self) -> IPv4Address | None:
        """Loopback: a process on the host shares the host's network."""
        return IPv4Address("127.0.0.1")

    def pid(self) -> int:
        """Of the process that chroot(8) became."""
        return self._command.process.pid

    def footprint(self) -> Footprint:
        """Of the process and its descendants, and the CPU time of what was executed beside it."""
        found = footprint.measure(self.pid())
        return replace(found, cpu=found.cpu + self._executed)

    def save(self, directory: Path) -> None:  # noqa: ARG002 - nobody writes there
        """Nobody does."""
        raise Unsupported(unsaved("a bare process has nobody who saves it"))

    def stop(self) -> None:
        """Kill it."""
        self._command.close()

    def remove(self) -> None:
        """Kill it; there is nothing else."""
        self._command.close()
        self.timeline.removed = self.timeline.removed or self.timeline.exited


def _reaped() -> float:
    """CPU seconds of all children that have ended and been waited for (getrusage(2))."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _enter() -> tuple[str, ...]:
    """chroot(8); for an ordinary user in a user namespace, whose root may do so (user_namespaces(7))."""
    return ("chroot",) if os.geteuid() == 0 else ("unshare", "--map-root-user", "chroot")


def _chroot(rootfs: str, user: Account) -> tuple[str, ...]:
    if os.geteuid() == 0:
        return (*_enter(), f"--userspec={user.uid}:{user.gid}", rootfs)
    if user.uid or user.gid:
        raise Unsupported("a bare process of an ordinary user can't become another")
    return (*_enter(), rootfs)


class Host:
    """The baseline."""

    name = "host"
    kind = Kind.HOST
    accelerator = None
    scenarios = None

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def availability(self) -> Availability:
        """Needs chroot(8) and the right to use it, which an ordinary user has in a user namespace."""
        for program, package in (("chroot", "coreutils"), ("unshare", "util-linux")):
            if shutil.which(program) is None:
                return Availability(False, f"{program} is not installed (package {package})")
        allowed = run((*_enter(), "/", "true"), "host", check=False)
        if allowed.returncode:
            reason = allowed.stderr.decode(errors="replace").strip()
            return Availability(False, f"an ordinary user may not chroot here: {reason}")
        return Availability(True, version=os.uname().release)

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:  # noqa: ARG002 - the copy stays as it is
        """A copy of the files, as a bare process writes to what it sees."""
        return Prepared(image, str(self._lab.copy(image)))

    def pulled(self, image: Image, reference: str) -> AbstractContextManager[Prepared]:
        """A process comes from no registry."""
        raise Unsupported(f"a bare process has {image.name} in no registry, not even as {reference}")

    def start(self, spec: RunSpec) -> HostInstance:
        """Start the payload as a process."""
        if spec.network:
            raise Unsupported("a bare process has no address of its own")
        if spec.cpus % 1:
            raise Unsupported("a bare process has no quota of CPU time")
        if spec.volume:
            Path(spec.prepared.reference, spec.volume.lstrip("/")).mkdir(exist_ok=True)
        return HostInstance(spec)

    def sizes(self, image: Image) -> dict[str, int]:
        """The host has no image format."""
        raise Unsupported(f"a bare process runs {image.name} from the files themselves")

    def added(self, image: Image) -> int:
        """Nor a second image."""
        raise Unsupported(f"a bare process runs {image.name} from the files themselves")

    def makeup(self, spec: RunSpec) -> Makeup:
        """A process on this very host."""
        return Makeup(" ".join(spec.argv), {"host": "this one"})


def subjects(lab: Lab) -> Iterable[Host]:
    """The one host."""
    return [Host(lab)]
