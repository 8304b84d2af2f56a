# ruff: noqa: RUF009 - frozen defaults
"""What is asked of a container beside its image: all that `docker run` takes, read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.lifecycle.settings import LogOptions, Mount, Networking, RestartPolicy
from runtime.making.health import Health
from runtime.making.security import Security
from runtime.spec import Device, Limits, Rlimit


@dataclass(frozen=True)
class RunOptions:
    """A container's own wishes; what is None or empty is as the image, or else the engine, has it.

    Args:
        image: what people call the image.
        argv: the command, or the arguments of the image's entry point.
        entrypoint: in place of the image's; with an empty one there is none.
        env: `NAME=value`, or a `NAME` that the image's environment loses.
        user: `user[:group]`, names of the image or numbers.
        workdir: an absolute path.
        hostname: its short id when empty.
        tty: whether it gets a terminal.
        open_stdin: whether it gets input of those who attach.
        auto_remove: whether it is removed at its end.
        init: whether process 1 is a small one of ours.
        privileged: all capabilities and devices, nothing filtered or hidden.
        cap_add: capabilities, with or without CAP_, or ALL; likewise `cap_drop`.
        security: of --security-opt.
        limits: on memory, processors and processes.
        resources: further ones, as `linux.resources` of the OCI runtime specification.
        rlimits: of each process.
        restart: when it is started again.
        health: in place of the image's check.
        labels: added to the image's.
        mounts: at the places that are asked for.
        others: those of other containers.
        networking: networks, ports and names.
        exposed: `PORT/PROTOCOL`, added to the image's.
        devices: nodes of the host that it gets.
        in_memory: whether what it writes is kept in memory and lost.
        read_only: whether its root is.
        shm_size: bytes of /dev/shm.
        sysctls: of its namespaces.
        groups: further groups of its user.
        oom_score_adj: see proc(5).
        stop_signal: what asks it to end.
        stop_timeout: seconds it has for that.
        log: how much output is kept.
        pid: whose processes it sees: its own when empty, `host`, or `container:ID`.
        ipc: likewise for System V IPC, message queues and /dev/shm.
        uts: likewise for its host name; empty or `host`.
        cgroupns: whose control groups it sees as the top: its own with `private`, or those of `host`.
    """

    image: str = ""
    argv: tuple[str, ...] = ()
    entrypoint: str | None = None
    env: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    hostname: str = ""
    tty: bool = False
    open_stdin: bool = False
    auto_remove: bool = False
    init: bool = False
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security: Security = Security()
    limits: Limits = Limits()
    resources: Mapping[str, Any] = field(default_factory=dict)
    rlimits: tuple[Rlimit, ...] = ()
    restart: RestartPolicy = RestartPolicy()
    health: Health = Health()
    labels: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    others: tuple[Mount, ...] = ()
    networking: Networking = Networking()
    exposed: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    in_memory: bool = False
    read_only: bool = False
    shm_size: int | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    oom_score_adj: int | None = None
    stop_signal: int | None = None
    stop_timeout: int | None = None
    log: LogOptions = LogOptions()
    pid: str = ""
    ipc: str = ""
    uts: str = ""
    cgroupns: str = "private"
