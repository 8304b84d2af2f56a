"""What can be asked for of a guest's memory, and what the host refuses."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tare.errors import UsageError
from vm_baseline import Accelerator, Hypervisor, Machine, MachineSpec, MemoryOptions, memory
from vm_baseline.errors import HypervisorError

MIB = 1 << 20
SIZE = 256 * MIB
FILL = "mkdir -p /ram; mount -t tmpfs none /ram; dd if=/dev/urandom of=/ram/file bs=1M count=96; umount /ram"


@pytest.fixture(scope="module")
def start(shared_hypervisor: Hypervisor, rootfs):
    machines = []

    def started(profile: str, options: MemoryOptions) -> Machine:
        spec = MachineSpec(
            profile, rootfs, env={"PATH": "/bin"}, accelerator=Accelerator.TCG, memory_options=options
        )
        machines.append(shared_hypervisor.start(spec))
        machines[-1].wait_ready()
        return machines[-1]

    yield started
    for machine in machines:
        machine.remove()


@pytest.fixture(scope="module")
def balloon(start) -> Machine:
    return start("vm-q35", MemoryOptions(balloon=True, mergeable=True))


@pytest.fixture(scope="module")
def reporting(start) -> Machine:
    return start("vm-micro", MemoryOptions(free_page_reporting=True))


def sh(machine: Machine, script: str) -> str:
    done = machine.exec(["sh", "-ec", script], timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def total(machine: Machine) -> int:
    return int(re.search(r"MemTotal: +(\d+) kB", sh(machine, "cat /proc/meminfo"))[1]) * 1024


def is_mergeable(machine: Machine) -> bool:
    """Whether QEMU has marked the guest's memory for KSM (VmFlags in proc_pid_smaps)."""
    text = Path(f"/proc/{machine.pid}/smaps").read_text()
    found = re.search(rf" rw-p .*\nSize: +{SIZE >> 10} kB\n(?:\w+: .*\n)*?VmFlags: (.*)\n", text)
    return "mg" in found[1].split()


def test_a_balloon_takes_memory_from_guest_and_host_and_gives_it_back(balloon) -> None:
    sh(balloon, FILL)
    guest, host = total(balloon), balloon.footprint().ram
    assert balloon.set_memory(SIZE - 96 * MIB) == SIZE - 96 * MIB
    assert total(balloon) == guest - 96 * MIB
    assert balloon.footprint().ram <= host - 48 * MIB
    assert balloon.set_memory(SIZE) == SIZE
    assert total(balloon) == guest


def test_a_balloon_tells_the_guests_own_view(balloon) -> None:
    # The guest tells it every second, first before it has given back what it started from.
    for _ in range(20):
        if (seen := balloon.guest_memory()).get("available") == total(balloon):
            break
        sh(balloon, "sleep 0.5")
    assert seen["actual"] == SIZE
    assert seen["available"] == total(balloon)
    assert 0 < seen["unused"] <= seen["available"]


def test_free_page_reporting_returns_what_the_guest_freed(reporting) -> None:
    sh(reporting, FILL)
    peak = reporting.footprint().ram
    for _ in range(20):
        sh(reporting, "sleep 0.5")
        if (now := reporting.footprint().ram) < peak - 48 * MIB:
            break
    assert now < peak - 48 * MIB


def test_memory_is_marked_for_merging_only_where_asked_for(balloon, reporting) -> None:
    assert (is_mergeable(balloon), is_mergeable(reporting)) == (True, False)


def test_without_a_balloon_its_uses_are_refused(reporting) -> None:
    uses: tuple[Callable[[], object], ...] = (lambda: reporting.set_memory(SIZE), reporting.guest_memory)
    for use in uses:
        with pytest.raises(HypervisorError, match=r"has no balloon; start it with MemoryOptions"):
            use()


def test_memory_larger_than_the_hosts_is_refused_before_anything_is_made(shared_hypervisor, rootfs) -> None:
    with pytest.raises(UsageError, match=r"1073741824 MiB of memory are more than the host's \d+ MiB"):
        shared_hypervisor.start(MachineSpec("vm-q35", rootfs, memory=1 << 50))


def test_huge_pages_that_are_not_free_are_refused(shared_hypervisor, rootfs) -> None:
    pool = memory.huge_pages()
    wanted = (pool.free + 1) * pool.size
    spec = MachineSpec("vm-q35", rootfs, memory=wanted, memory_options=MemoryOptions(huge_pages=True))
    with pytest.raises(HypervisorError, match=rf"{pool.free} are free; as root, sysctl vm.nr_hugepages="):
        shared_hypervisor.start(spec)


def test_only_emulated_processors_may_be_more_than_the_hosts() -> None:
    memory.check_vcpus(4096, Accelerator.TCG)
    with pytest.raises(UsageError, match="4096 virtual processors are more than the host's"):
        memory.check_vcpus(4096, Accelerator.KVM)


def test_the_hosts_merging_is_said_and_left_alone() -> None:
    run = Path("/sys/kernel/mm/ksm/run")
    before = run.read_text()
    assert ("ksmd runs" in memory.ksm()) == (before.strip() == "1")
    assert run.read_text() == before
