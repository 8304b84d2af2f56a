"""The host itself: the payload as an ordinary process in a chroot of the image, with no other isolation."""

import os
import shutil
import time
from collections.abc import Iterable
from ipaddress import IPv4Address
from subprocess import CompletedProcess

from bench import footprint
from bench.command import Command, run
from bench.lab import Lab
from bench.subject import Availability, Footprint, Image, Makeup, Prepared, RunSpec, Unsupported
from results import Kind

_PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


class HostInstance:
    """One chrooted process."""

    def __init__(self, spec: RunSpec) -> None:
        self._rootfs = spec.prepared.reference
        self._command = Command(("chroot", self._rootfs, *spec.argv), "host", env=_PATH)
        self.timeline = self._command.timeline
        self.timeline.created = time.monotonic_ns()
        self.wait_ready = self._command.wait_ready
        self.wait_output = self._command.wait_output
        self.wait = self._command.wait

    def exec(
        self, argv: tuple[str, ...], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> CompletedProcess[bytes]:
        """Run another process in the same chroot."""
        return run(("chroot", self._rootfs, *argv), "host", stdin=stdin, timeout=timeout, check=False)

    def address(self) -> IPv4Address | None:
        """Loopback: a process on the host shares the host's network."""
        return IPv4Address("127.0.0.1")

    def footprint(self) -> Footprint:
        """Of the process and its descendants."""
        return footprint.measure(self._command.process.pid)

    def stop(self) -> None:
        """Kill it."""
        self._command.close()

    def remove(self) -> None:
        """Kill it; there is nothing else."""
        self._command.close()
        self.timeline.removed = self.timeline.removed or self.timeline.exited


class Host:
    """The baseline."""

    name = "host"
    kind = Kind.HOST
    accelerator = None

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def availability(self) -> Availability:
        """Needs chroot(8) and the right to use it."""
        if os.geteuid() != 0:
            return Availability(False, "chroot into the image needs root")
        if shutil.which("chroot") is None:
            return Availability(False, "chroot is not installed (package coreutils)")
        return Availability(True, version=os.uname().release)

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:  # noqa: ARG002 - the copy stays as it is
        """A copy of the files, as a bare process writes to what it sees."""
        return Prepared(image, str(self._lab.copy(image)))

    def start(self, spec: RunSpec) -> HostInstance:
        """Start the payload as a process."""
        if spec.network:
            raise Unsupported("a bare process has no address of its own")
        return HostInstance(spec)

    def sizes(self, image: Image) -> dict[str, int]:
        """The host has no image format."""
        raise Unsupported(f"a bare process runs {image.name} from the files themselves")

    def makeup(self, spec: RunSpec) -> Makeup:
        """A process on this very host."""
        return Makeup(" ".join(spec.argv), ("this host",))


def subjects(lab: Lab) -> Iterable[Host]:
    """The one host."""
    return [Host(lab)]
