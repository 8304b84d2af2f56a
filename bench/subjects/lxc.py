"""LXC's application container, `lxc-execute`, in a place of its own."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from bench import footprint
from bench.availability import installed, with_mounts
from bench.container import container_spec
from bench.copied import CopiedRoot
from bench.foreground import ForegroundInstance
from bench.lab import Lab
from bench.makeup import container_makeup
from bench.mounts import without_unified_cgroup
from bench.program import Program
from bench.subject import Availability, Footprint, Image, Makeup, Prepared, RunSpec
from runtime.cgroups.protocol import PERIOD

_COMMON = Path("/usr/share/lxc/config/common.conf")
"""What its own images include: devices, capabilities, system calls, mounts."""
_SHARED_MEMORY = "tmpfs dev/shm tmpfs nosuid,noexec,nodev,mode=1777,size=64m,create=dir 0 0"
"""As the OCI's default: POSIX shared memory has to be somewhere (shm_overview(7))."""


class LxcInstance(ForegroundInstance):
    """One `lxc-execute`; it doesn't tell when there is a container.

    Args:
        program: to be called with each command's whole name.
        config: of the container, but for its name and groups (lxc.container.conf(5)).
        parent: the control group that its own is below.
        address: on the bridge, None without.
        spec: what is run.
    """

    def __init__(
        self, program: Program, config: str, parent: str, address: IPv4Interface | None, spec: RunSpec
    ) -> None:
        self._place = ("--lxcpath", str(program.scratch))
        self._address = address

        def arguments(name: str, file: Path) -> tuple[str, ...]:
            own = (
                f"lxc.uts.name = {name}",
                f"lxc.cgroup.dir.container = {parent}/{name}/container",
                f"lxc.cgroup.dir.monitor = {parent}/{name}/monitor",
                f"lxc.cgroup.dir.monitor.pivot = {parent}/pivot",
            )
            path = file.with_name("config")
            path.write_text("\n".join((config, *own, "")))
            return ("lxc-execute", *self._place, "--name", name, "--rcfile", str(path), "--", *spec.argv)

        super().__init__(program, arguments, tells=False)

    def _exec(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        return ("lxc-attach", *self._place, "--name", self._name, "--", *argv)

    def _kill(self) -> tuple[str, ...]:
        return ("lxc-stop", *self._place, "--name", self._name, "--kill")

    def _checkpoint(self, directory: Path) -> tuple[str, ...]:
        where = ("--name", self._name, "--checkpoint-dir", str(directory))
        return ("lxc-checkpoint", *self._place, *where, "--stop")

    def address(self) -> IPv4Address | None:
        """The one it was given."""
        return self._address.ip if self._address else None

    def pid(self) -> int:
        """Of its init."""
        asked = self._program("lxc-info", *self._place, "--name", self._name, "--pid", "--no-humanize")
        return int(asked.stdout)

    def footprint(self) -> Footprint:
        """Of its init and the payload; the waiting command is the monitor, its file the configuration."""
        found = footprint.measure(self.pid(), (self._command.process.pid,))
        return replace(found, disk=self._written)


class Lxc(CopiedRoot):
    """LXC as a subject, in a mount namespace where it keeps its locks to itself."""

    def availability(self) -> Availability:
        """The programs are installed, and mounts can be private."""
        found = installed("lxc-execute", "lxc-attach", version=("lxc-execute", "--version"), prefix="")
        return with_mounts(found, lambda: self._executor)

    @cached_property
    def _executor(self) -> Executor:
        return self._lab.hold(without_unified_cgroup(("/run/lxc",)))

    @cached_property
    def _program(self) -> Program:
        peer = self._lab.hold(self._peer)
        return Program(self.name, (), peer.run, self._executor, dict(os.environ))

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:
        """A copy of the files; a new one if it is to be fresh, as it can be deployed."""
        return Prepared(image, str(self._lab.copy(image, fresh=fresh)))

    def start(self, spec: RunSpec) -> LxcInstance:
        """`lxc-execute` with the limits asked for."""
        address = self._address(spec)
        config = "\n".join(self._config(spec, address))
        return LxcInstance(self._program, config, self._peer.cgroup, address, spec)

    def _address(self, spec: RunSpec) -> IPv4Interface | None:
        return self._lab.network.address() if spec.network else None

    def _config(self, spec: RunSpec, address: IPv4Interface | None) -> Iterator[str]:
        container = container_spec(Path(spec.prepared.reference), spec, self._lab.volume(spec))
        if _COMMON.exists():
            yield f"lxc.include = {_COMMON}"
        yield f"lxc.rootfs.path = dir:{container.rootfs}"
        # Its terminals would be in the way of a pipe.
        yield "lxc.tty.max = 0"
        yield "lxc.console.path = none"
        yield f"lxc.init.cwd = {container.cwd}"
        yield f"lxc.init.uid = {container.uid}"
        yield f"lxc.init.gid = {container.gid}"
        yield from (f"lxc.environment = {name}={value}" for name, value in container.env.items())
        yield f"lxc.mount.entry = {_SHARED_MEMORY}"
        for bind in container.binds:
            target = bind.target.lstrip("/")
            yield f"lxc.mount.entry = {bind.source} {target} none bind,create=dir 0 0"
        yield from _limits(spec, container.limits.pids or 0)
        yield f"lxc.net.0.type = {'veth' if address else 'empty'}"
        if address:
            network = self._lab.network
            yield f"lxc.net.0.link = {network.link}"
            yield "lxc.net.0.flags = up"
            yield "lxc.net.0.name = eth0"
            yield f"lxc.net.0.ipv4.address = {address.with_prefixlen}"
            yield f"lxc.net.0.ipv4.gateway = {network.gateway}"

    def makeup(self, spec: RunSpec) -> Makeup:
        """The command, and the configuration it needs."""
        config = "\n".join(self._config(spec, self._address(spec)))
        command = f"{config}\nlxc-execute --name NAME --rcfile config --"
        return container_makeup(command, spec, self._lab.scratch)


def _limits(spec: RunSpec, processes: int) -> Iterator[str]:
    quota = round(spec.cpus * PERIOD)
    if Path("/sys/fs/cgroup/memory").is_dir():
        yield f"lxc.cgroup.memory.limit_in_bytes = {spec.memory}"
        yield f"lxc.cgroup.cpu.cfs_period_us = {PERIOD}"
        yield f"lxc.cgroup.cpu.cfs_quota_us = {quota}"
        yield f"lxc.cgroup.pids.max = {processes}"
    else:
        yield f"lxc.cgroup2.memory.max = {spec.memory}"
        yield f"lxc.cgroup2.cpu.max = {quota} {PERIOD}"
        yield f"lxc.cgroup2.pids.max = {processes}"


def subjects(lab: Lab) -> Iterable[Lxc]:
    """The lxc-execute on PATH."""
    return [Lxc(lab, "lxc")]
