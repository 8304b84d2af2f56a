"""Starting virtual machines through libvirt."""

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tare.state import PREFIX, State
from vm_baseline import detached, forwarding, memory, template, volume
from vm_baseline.architecture import X86_64, Architecture, architecture
from vm_baseline.cache import cached
from vm_baseline.connection import Connection
from vm_baseline.detached import Detached, Order
from vm_baseline.disk import overlay
from vm_baseline.domain import Domain, SystemFiles
from vm_baseline.emulator import emulator
from vm_baseline.ending import end_abandoned, end_emulators
from vm_baseline.errors import HypervisorError
from vm_baseline.firmware import Uefi
from vm_baseline.guest_process import Sink, Sinks
from vm_baseline.identity import identity, payload
from vm_baseline.initramfs import RDINIT, Job, assemble
from vm_baseline.launched import SHELL, Launched
from vm_baseline.machine import Ends, Machine
from vm_baseline.phases import Calls
from vm_baseline.place import URI_NOTE, Place, domain_prefix, new_place, open_to_daemon
from vm_baseline.pool import Pool
from vm_baseline.prepared import Prepared, prepare
from vm_baseline.processes import qemu_processes, started
from vm_baseline.profile import Origin
from vm_baseline.record import Record
from vm_baseline.spec import Accelerator, MachineSpec
from vm_baseline.system import IMAGE_DEVICE, System
from vm_baseline.template import Template
from vm_baseline.tsc import frequency_khz

# Options are obeyed in turn: an early console takes the kernel's first line, and nothing after `quiet`.
_COMMAND_LINE = f"loglevel=6 {{early}} rdinit={RDINIT} console={{console}} quiet panic=-1 cryptomgr.notests"

_SECTOR = 512


class Hypervisor:
    """A context in which virtual machines run; leaving it removes them.

    Entering it ends machines of the same state whose process is dead.

    Args:
        state: where everything is kept.
        uri: a libvirt URI, or None for a private libvirt inside a process of our own (`qemu:///embed`).
        pool_size: how many guests of a pooled profile wait.

    Raises:
        HypervisorError: libvirt or QEMU can't be used.
    """

    def __init__(self, state: State, uri: str | None = None, pool_size: int = 2) -> None:
        self._state = state
        self._uri = uri
        self._machines: set[Machine] = set()
        self._connection: Connection | None = None
        self._pool_size = pool_size
        self._pools: dict[tuple[Template, str | None], Pool] = {}
        self._pooled = ExitStack()
        self._opening = threading.Lock()

    def __enter__(self) -> Self:
        end_abandoned(self._state)
        self._connection = Connection(self._state, self._uri)
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as rest:
            rest.callback(self._close)
            for machine in self._machines:
                rest.callback(machine.remove)
            self._pools.clear()
            rest.push(self._pooled.pop_all())

    def _close(self) -> None:
        self.connection.close()
        self._connection = None

    @property
    def connection(self) -> Connection:
        """The connection to libvirt, open inside the context."""
        if self._connection is None:
            raise HypervisorError("the hypervisor is not open", "use it as a context manager")
        return self._connection

    def prepare(self, spec: MachineSpec) -> Prepared:
        """Build or find all that can be shared between instances, so that `start` is quick.

        Raises:
            TareError: as `vm_baseline.prepared.prepare` and the checks of `vm_baseline.memory`.
        """
        if self._uri is None or urlsplit(self._uri).hostname is None:
            memory.check(spec)
        forwarding.check(spec.ports)
        volume.check(spec.volumes)
        shared = prepare(self._state, spec)
        memory.check_vcpus(spec.vcpus, shared.proof.accelerator)
        if shared.profile.origin is not Origin.BOOTED:
            template.check(spec, self._uri)
            shared = replace(shared, template=self._template(spec, shared))
        if shared.profile.origin is Origin.POOLED:
            self._pool(spec, shared).fill()
        return shared

    def start(
        self,
        spec: MachineSpec,
        *,
        prepared: Prepared | None = None,
        output: Callable[[bytes], None] | None = None,
        errors: Callable[[bytes], None] | None = None,
    ) -> Machine:
        """Start a machine and return as soon as its domain runs.

        Args:
            spec: what to start.
            prepared: what `prepare` gave for an equal spec, to leave its lookups out of the start.
            output: called in another thread with each piece of the payload's standard output as it arrives,
                or with `init` of what is said on the console.
            errors: the same for its standard error; None for both in one.

        Raises:
            TareError: as `prepare`, or libvirt refuses the domain; nothing is left behind.
        """
        called = time.monotonic_ns()
        shared = prepared or self.prepare(spec)
        sinks = (output, errors or output) if spec.argv and not spec.init else None
        if shared.template is None:
            launched = self._launch(spec, shared, called, sinks, output if spec.init else None)
            return self._machine(launched, spec, shared)
        wake = partial(self._wake, spec, shared, called, sinks)
        if shared.profile.origin is Origin.POOLED:
            return self._pool(spec, shared).take(wake)
        return wake(self._launch(spec, shared, called))

    def settle(self) -> None:
        """Wait until all pools are full, so that nothing is made behind what comes next.

        Raises:
            TareError: a guest could not be made.
        """
        for pool in list(self._pools.values()):
            pool.fill()

    def _wake(
        self, spec: MachineSpec, shared: Prepared, called: int, payload: Sinks | None, launched: Launched
    ) -> Machine:
        try:
            woken = launched.wake(self.connection, spec, called, payload)
        except BaseException:
            self._discard(launched, spec, shared)
            raise
        return self._machine(woken, spec, shared)

    def _machine(self, launched: Launched, spec: MachineSpec, shared: Prepared) -> Machine:
        machine = Machine(
            self.connection, launched.domain, launched.ends, shared.kernel, spec,
            launched.pid, launched.calls, self._machines.discard,
        )  # fmt: skip
        self._machines.add(machine)
        return machine

    def _discard(self, launched: Launched, spec: MachineSpec, shared: Prepared) -> None:
        self._machine(launched, spec, shared).remove()

    def _pool(self, spec: MachineSpec, shared: Prepared) -> Pool:
        """The guests that wait for machines such as this, opened with the first."""
        assert shared.template is not None
        key = (shared.template, spec.tap.bridge if spec.tap else None)
        with self._opening:
            if key not in self._pools:
                make = partial(self._launch_ahead, spec, shared)
                discard = partial(self._discard, spec=spec, shared=shared)
                self._pools[key] = self._pooled.enter_context(Pool(make, discard, self._pool_size))
            return self._pools[key]

    def _launch(
        self,
        spec: MachineSpec,
        shared: Prepared,
        called: int,
        payload: Sinks | None = None,
        output: Sink | None = None,
        memory_file: Path | None = None,
    ) -> Launched:
        """Have libvirt start a domain; one that goes on from a template is paused."""
        place = new_place(self._state, "vm")
        nonce = secrets.token_hex(8)
        ends = Ends.open(
            place, nonce, payload, output,
            has_guest_agent=spec.guest_agent, has_monitor=self._uri is None,
        )  # fmt: skip
        try:
            domain = self.describe(spec, place, nonce, shared, memory_file)
            if self._uri is not None:
                (place.data / URI_NOTE).write_text(self._uri)
                own = (*place.data.iterdir(), *place.run.iterdir())
                open_to_daemon(self._state, [*own, *shared.bases, shared.kernel.image])
            call = partial(self.connection.call, xml=domain.xml(), name=domain.name)
            saved = shared.template
            made = call("restore", devices=str(saved.devices)) if saved else call("create")
            pid = made["pid"] or next((pid for pid, name in qemu_processes(domain.name)), None)
            calls = Calls(called, made["asked_ns"], made["created_ns"])
            if pid is not None:
                ends.serial.watch(os.pidfd_open(pid))
                with contextlib.suppress(FileNotFoundError):  # it has ended already
                    calls.process_ns, calls.process_resolution_ns = started(pid)
            ends.serial.depend(self.connection.lifeline())
        except BaseException:
            # The process that talks to libvirt may have been killed, and QEMU been started.
            end_emulators(domain_prefix(self._state) + place.name)
            ends.release()
            raise
        return Launched(domain, ends, nonce, pid, calls)

    def _launch_ahead(self, spec: MachineSpec, shared: Prepared) -> Launched:
        """A guest that has gone on for a moment, used its programs once, and is paused again."""
        launched = self._launch(spec, shared, time.monotonic_ns())
        try:
            self.connection.call("resume", name=launched.domain.name)
            launched.rehearse(_limit(spec, shared))
            launched.rehearse(_limit(spec, shared), SHELL)
            self.connection.call("suspend", name=launched.domain.name)
        except BaseException:
            self._discard(launched, spec, shared)
            raise
        return launched

    def _template(self, spec: MachineSpec, shared: Prepared) -> Template:
        """The saved guest that machines such as this go on from, booted and saved when there is none yet."""
        nowhere = Place(Path("instance"), Path("instance"))
        alike = self._domain(spec, replace(shared, template=Template(Path("template"))), nowhere)
        domain = replace(alike, mac="", tap=None, bridge="bridge" if alike.bridge else None)
        name = template.name(domain, shared, self.connection.call("version")["libvirt"])

        def make(product: Path) -> None:
            template.check_room(product.parent, spec.memory)
            product.mkdir(mode=0o700)
            made = Template(product)
            launched = self._launch(spec, shared, time.monotonic_ns(), memory_file=made.memory)
            try:
                launched.rehearse(_limit(spec, shared))
                self.connection.call("save", name=launched.domain.name, devices=str(made.devices))
                shutil.copyfile(launched.ends.place.data / made.disk.name, made.disk)
            finally:
                self._discard(launched, spec, shared)

        return Template(cached(self._state.data / "templates" / name, make))

    def start_detached(self, order: Order) -> None:
        """Start a machine that outlives this context and this process; `adopt` finds it by its name.

        Raises:
            TareError: as `start`, or the guest was not ready in time, or the name is taken.
        """
        detached.start(self._state, order)

    def machines(self) -> list[Record]:
        """The detached machines of the state, also those that have ended and are not removed yet."""
        return detached.machines(self._state)

    def adopt(self, name: str) -> Detached:
        """The detached machine of that name, which others may have as well.

        Raises:
            NoSuchMachineError: there is none.
            HypervisorError: it has ended.
        """
        return detached.adopt(self._state, name)

    def describe(
        self,
        spec: MachineSpec,
        place: Place,
        nonce: str,
        prepared: Prepared | None = None,
        memory_file: Path | None = None,
    ) -> Domain:
        """Put a machine's own files into a place and describe it, without starting it.

        Args:
            spec: what it is to be.
            place: for its files, and later its sockets.
            nonce: the word its ready line starts with.
            prepared: what `prepare` gave.
            memory_file: of a guest that will be saved; it has nothing of an instance's own.
        """
        shared = prepared or self.prepare(spec)
        saved = shared.template
        initrd, system = None, None
        if saved is not None:
            if shared.disk is not None:
                overlay(saved.disk, place.data / "disk.qcow2", "qcow2")
        else:
            job = Job(
                nonce,
                shared.boot_modules,
                shared.agent_modules,
                disk=(IMAGE_DEVICE if shared.system else "/dev/vda") if shared.disk else "",
                file_system=shared.file_system,
            )
            if memory_file is None:
                job = replace(
                    job, **identity(spec), volumes=spec.volumes, payload=payload(spec), init=spec.init,
                    hold=spec.hold,
                )  # fmt: skip
            if shared.system is None:
                initrd = place.data / "initrd"
                assemble(shared.initramfs, job, initrd)
            else:
                system = _system_files(shared.system, shared.uefi, job, place.data)
            if shared.disk is not None:
                overlay(shared.disk, place.data / "disk.qcow2")
        return self._domain(spec, shared, place, initrd, system, memory_file)

    def _domain(
        self,
        spec: MachineSpec,
        shared: Prepared,
        place: Place,
        initrd: Path | None = None,
        system: SystemFiles | None = None,
        memory_file: Path | None = None,
    ) -> Domain:
        guest, saved = architecture(shared.kernel.architecture), shared.template
        return Domain(
            name=domain_prefix(self._state) + place.name,
            profile=shared.profile,
            accelerator=shared.proof.accelerator,
            cpu=shared.proof.cpu,
            memory=spec.memory,
            vcpus=spec.vcpus,
            kernel=None if initrd is None else shared.kernel.image,
            initrd=initrd,
            cmdline=_command_line(guest, shared.proof.accelerator),
            architecture=guest,
            emulator=emulator(self._state, guest, shared.proof.threads)
            if shared.proof.asked_threads
            else None,
            serial=place.run / "serial",
            channel=place.run / "agent",
            disk=place.data / "disk.qcow2" if shared.disk else None,
            bases=shared.bases,
            system=system,
            bridge=spec.tap.bridge if spec.tap else None,
            mtu=spec.tap.mtu if spec.tap else 1500,
            user_network=spec.user_network,
            ports=spec.ports,
            memory_options=spec.memory_options,
            volumes=spec.volumes,
            guest_agent=place.run / "qga" if spec.guest_agent else None,
            monitor=place.run / "monitor" if self._uri is None else None,
            tap=f"{PREFIX}{self._state.tag}t{place.name}" if spec.tap else None,
            memory_file=memory_file if saved is None else saved.mapped,
            goes_on=saved is not None,
            mac="" if memory_file else _mac(spec, shared),
            cpuset=spec.cpuset,
        )


def _limit(spec: MachineSpec, shared: Prepared) -> float:
    return shared.profile.ready_timeout if spec.ready_timeout is None else spec.ready_timeout


def _system_files(system: System, uefi: Uefi | None, job: Job, directory: Path) -> SystemFiles:
    """Make what an instance that boots from a disk has of its own."""
    files = SystemFiles(
        directory / "system.qcow2", directory / "job", uefi, directory / "nvram" if uefi else None
    )
    overlay(system.disk, files.disk)
    lines = job.lines()
    files.job.write_bytes(lines + bytes(-len(lines) % _SECTOR))
    if uefi and files.nvram:
        shutil.copyfile(uefi.variables, files.nvram)
    return files


def _command_line(guest: Architecture, accelerator: Accelerator) -> str:
    khz = frequency_khz() if guest is X86_64 and accelerator is Accelerator.TCG else None
    words = [
        _COMMAND_LINE.format(early=guest.early_console, console=guest.console),
        guest.boot_options,
        f"tsc_early_khz={khz}" if khz else "",
    ]
    return " ".join(word for word in words if word)


def _mac(spec: MachineSpec, shared: Prepared) -> str:
    """The one asked for, unless guests wait for anybody; saved guests need others, in QEMU's range."""
    given = spec.tap.mac if spec.tap and shared.profile.origin is not Origin.POOLED else ""
    if given or shared.template is None or not (spec.tap or spec.user_network):
        return given
    return "52:54:00:" + secrets.token_bytes(3).hex(":")
