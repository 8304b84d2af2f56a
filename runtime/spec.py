"""What a container is to be: data only, checked when made."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from runtime import capabilities, syscalls
from tare.errors import UsageError
from tare.hostname import check_hostname

MINIMUM_MEMORY = 4 << 20
"""Bytes below which no process gets as far as its own code; Docker's own minimum is 6 MiB."""
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Namespace(Enum):
    """A namespace kind, named as below /proc/PID/ns, with its clone flag; see namespaces(7)."""

    PID = "pid"
    NET = "net"
    IPC = "ipc"
    MNT = "mnt"
    UTS = "uts"
    CGROUP = "cgroup"
    USER = "user"
    TIME = "time"

    @property
    def flag(self) -> int:
        """The CLONE_NEW* flag."""
        return int(getattr(syscalls, "CLONE_NEWNS" if self is Namespace.MNT else f"CLONE_NEW{self.name}"))


DEFAULT_NAMESPACES = frozenset(Namespace) - {Namespace.USER, Namespace.TIME}


@dataclass(frozen=True)
class Limits:
    """Control group limits; None is no limit.

    Args:
        memory: bytes, at least 4 MiB.
        cpus: processors' worth of time, such as 0.5.
        pids: processes and threads.

    Raises:
        UsageError: a value without meaning.
    """

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None

    def __post_init__(self) -> None:
        if self.memory is not None and self.memory < MINIMUM_MEMORY:
            raise UsageError(f"a memory limit of {self.memory} bytes is too small", "ask for at least 4m")
        if self.cpus is not None and not (math.isfinite(self.cpus) and self.cpus >= 0.01):
            raise UsageError(f"a limit of {self.cpus} cpus has no meaning", "ask for 0.01 or more")
        if self.pids is not None and self.pids < 1:
            raise UsageError(f"a limit of {self.pids} processes has no meaning", "ask for 1 or more")

    def __bool__(self) -> bool:
        return self.memory is not None or self.cpus is not None or self.pids is not None


@dataclass(frozen=True)
class Interface:
    """A veth pair: eth0 in the container, the peer on an existing bridge of the host."""

    bridge: str
    address: IPv4Interface
    gateway: IPv4Address | None = None


@dataclass(frozen=True)
class IdMapping:
    """A range of ids, as a line of /proc/PID/uid_map; see user_namespaces(7)."""

    inside: int
    outside: int
    count: int


@dataclass(frozen=True)
class Bind:
    """A path of the host mounted into the container; the target is resolved inside the image.

    Args:
        read_only: whether it can't be written to, with all mounted below it unless `has_writable` says not.
        is_recursive: whether what is mounted below it comes with it.
        propagation: as in mount_namespaces(7), such as `rslave`; `rprivate` when empty.
        namespace: path of the mount namespace that the source is in; the host's when empty.
    """

    source: Path
    target: str
    read_only: bool = False
    is_recursive: bool = True
    has_writable: bool = False
    propagation: str = ""
    namespace: str = ""


@dataclass(frozen=True)
class Tmpfs:
    """A filesystem in memory; options as of mount(8), such as `size=64m`, `mode=1777`, `noexec`."""

    target: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Device:
    """A device node of the host made in the container.

    Args:
        access: what the container may do with it: some of `r` read, `w` write, `m` make nodes of it.
    """

    source: str
    target: str
    access: str = "rwm"

    def __post_init__(self) -> None:
        if not self.source.startswith("/") or not self.target.startswith("/"):
            raise UsageError(f"device {self.source}:{self.target} is no path", "give absolute paths")
        if not self.access or set(self.access) - set("rwm"):
            raise UsageError(f"{self.access!r} is no access to a device", "use some of r, w and m")


@dataclass(frozen=True)
class Rlimit:
    """A resource limit; `resource` is a RLIMIT_* number of the `resource` module; see getrlimit(2)."""

    resource: int
    soft: int
    hard: int


@dataclass(frozen=True)
class ContainerSpec:
    """A container to start.

    Args:
        rootfs: the image directory; never written to.
        argv: the command; sought along PATH of `env` when it has no slash.
        env: the whole environment.
        cwd: made when the image lacks it.
        mappings: ids of the user namespace, for uid and gid alike; only with Namespace.USER.
        on_disk: whether what it writes goes to disk; otherwise to memory, counted against its memory limit.
        layers: image directories over `rootfs`, top first.
        writable: a directory with an overlay's `upper` and `work`, which outlive the container.
        in_place: whether `rootfs` itself is written to, as it is this container's alone.
        tmpfs: filesystems in memory.
        devices: nodes of the host, beside those every container has.
        sysctls: kernel parameters of its own namespaces, by their names with dots.
        shm_size: bytes of /dev/shm.
        oom_score_adj: see proc_pid_oom_score_adj(5).
        seccomp_profile: text of a filter as the file of Docker's --security-opt seccomp=FILE has it.
        masked: whether parts of /proc and /sys are hidden or read-only.
        privileged: whether it has all devices of the host, and may write to all of /sys and /proc.
        joined: paths of namespaces, below /proc/PID/ns, of others that it joins, by kind.

    Raises:
        UsageError: a value without meaning.
    """

    rootfs: Path
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: {"PATH": DEFAULT_PATH}, hash=False)
    cwd: str = "/"
    hostname: str = "tarebox"
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    limits: Limits = Limits()
    rlimits: tuple[Rlimit, ...] = ()
    namespaces: frozenset[Namespace] = DEFAULT_NAMESPACES
    mappings: tuple[IdMapping, ...] = ()
    read_only: bool = False
    capabilities: frozenset[str] = capabilities.DEFAULT
    seccomp: bool = True
    no_new_privileges: bool = True
    interface: Interface | None = None
    binds: tuple[Bind, ...] = ()
    on_disk: bool = True
    layers: tuple[Path, ...] = ()
    writable: Path | None = None
    in_place: bool = False
    tmpfs: tuple[Tmpfs, ...] = ()
    devices: tuple[Device, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict, hash=False)
    shm_size: int | None = None
    oom_score_adj: int | None = None
    seccomp_profile: str = ""
    masked: bool = True
    privileged: bool = False
    joined: tuple[tuple[Namespace, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "argv", tuple(self.argv))
        if not self.argv:
            raise UsageError("no command given", "name a command of the image")
        if any("\0" in text for text in (*self.argv, *self.env, *self.env.values(), self.cwd)):
            raise UsageError("a NUL character in the command or its environment", "leave it out")
        if not self.cwd.startswith("/"):
            raise UsageError(f"the working directory {self.cwd!r} is relative", "give an absolute path")
        check_hostname(self.hostname)
        if self.uid < 0 or self.gid < 0:
            raise UsageError(f"user {self.uid}:{self.gid} has no meaning", "ids are 0 or more")
        self._check_namespaces()
        self._check_limits()
        if self.in_place and (self.layers or self.writable):
            raise UsageError("a root that is written to in place has no layers", "leave one of both out")
        if not self.on_disk and (self.in_place or self.writable):
            raise UsageError("a root that outlives its container can't be in memory", "leave one of both out")
        capabilities.mask(self.capabilities)

    def _check_namespaces(self) -> None:
        if Namespace.MNT not in self.namespaces:
            raise UsageError("a container needs a mount namespace of its own")
        if self.joined and self.mappings:
            raise UsageError("a container in a user namespace can't join another's namespaces")
        if self.interface and Namespace.NET not in self.namespaces:
            raise UsageError("an interface needs a network namespace of the container's own")
        if bool(self.mappings) != (Namespace.USER in self.namespaces):
            raise UsageError("a user namespace needs id mappings, and mappings a user namespace")

    def _check_limits(self) -> None:
        if self.oom_score_adj is not None and not -1000 <= self.oom_score_adj <= 1000:
            raise UsageError(f"an OOM score of {self.oom_score_adj} has no meaning", "give -1000 to 1000")
        if self.shm_size is not None and self.shm_size < 1:
            raise UsageError(f"a /dev/shm of {self.shm_size} bytes has no meaning", "give 1 or more")

    @property
    def root_owner(self) -> tuple[int, int]:
        """Ids on the host of the user that is root inside."""
        outside = next((ids.outside for ids in self.mappings if ids.inside == 0), 0)
        return outside, outside
