"""What a running machine costs its host, checked against what is done inside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vm_baseline import Accelerator, Machine, MachineSpec
from vm_baseline.errors import HypervisorError
from vm_baseline.footprint import measure, pss
from vm_baseline.processes import command_lines
from vm_baseline.volume import Volume

MIB = 1 << 20


@pytest.fixture(scope="module")
def machine(shared_hypervisor, rootfs) -> Machine:
    spec = MachineSpec("vm-q35", rootfs, env={"PATH": "/bin"}, accelerator=Accelerator.TCG)
    machine = shared_hypervisor.start(spec)
    machine.wait_ready()
    yield machine
    machine.remove()


def anonymous(machine: Machine, qemu_pss: int) -> int:
    """What of that isn't files, such as its program, which are shared with machines of other tests."""
    rollup = Path(f"/proc/{machine.pid}/smaps_rollup").read_text()
    (files,) = (line.split()[1] for line in rollup.splitlines() if line.startswith("Pss_File:"))
    return qemu_pss - int(files) * 1024


def sh(machine: Machine, script: str) -> str:
    done = machine.exec(["sh", "-ec", script], timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_memory_the_guest_fills_is_the_guests_and_not_qemus(machine) -> None:
    before = machine.footprint()
    own = anonymous(machine, before.qemu_pss)
    sh(machine, "mkdir -p /ram && mount -t tmpfs none /ram && dd if=/dev/urandom of=/ram/file bs=1M count=64")
    after = machine.footprint()
    assert 48 * MIB <= after.ram - before.ram <= 96 * MIB
    assert abs(anonymous(machine, after.qemu_pss) - own) < 32 * MIB
    assert after.ram <= 256 * MIB
    assert after.ram_pss == after.ram
    sh(machine, "umount /ram")


def test_the_parts_are_all_of_the_process(machine) -> None:
    found = machine.footprint()
    assert found.ram_pss + found.qemu_pss == pytest.approx(pss(machine.pid), rel=0.02)
    assert 0 < found.qemu_uss <= found.qemu_pss
    assert 0 < found.page_tables < 8 * MIB
    assert MIB < found.managers < 100 * MIB
    assert found.second_stage is None
    assert found.memory == found.ram_pss + found.qemu_pss + found.page_tables
    assert (found.virtiofsd_pss, found.virtiofsd_uss, found.cpu.virtiofsd) == (0, 0, 0)


def test_a_busy_guest_spends_more_than_an_idle_one_and_in_its_processors(machine) -> None:
    def spent(command: str):
        before = machine.footprint().cpu
        sh(machine, command)
        return machine.footprint().cpu - before

    idle = spent("sleep 1")
    busy = spent("timeout 1 sh -c 'while :; do :; done' || :")
    assert busy.vcpus > 3 * idle.vcpus
    assert busy.vcpus > busy.io
    assert busy.total == busy.vcpus + busy.io + busy.vhost + busy.virtiofsd


def test_what_the_guest_writes_is_allocated_by_its_own_disk(machine) -> None:
    before = machine.footprint()
    sh(machine, "dd if=/dev/urandom of=/written bs=1M count=16 && sync")
    after = machine.footprint()
    assert 16 * MIB <= after.disk_own - before.disk_own <= 32 * MIB
    assert after.disk_base == before.disk_base > 0


def test_what_serves_volumes_is_the_machines_that_has_them(shared_hypervisor, rootfs, tmp_path) -> None:
    volumes = [tmp_path / name for name in ("one", "two")]
    for volume in volumes:
        volume.mkdir()
        (volume / "file").write_bytes(os.urandom(32 * MIB))
    spec = MachineSpec(
        "vm-q35", rootfs, env={"PATH": "/bin"}, accelerator=Accelerator.TCG,
        volumes=tuple(Volume(volume, f"/{volume.name}") for volume in volumes),
    )  # fmt: skip
    machine = shared_hypervisor.start(spec)
    try:
        machine.wait_ready()
        before = machine.footprint()
        sh(machine, "cat /one/file /two/file | dd of=/dev/null bs=1M")
        after = machine.footprint()
        servers = [pid for pid, words in command_lines() if any(str(tmp_path) in word for word in words[1:])]
        assert len(servers) >= len(volumes)
        assert after.virtiofsd_pss == pytest.approx(sum(map(pss, servers)), rel=0.1)
        assert 0 < after.virtiofsd_uss <= after.virtiofsd_pss
        assert after.cpu.virtiofsd > before.cpu.virtiofsd
        assert after.memory == sum(
            (after.ram_pss, after.qemu_pss, after.virtiofsd_pss, after.page_tables, after.second_stage or 0)
        )
        assert after.ram_pss <= after.ram
    finally:
        machine.remove()


def test_what_is_gone_or_no_machine_is_one_line() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        with pytest.raises(HypervisorError, match=f"process {process.pid} is gone"):
            measure(process.pid, 256 * MIB)
    with pytest.raises(HypervisorError, match="maps no 1125899906842624 bytes"):
        measure(os.getpid(), 1 << 50)


def test_the_footprint_of_a_machine_that_ended_is_refused(shared_hypervisor, rootfs) -> None:
    machine = shared_hypervisor.start(MachineSpec("vm-micro", rootfs, accelerator=Accelerator.TCG))
    machine.destroy()
    try:
        with pytest.raises(HypervisorError, match="has no process"):
            machine.footprint()
    finally:
        machine.remove()
