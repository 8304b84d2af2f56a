"""What a subject is: the one protocol every runnable thing answers, and the data that passes through it."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol

from results import Kind
from runtime.image.store import StoredImage
from tare.errors import ExitCode, TareError

MIB = 1 << 20


class SubjectError(TareError):
    """A subject failed at what it was asked to do."""

    exit_code = ExitCode.NO_SUBJECT


class Unsupported(SubjectError):
    """A subject has no means to do what a scenario asks; a result, not a fault."""


@dataclass(frozen=True)
class Availability:
    """Whether a subject can run here; `reason` says why not, in one line for a person."""

    usable: bool
    reason: str = ""
    version: str = ""


@dataclass(frozen=True)
class Image:
    """What every subject runs.

    Args:
        name: as people call it.
        rootfs: a directory of its files, which nobody may write to.
        stored: the image in the store; None for a mere directory.
    """

    name: str
    rootfs: Path
    stored: StoredImage | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Prepared:
    """An image in the form its subject starts from; `reference` is the subject's own name for it."""

    image: Image
    reference: str


@dataclass(frozen=True)
class RunSpec:
    """What to start: a payload with its limits. `memory` is in bytes, `cpus` counts whole CPUs."""

    prepared: Prepared
    argv: tuple[str, ...]
    memory: int = 256 * MIB
    cpus: int = 1
    network: bool = False


@dataclass
class Timeline:
    """Monotonic host times in ns (clock_gettime(2) CLOCK_MONOTONIC); None is a phase not reached."""

    started: int
    created: int | None = None
    first_output: int | None = None
    exited: int | None = None
    removed: int | None = None

    def seconds(self) -> dict[str, float]:
        """Phases reached, in seconds since the start call."""
        phases = {
            "created": self.created,
            "first-output": self.first_output,
            "exit": self.exited,
            "removed": self.removed,
        }
        return {name: (at - self.started) / 1e9 for name, at in phases.items() if at is not None}


@dataclass(frozen=True)
class Footprint:
    """What an instance costs its host.

    `pss` is proportional set size in bytes of all its processes, its manager's included (proc_pid_smaps(5));
    `cgroup` is the bytes its own cgroup is charged, or None without one; `cpu` is host CPU seconds.
    """

    pss: int
    cgroup: int | None
    cpu: float


@dataclass(frozen=True)
class Makeup:
    """What an instance is made of, as facts a person can check.

    `configuration` is the text its runtime or hypervisor is given; `couplings` names what the artifact is
    bound to; `devices` names the hardware emulated for it; `artifacts` are the files to move to another host,
    compressed as shipped, as (name, bytes).
    """

    configuration: str
    couplings: tuple[str, ...]
    devices: tuple[str, ...] = ()
    artifacts: tuple[tuple[str, int], ...] = ()


class Instance(Protocol):
    """One running container, machine or process."""

    timeline: Timeline

    def wait_ready(self, timeout: float) -> Timeline:
        """Wait for the first byte of output. Raises: SubjectError after `timeout` seconds."""

    def wait_output(self, mark: bytes, timeout: float) -> int:
        """Monotonic ns at which `mark` had arrived on the output. Raises: SubjectError."""

    def wait(self, timeout: float) -> int:
        """Exit status of the payload (128+n for signal n). Raises: SubjectError after `timeout` seconds."""

    def exec(
        self, argv: tuple[str, ...], *, stdin: bytes | None = None, timeout: float | None = None
    ) -> CompletedProcess[bytes]:
        """Run a second command inside. Raises: Unsupported, SubjectError."""

    def address(self) -> IPv4Address | None:
        """Where the host reaches it, or None."""

    def footprint(self) -> Footprint:
        """What it costs the host now."""

    def stop(self) -> None:
        """End the payload; idempotent."""

    def remove(self) -> None:
        """Leave nothing behind; idempotent."""


class Subject(Protocol):
    """Something that can run an image."""

    name: str
    kind: Kind
    accelerator: str | None

    def availability(self) -> Availability:
        """Usable here, or why not."""

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:
        """Import or convert the image; `fresh` repeats the work even when it was done before."""

    def start(self, spec: RunSpec) -> Instance:
        """Start and return at once."""

    def sizes(self, image: Image) -> dict[str, int]:
        """Bytes of the image in each form this subject uses, by metric of the image-size scenario."""

    def makeup(self, spec: RunSpec) -> Makeup:
        """Facts about what such an instance is made of."""
