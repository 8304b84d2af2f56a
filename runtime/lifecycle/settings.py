"""What a persistent container is, beyond what it runs: how it is watched, stopped, restarted and logged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.light import signal
from runtime.network import mode, model
from runtime.spec import ContainerSpec
from tare import resolver
from tare.errors import UsageError
from tare.ports import Published

_MOUNTS = ("bind", "volume", "tmpfs")
_PROPAGATION = ("", "private", "rprivate", "shared", "rshared", "slave", "rslave")
LOG_DRIVERS = ("json-file", "none")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", re.ASCII)


@dataclass(frozen=True)
class RestartPolicy:
    """When a container that has ended is started again.

    Args:
        name: `no`, `on-failure`, `always` or `unless-stopped`.
        maximum: how often at most, 0 for ever; only with `on-failure`.

    Raises:
        UsageError: no such policy.
    """

    name: str = "no"
    maximum: int = 0

    def __post_init__(self) -> None:
        if self.name not in ("no", "on-failure", "always", "unless-stopped"):
            raise UsageError(
                f"no restart policy {self.name!r}", "use no, on-failure[:N], always or unless-stopped"
            )
        if self.maximum < 0 or (self.maximum and self.name != "on-failure"):
            raise UsageError(f"restart policy {self.name} takes no maximum of {self.maximum}", "leave it out")

    @classmethod
    def parse(cls, text: str) -> "RestartPolicy":
        """The policy from `NAME[:MAXIMUM]`.

        Raises:
            UsageError: there is none.
        """
        name, colon, maximum = text.partition(":")
        if colon and not maximum.isdecimal():
            raise UsageError(f"{maximum!r} is no number of restarts", "write such as on-failure:3")
        return cls(name or "no", int(maximum or 0))

    def applies(self, exit_code: int, count: int) -> bool:
        """Whether a container is started again.

        Args:
            exit_code: how it ended.
            count: how often it was started again in a row.
        """
        if self.name == "on-failure":
            return exit_code != 0 and (not self.maximum or count < self.maximum)
        return self.name != "no"


@dataclass(frozen=True)
class HealthCheck:
    """A command that says by its exit status whether a container is well; times in seconds.

    Raises:
        UsageError: a value without meaning.
    """

    argv: tuple[str, ...]
    interval: float = 30.0
    timeout: float = 30.0
    start_period: float = 0.0
    retries: int = 3

    def __post_init__(self) -> None:
        if not self.argv or self.interval < 0.001 or self.timeout < 0.001 or self.retries < 1:
            raise UsageError("a health check needs a command, an interval, a timeout and retries above 0")


@dataclass(frozen=True)
class LogOptions:
    """How much output is kept.

    Args:
        max_size: bytes of a file, None for no limit.
        max_file: how many files, with a limit of their size.
        driver: `json-file`, or `none` for keeping none of it.

    Raises:
        UsageError: a value without meaning.
    """

    max_size: int | None = None
    max_file: int = 1
    driver: str = "json-file"

    def __post_init__(self) -> None:
        if self.driver not in LOG_DRIVERS:
            raise UsageError(
                f"logger: no log driver named {self.driver!r} is registered",
                f"use {' or '.join(LOG_DRIVERS)}",
            )
        if self.driver == "none" and (self.max_size is not None or self.max_file != 1):
            raise UsageError("invalid logging opts for driver none", "leave --log-opt out")
        if self.max_file < 1 or (self.max_size is not None and self.max_size < 1):
            raise UsageError(
                "a log keeps at least one file of one byte", "give larger numbers for max-size and max-file"
            )


@dataclass(frozen=True)
class Mount:
    """Something mounted into a container beside its root and the kernel's filesystems.

    Args:
        kind: `bind`, `volume` or `tmpfs`.
        source: a path of the host, the name of a volume, empty for one without a name and for a tmpfs.
        target: where it is inside, resolved within the image.
        read_only: whether it, and for a bind all mounted below it, can't be written to.
        propagation: of a bind, as mount_namespaces(7) has it; `rprivate` when empty.
        options: those of a tmpfs, see tmpfs(5), such as `size=64m`; of a bind `nonrecursive`, to leave out
            what is mounted below it, and `writable`, to have only itself read-only.
        copy: whether a volume that is empty gets what the image has at the target.
        create: whether a directory is made where the source of a bind is missing.

    Raises:
        UsageError: a value without meaning.
    """

    kind: str
    source: str
    target: str
    read_only: bool = False
    propagation: str = ""
    options: tuple[str, ...] = ()
    copy: bool = True
    create: bool = False

    def __post_init__(self) -> None:
        if self.kind not in _MOUNTS:
            raise UsageError(f"no kind of mount {self.kind!r}", "use bind, volume or tmpfs")
        if not self.target.startswith("/") or "\0" in self.target or not self.target.strip("/."):
            raise UsageError(f"{self.target!r} is no place for a mount", "give an absolute path below /")
        if self.kind == "bind" and not self.source.startswith("/"):
            raise UsageError(f"the source {self.source!r} of a bind is relative", "give an absolute path")
        if self.propagation not in _PROPAGATION:
            raise UsageError(f"no propagation {self.propagation!r}", f"use {', '.join(_PROPAGATION[1:])}")


@dataclass(frozen=True)
class Networking:
    """How a container is on networks.

    Args:
        mode: `bridge`, a network's name, `host`, `none` or `container:ID`; see runtime.network.mode.
        connections: what is asked of each network, in their order; one to the mode's network when empty.
        publish: ports of the host that lead to it.
        dns: what its /etc/resolv.conf says.
        hosts: further lines of its /etc/hosts.
        publish_all: whether all exposed ports are published, too, on free ports of the host.

    Raises:
        UsageError: ports or networks without a network of its own.
    """

    mode: str = "bridge"
    connections: tuple[model.Connection, ...] = ()
    publish: tuple[Published, ...] = ()
    dns: resolver.Resolver = resolver.Resolver()  # noqa: RUF009 - frozen
    hosts: tuple[resolver.Alias, ...] = ()
    publish_all: bool = False

    def __post_init__(self) -> None:
        kind = mode.parse(self.mode).kind
        if self.connections and kind != mode.BRIDGE:
            raise UsageError(f"network mode {self.mode} goes with no network", "leave the networks out")


@dataclass(frozen=True)
class Settings:
    """A persistent container.

    Args:
        spec: what it runs, where its own id as host name is asked for by an empty `hostname` below; its
            `rootfs` is used only without a `chain`.
        image: what people call its image.
        image_id: digest of the image's configuration; empty without an image.
        chain: chain id of the image's top layer; empty where `spec.rootfs` is the image.
        driver: the storage driver it was made with; found at its creation when empty.
        entrypoint: the first words of its command, as the image or a person gave them.
        cmd: the words after those.
        networking: how it is on networks; on the default one unless it says otherwise.
        mounts: what is mounted beside its root.
        exposed: ports it listens on, such as `80/tcp`.
        pid: whose PID namespace it is in: its own when empty, `host`, or `container:ID`.
        ipc: likewise for System V IPC and message queues; also its /dev/shm.
        uts: likewise for its host name; empty or `host`.
        hostname: in place of the one in `spec`; its short id when empty.
        user: how people wrote its user.
        tty: whether it gets a terminal.
        open_stdin: whether it gets input of those who attach.
        labels: free text by name.
        restart: when it is started again.
        auto_remove: whether it is removed at its end.
        init: whether process 1 is a small one of ours that passes signals on and reaps orphans.
        health: a check while it runs.
        stop_signal: what asks it to end.
        stop_timeout: seconds it has for that.
        log: how much output is kept.
        resources: limits beyond those in `spec`, as `linux.resources` of the OCI runtime specification.

    Raises:
        UsageError: a value without meaning.
    """

    spec: ContainerSpec
    image: str = ""
    image_id: str = ""
    chain: str = ""
    driver: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    networking: Networking = Networking()
    mounts: tuple[Mount, ...] = ()
    exposed: tuple[str, ...] = ()
    pid: str = ""
    ipc: str = ""
    uts: str = ""
    hostname: str = ""
    user: str = ""
    tty: bool = False
    open_stdin: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    restart: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    init: bool = False
    health: HealthCheck | None = None
    stop_signal: int = signal.SIGTERM
    stop_timeout: int = 10
    log: LogOptions = LogOptions()
    resources: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.auto_remove and self.restart.name != "no":
            raise UsageError(
                "a container can't be removed at its end and started again", "leave --rm or --restart out"
            )
        if self.stop_signal not in signal.valid_signals():
            raise UsageError(f"there is no signal {self.stop_signal}", "see signal(7)")


def check_name(name: str) -> str:
    """The name without the slash that Docker's have.

    Raises:
        UsageError: it can't be one.
    """
    name = name.removeprefix("/")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no container name", "use two or more letters, digits, '_', '.' and '-'"
        )
    return name
