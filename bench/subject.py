"""What a subject is: the one protocol every runnable thing answers, and the data that passes through it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol, runtime_checkable

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
    """What to start: a payload with its limits.

    Args:
        prepared: what it runs in.
        argv: the command.
        memory: bytes.
        cpus: processors' worth of time; less than a whole number is a quota.
        network: whether the host is to reach it.
        env: further `NAME=value` entries.
        user: `user[:group]` by the image's own files; empty for root.
        directory: its working directory; empty for the root.
        volume: where it has a directory of the host's disk, without copy-on-write; empty for none.
    """

    prepared: Prepared
    argv: tuple[str, ...]
    memory: int = 256 * MIB
    cpus: float = 1
    network: bool = False
    env: tuple[str, ...] = ()
    user: str = ""
    directory: str = ""
    volume: str = ""


@dataclass
class Timeline:
    """Monotonic host times in ns (clock_gettime(2) CLOCK_MONOTONIC); None is a phase not reached.

    `parts` are the seconds of each part of the whole, one after another, for subjects that can tell them.
    """

    started: int
    created: int | None = None
    first_output: int | None = None
    exited: int | None = None
    removed: int | None = None
    parts: Mapping[str, float] = field(default_factory=dict)

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
    `cgroup` is the bytes its own cgroup is charged, or None without one; `cpu` is host CPU seconds since its
    start; `disk` is the bytes that its own files take on the host's disk beside what all of the image share,
    or None where that isn't kept apart. `parts` is the host's memory in bytes by what has it, for those that
    can tell.
    """

    pss: int
    cgroup: int | None
    cpu: float
    parts: Mapping[str, int] = field(default_factory=dict)
    disk: int | None = None

    @property
    def memory(self) -> int:
        """Bytes of its processes and of the host's kernel for it, as far as that tells."""
        return self.pss + self.parts.get("kernel", 0)


@dataclass(frozen=True)
class Makeup:
    """What an instance is made of, as facts a person can check.

    `configuration` is the text its runtime or hypervisor is given; `couplings` tells what the artifact is
    bound to, by name, as found in it; `devices` names the hardware emulated for it; `artifacts` are the
    files to move to another host, compressed as shipped, as (name, bytes).
    """

    configuration: str
    couplings: Mapping[str, str]
    devices: tuple[str, ...] = ()
    artifacts: tuple[tuple[str, int], ...] = ()


class Instance(Protocol):
    """One running container, machine or process."""

    @property
    def timeline(self) -> Timeline:
        """Its phases so far."""

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
        """Where the host reaches it; None without a network, or while it is not known yet."""

    def pid(self) -> int:
        """The host's number of its first process, of a machine its hypervisor's. Raises: SubjectError."""

    def footprint(self) -> Footprint:
        """What it costs the host now."""

    def save(self, directory: Path) -> None:
        """Stop it for good, its running state written into an empty directory. Raises: Unsupported."""

    def stop(self) -> None:
        """End the payload; idempotent."""

    def remove(self) -> None:
        """Leave nothing behind; idempotent."""


class Subject(Protocol):
    """Something that can run an image.

    `scenarios` are those it is asked unless it is named, None for all: what differs from another subject only
    in how it starts would answer the others with the same figures, at the same cost.
    """

    name: str
    kind: Kind
    accelerator: str | None
    scenarios: frozenset[str] | None

    def availability(self) -> Availability:
        """Usable here, or why not."""

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:
        """Import or convert the image; `fresh` repeats the work even when it was done before."""

    def pulled(self, image: Image, reference: str) -> AbstractContextManager[Prepared]:
        """The image afresh out of a registry on loopback; what came of it goes when the block ends.

        Raises: Unsupported where a subject has no images of registries.
        """

    def start(self, spec: RunSpec) -> Instance:
        """Start and return at once."""

    def sizes(self, image: Image) -> dict[str, int]:
        """Bytes of the image in each form this subject uses, by metric of the image-size scenario."""

    def added(self, image: Image) -> int:
        """Bytes on the host's disk that a second image on the same base takes beside this one."""

    def makeup(self, spec: RunSpec) -> Makeup:
        """Facts about what such an instance is made of."""


@runtime_checkable
class Resumes(Protocol):
    """A subject whose instances go on from what they saved."""

    def resume(self, spec: RunSpec, directory: Path) -> Instance:
        """Go on from what `Instance.save` wrote of an instance like this, maybe on another host."""
