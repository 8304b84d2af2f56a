"""What is said of a host, and what of that is a fault."""

import importlib
from pathlib import Path

from vm_baseline import boot_loader, doctor, firmware, kvm, versions

module = importlib.import_module("vm_baseline.doctor")


def test_what_a_machine_can_do_without_is_no_fault(state, monkeypatch) -> None:
    monkeypatch.setattr(firmware, "_OVMF", ())
    monkeypatch.setattr(boot_loader, "_MODULES", Path("/nowhere"))
    monkeypatch.setattr(module, "_SOCKETS", ("/nowhere/sock",))
    monkeypatch.setattr(kvm, "_DEVICE", Path("/nowhere/kvm"))
    found = {name: (ok, line) for name, ok, line in doctor(state)}
    assert found["firmware"] == (
        True,
        "not here: no OVMF was found; install the package ovmf for machines with UEFI",
    )
    assert found["whole system"] == (
        True,
        "not here: GRUB for i386-pc is missing; install the package grub-pc-bin or run tools/setup",
    )
    assert found["libvirt daemon"][1].startswith("not here: no libvirt daemon listens; ")
    assert found["kvm device"][1].startswith("not here: there is no /nowhere/kvm; ")
    assert found["accelerator"][1].startswith(
        "tcg with the CPU model max; KVM: absent; there is no /nowhere/kvm"
    )
    assert all(ok for ok, _ in found.values())


def test_programs_that_are_too_old_are_faults(state, monkeypatch) -> None:
    monkeypatch.setattr(versions, "QEMU_SINCE", (99, 1))
    monkeypatch.setattr(versions, "LIBVIRT_SINCE", (99, 2))
    found = {name: (ok, line) for name, ok, line in doctor(state)}
    for name, what, least in (("qemu", "QEMU", "99.1"), ("libvirt", "libvirt", "99.2")):
        ok, line = found[name]
        assert not ok
        assert line.startswith(f"{what} ")
        assert line.endswith(f" is too old; at least {least} is needed")
    assert found["qemu aarch64"][0]
