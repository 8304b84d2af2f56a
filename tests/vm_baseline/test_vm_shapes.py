"""Machines that go on from a saved guest, and pools of them."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyroute2 import IPRoute
from vm_remains import remains

from tare.errors import UsageError
from tare.ports import Published
from tare.state import State
from vm_baseline import Hypervisor, Machine, MachineSpec, MemoryOptions, Tap, clean, template
from vm_baseline.errors import HypervisorError, NotReadyError
from vm_baseline.launched import Launched
from vm_baseline.place import Place, domain_prefix
from vm_baseline.pool import Pool
from vm_baseline.processes import qemu_processes

_MAC = "52:54:00:12:34:56"
_FILES = "/etc/hostname /sys/class/net/eth0/address /proc/sys/kernel/random/boot_id"
_OWN = f"cat {_FILES}; head -c16 /dev/urandom | hexdump -C"


@pytest.fixture
def home(tmp_path, data) -> State:
    """A state below one root, as TAREBENCH_ROOT makes it, with what was made before."""
    (tmp_path / "data").symlink_to(data)
    return State.at(tmp_path)


@pytest.fixture(scope="module")
def bridge(shared_hypervisor) -> Iterator[str]:
    name = f"tare{shared_hypervisor._state.tag}b"
    with IPRoute() as route:
        route.link("add", ifname=name, kind="bridge")
        index = route.link_lookup(ifname=name)[0]
        route.addr("add", index=index, address="10.213.78.1", prefixlen=24)
        route.link("set", index=index, state="up")
        yield name
        route.link("del", index=index)


@pytest.fixture
def wanted(bridge, rootfs):
    """A spec of a machine with everything of its own."""

    def make(number: int, *argv: str, profile: str = "vm-restored", mac: str = "", **more) -> MachineSpec:
        tap = Tap(bridge, IPv4Interface(f"10.213.78.{number}/24"), IPv4Address("10.213.78.1"), mac)
        return MachineSpec(profile, rootfs, argv=argv or None, tap=tap, hostname=f"guest{number}", **more)

    return make


def saved(hypervisor: Hypervisor, spec: MachineSpec) -> Path:
    found = hypervisor.prepare(spec).template
    assert found is not None
    return found.directory


class Heard:
    """What a machine says, until it has said as many lines as are waited for."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._said = bytearray()
        self._enough = threading.Event()

    def __call__(self, new: bytes) -> None:
        self._said += new
        if self._said.count(b"\n") >= self._count:
            self._enough.set()

    def lines(self) -> list[str]:
        assert self._enough.wait(60), self._said
        return self._said.decode().splitlines()[: self._count]


def test_two_that_go_on_from_one_guest_share_nothing_that_must_differ(shared_hypervisor, wanted) -> None:
    heard = Heard(4), Heard(4)
    first, second = (
        shared_hypervisor.start(
            wanted(number, "sh", "-c", f"{_OWN}; httpd -h /www; exec sleep 99"), output=said
        )
        for number, said in zip((2, 3), heard, strict=True)
    )
    try:
        texts = [said.lines() for said in heard]
        assert [text[0] for text in texts] == ["guest2", "guest3"]
        assert not set(texts[0]) & set(texts[1])
        for machine, text in zip((first, second), texts, strict=True):
            assert re.fullmatch("52:54:00(:[0-9a-f]{2}){3}", text[1])
            assert f'address="{text[1]}"' in machine.domain_xml.replace("'", '"')
        for number in (2, 3):
            with urllib.request.urlopen(f"http://10.213.78.{number}/", timeout=60) as answer:
                assert answer.read() == b"served by the guest\n"
        assert first.exec(["touch", "/mark"], timeout=60).returncode == 0
        assert second.exec(["ls", "/mark"], timeout=60).returncode == 1
        age = time.time() - (saved(shared_hypervisor, wanted(2)) / "devices").stat().st_mtime
        offset, uncertainty = first.clock_offset()
        assert abs(offset) / 1e9 < age / 2 + uncertainty / 1e9
        second.kill(signal.SIGTERM)
        assert second.wait(60) == 128 + signal.SIGTERM
    finally:
        first.remove()
        second.remove()


@pytest.mark.parametrize("profile", ["vm-restored", "vm-pool"])
def test_the_payload_is_the_one_that_is_asked_for(shared_hypervisor, wanted, profile) -> None:
    said, complained = bytearray(), bytearray()
    code = "id -u; pwd; echo $A; cat /sys/class/net/eth0/address -; echo oh >&2; exit 3"
    spec = wanted(
        4, "sh", "-c", code, profile=profile, mac=_MAC, env={"A": "b c"}, user="7", directory="/w",
        has_input=True,
    )  # fmt: skip
    machine = shared_hypervisor.start(spec, output=said.extend, errors=complained.extend)
    try:
        # The guest goes on before libvirt says so.
        assert machine.asked_ns < machine.created_ns
        assert machine.asked_ns < machine.wait_ready() < (machine.wait_output(60) or 0)
        assert machine.exec(["ping", "-c1", "10.213.78.1"], user="0", timeout=60).returncode == 0
        machine.write(b"\x00\xff" * 100_000)
        machine.close_stdin()
        assert machine.wait(60) == 3
    finally:
        machine.remove()
    assert (said, complained) == (b"7\n/w\nb c\n" + _MAC.encode() + b"\n" + b"\x00\xff" * 100_000, b"oh\n")


def test_a_guest_is_saved_once_for_all_that_are_alike(shared_hypervisor, wanted, monkeypatch) -> None:
    before = saved(shared_hypervisor, wanted(5))
    written = before.stat().st_mtime_ns
    assert saved(shared_hypervisor, wanted(6, "true", env={"X": "y"}, profile="vm-pool")) == before
    assert before.stat().st_mtime_ns == written
    assert before in template.cached_templates(shared_hypervisor._state)
    shared = shared_hypervisor.prepare(wanted(5))
    domain = shared_hypervisor._domain(wanted(5), shared, Place(Path("instance"), Path("instance")))
    others = (replace(domain, **change) for change in ({"memory": 128 << 20}, {"vcpus": 2}, {"bridge": None}))
    assert len({template.name(other, shared, 9) for other in (domain, *others)}) == 4


def test_a_guest_that_dies_in_the_pool_is_replaced(state, rootfs) -> None:
    with Hypervisor(state, pool_size=1) as hypervisor:
        spec = MachineSpec("vm-pool", rootfs, argv=("echo", "up"))
        shared = hypervisor.prepare(spec)
        ((pid, name),) = qemu_processes(domain_prefix(state))
        os.kill(pid, signal.SIGKILL)
        machine = hypervisor.start(spec, prepared=shared)
        assert machine.name != name
        assert machine.wait(60) == 0
        assert machine.output == b"up\n"


@pytest.mark.parametrize("profile", ["vm-restored", "vm-pool"])
def test_the_command_line_passes_signals_and_status(home, rootfs, profile) -> None:
    command = (
        "run",
        "--profile",
        profile,
        f"{rootfs}/",
        "sh",
        "-c",
        "trap 'exit 7' INT; echo up; while :; do :; done",
    )
    with subprocess.Popen(
        [sys.executable, "-m", "vm_baseline.cli", *command],
        env={**os.environ, "TAREBENCH_ROOT": str(home.run.parent)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (errors, process.returncode) == (b"", 7)
    assert not list(home.run.glob("*/*"))


def test_what_a_killed_harness_had_in_its_pool_is_cleaned(data, rootfs, tmp_path) -> None:
    code = (
        "import sys; from pathlib import Path; from tare.state import State; from vm_baseline import *\n"
        "with Hypervisor(State(Path(sys.argv[1]), Path(sys.argv[2])), pool_size=1) as hypervisor:\n"
        "    hypervisor.prepare(MachineSpec('vm-pool', Path(sys.argv[3])))\n"
        "    print('filled', flush=True); sys.stdin.read()"
    )
    state = State(data=data, run=tmp_path / "run")
    words = [sys.executable, "-c", code, str(data), str(state.run), str(rootfs)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as harness:
        assert harness.stdout is not None
        assert harness.stdout.readline() == b"filled\n"
        harness.kill()
    clean(state)
    assert remains(state) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"init": "/sbin/init"}, "no place for an init"),
        ({"ports": (Published("tcp", None, 8080, 80),)}, "no published ports"),
        ({"memory_options": MemoryOptions(huge_pages=True)}, "without huge pages"),
    ],
)
def test_what_a_saved_guest_cannot_have_is_refused(rootfs, more, message) -> None:
    with pytest.raises(UsageError, match=message):
        template.check(MachineSpec("vm-restored", rootfs, **more), None)


def test_another_libvirt_is_refused(rootfs) -> None:
    with pytest.raises(UsageError, match="leave --connect away"):
        template.check(MachineSpec("vm-restored", rootfs), "qemu:///system")


def test_a_disk_without_room_for_the_memory_is_refused(tmp_path) -> None:
    with pytest.raises(HypervisorError, match="no space left below"):
        template.check_room(tmp_path, 1 << 60)


def test_a_machine_can_be_stopped_and_asked(shared_hypervisor, wanted) -> None:
    machine: Machine = shared_hypervisor.start(wanted(7))
    assert machine.exec(["hostname"], timeout=60).stdout == b"guest7\n"
    assert machine.footprint().ram < 256 << 20
    machine.stop()
    assert machine.exited_ns is not None
    machine.remove()


@pytest.mark.parametrize("fault", [OSError(28, "no room"), NotReadyError("no answer")])
def test_a_pool_that_gets_no_guest_says_why(fault) -> None:
    def make() -> Launched:
        raise fault

    with Pool(make, lambda _: None, 1) as pool:
        for _ in range(2):
            with pytest.raises(type(fault), match="no"):
                pool.fill()


def test_a_pool_ends_every_guest_even_if_one_resists() -> None:
    ended = []

    def discard(guest: SimpleNamespace) -> None:
        ended.append(guest)
        raise HypervisorError("it resists")

    with pytest.raises(HypervisorError), Pool(lambda: SimpleNamespace(pid=os.getpid()), discard, 3) as pool:
        pool.fill()
    assert len(ended) == 3
