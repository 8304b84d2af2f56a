"""Which accelerator is taken and why, found by booting."""

import dataclasses
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from tare.state import State
from vm_baseline import Accelerator, Kvm, MachineSpec, Threads, accelerator, kvm, probe, probing
from vm_baseline import architecture as architectures
from vm_baseline.accelerator import choose, default_threads
from vm_baseline.architecture import AARCH64, X86_64
from vm_baseline.errors import HypervisorError
from vm_baseline.kernel import find_kernel
from vm_baseline.probing import find


@pytest.fixture
def models(monkeypatch):
    """Have other models tried."""

    def take(*names: str) -> None:
        other = dataclasses.replace(X86_64, models={"kvm": names, "tcg": names})
        monkeypatch.setitem(architectures._ALL, "x86_64", other)

    return take


def test_what_was_found_is_kept(state, monkeypatch) -> None:
    first = probe(state)
    assert first.accelerator in (Accelerator.KVM, Accelerator.TCG)
    monkeypatch.setattr(probing, "boot", lambda *_: pytest.fail("asked again"))
    assert probe(state) == first


def test_what_was_found_is_known_wherever_the_kernel_is_kept(state, tmp_path, monkeypatch) -> None:
    first, other = probe(state), State.at(tmp_path / "other")
    shutil.copytree(state.data / "accelerator", other.data / "accelerator")
    monkeypatch.setattr(probing, "boot", lambda *_: pytest.fail("asked again"))
    assert probe(other) == first


def test_a_kvm_that_boots_no_guest_is_told_from_one_that_does(state) -> None:
    proof = probe(state)
    if proof.accelerator is Accelerator.KVM:
        assert proof.kvm in (Kvm.NESTED, Kvm.NATIVE)
        assert proof.threads is None
        return
    assert proof.kvm in (Kvm.FAKE, Kvm.ABSENT, Kvm.REFUSED)
    if proof.kvm is Kvm.FAKE:
        assert [model for model, _ in proof.rejected] == list(X86_64.models["kvm"])
        assert proof.reason.startswith("KVM opens, but no guest boots on it (host")


def test_without_kvm_there_is_emulation(state, monkeypatch) -> None:
    monkeypatch.setattr(kvm, "_DEVICE", Path("/nowhere/kvm"))
    proof = probe(state)
    assert (proof.accelerator, proof.cpu, proof.kvm) == (Accelerator.TCG, "max", Kvm.ABSENT)
    assert proof.reason.startswith("there is no /nowhere/kvm; switch virtualization on")
    with pytest.raises(HypervisorError, match="KVM doesn't work here: there is no /nowhere/kvm"):
        choose(state, Accelerator.KVM, find_kernel(state))


def test_a_device_that_refuses_is_told_from_one_that_is_missing(monkeypatch, tmp_path) -> None:
    (tmp_path / "kvm").symlink_to("kvm")
    monkeypatch.setattr(kvm, "_DEVICE", tmp_path / "kvm")
    assert kvm.fault() == (
        Kvm.REFUSED,
        f"{tmp_path}/kvm can't be opened: Too many levels of symbolic links",
    )


def test_looking_at_the_device_leaves_its_mode(state) -> None:
    device = Path("/dev/kvm")
    before = stat.S_IMODE(device.stat().st_mode) if device.exists() else None
    probe(state)
    assert (stat.S_IMODE(device.stat().st_mode) if device.exists() else None) == before


def test_a_model_that_aborts_is_reported_and_the_next_taken(state, models) -> None:
    models("nosuch", "qemu64")
    found = find(state, find_kernel(state), Accelerator.TCG)
    assert found.model == "qemu64"
    ((model, reason),) = found.rejected
    assert model == "nosuch"
    assert reason.startswith("QEMU ended: ")
    assert "unable to find CPU model 'nosuch'" in reason


def test_a_model_that_hangs_is_given_up_in_time_and_reported(state, models, monkeypatch) -> None:
    models("max")
    monkeypatch.setitem(probing._LIMITS, Accelerator.TCG, 0.05)
    monkeypatch.setattr(probing, "_boot_id", lambda: "another boot")
    with pytest.raises(
        HypervisorError, match=r"no guest of x86_64 boots on TCG \(max: nothing heard within 0.05 s\)"
    ):
        choose(state, Accelerator.TCG, find_kernel(state))


def test_two_at_once_try_only_once(state, models, monkeypatch) -> None:
    models("qemu64")
    monkeypatch.setattr(probing, "_boot_id", lambda: f"boot {os.getpid()}")
    kernel, boots, found = find_kernel(state), [], []
    real = probing.boot
    monkeypatch.setattr(probing, "boot", lambda *words: boots.append(words) or real(*words))

    def look() -> None:
        found.append(find(state, kernel, Accelerator.TCG))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(boots) == 1
    assert found[0] == found[1]


def test_a_guests_processors_share_a_thread_where_asked(shared_hypervisor, rootfs) -> None:
    spec = MachineSpec("vm-micro", rootfs, accelerator=Accelerator.TCG_SINGLE, vcpus=2)
    machine = shared_hypervisor.start(spec)
    try:
        machine.wait_ready()
        tasks = Path(f"/proc/{machine.pid}/task").iterdir()
        names = {(task / "comm").read_text().strip() for task in tasks}
        assert "ALL CPUs/TCG" in names
        assert not any(name.startswith("CPU ") for name in names)
        assert machine.accelerator is Accelerator.TCG
        assert machine.footprint().cpu.vcpus > machine.footprint().cpu.io
    finally:
        machine.remove()


def test_threads_are_qemus_choice_until_one_is_asked_for(state, monkeypatch) -> None:
    kernel = find_kernel(state)
    taken = [
        (proof.threads, proof.asked_threads)
        for proof in (choose(state, asked, kernel) for asked in list(Accelerator)[1:])
    ]
    assert taken == [(Threads.MULTI, False), (Threads.SINGLE, True), (Threads.MULTI, False)]
    monkeypatch.setattr(accelerator, "host_name", lambda: "aarch64")
    assert (default_threads(X86_64), default_threads(AARCH64)) == (Threads.SINGLE, Threads.MULTI)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/cpuinfo": "flags\t\t: fpu vme hypervisor lahf_lm\n"}, "the processor says so"),
        ({"proc/cpuinfo": "flags\t\t: fpu vme\n"}, None),
        ({"sys/hypervisor/type": "xen\n"}, "hypervisor xen"),
        ({"sys/class/dmi/id/sys_vendor": "Amazon EC2\n"}, "Amazon EC2"),
        ({"sys/class/dmi/id/sys_vendor": "LENOVO\n", "sys/class/dmi/id/product_name": "T14\n"}, None),
        ({"proc/device-tree/hypervisor/compatible": "linux,kvm\0"}, "linux,kvm"),
    ],
)
def test_a_host_that_is_a_machine_itself_is_recognised(monkeypatch, tmp_path, files, expected) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(kvm, "_ROOT", tmp_path)
    assert kvm.surrounding() == expected


@pytest.mark.parametrize(("said", "expected"), [("Y\n", True), ("1\n", True), ("N\n", False), ("0\n", False)])
def test_what_the_host_gives_its_guests_is_read(monkeypatch, tmp_path, said, expected) -> None:
    (tmp_path / "sys/module/kvm_intel/parameters").mkdir(parents=True)
    (tmp_path / "sys/module/kvm_intel/parameters/nested").write_text(said)
    monkeypatch.setattr(kvm, "_ROOT", tmp_path)
    assert kvm.gives_nested() is expected
    assert "KVM by kvm_intel; guests can" in kvm.describe()
