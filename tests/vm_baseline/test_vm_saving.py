"""A running guest is saved to files, and goes on from them under another state."""

import time
from pathlib import Path

import pytest
from vm_remains import remains

from tare.errors import UsageError
from tare.state import State
from vm_baseline import Hypervisor, MachineSpec
from vm_baseline.saving import going_on
from vm_baseline.volume import Volume

LIMIT = 60
IDENTITY = ("cat", "/proc/sys/kernel/random/boot_id")
SEED = ("sh", "-c", "head -c16 /dev/urandom | hexdump -C")


def said(machine, *argv: str) -> bytes:
    done = machine.exec(argv, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("profile", ["vm-micro", "vm-q35"])
def test_a_guest_goes_on_with_its_memory_and_disk(state, data, rootfs, tmp_path, profile) -> None:
    spec = MachineSpec(profile, rootfs, argv=("sh", "-c", "sleep 7654 & echo up; wait"))
    files = tmp_path / "files"
    files.mkdir()
    with Hypervisor(state) as hypervisor:
        machine = hypervisor.start(spec)
        machine.wait_ready()
        machine.wait_output(LIMIT)
        identity = said(machine, *IDENTITY)
        said(machine, "sh", "-c", "echo kept >/mark; mount -t tmpfs none /www; echo held >/www/mark")
        machine.save(files)
        saved_at = time.time()
        machine.remove()
    names = {path.name for path in files.iterdir()}
    assert names == ({"devices", "disk.qcow2"} if profile == "vm-q35" else {"devices"})
    elsewhere = State(data=data, run=tmp_path / "other")
    with Hypervisor(elsewhere) as hypervisor:
        bare = MachineSpec(profile, rootfs)
        shared = going_on(hypervisor.prepare(bare), files)
        first, second = (hypervisor.start(bare, prepared=shared) for _ in range(2))
        for again in (first, second):
            again.wait_ready(LIMIT)
            assert said(again, *IDENTITY) == identity
            assert said(again, "cat", "/mark", "/www/mark") == b"kept\nheld\n"
            assert b"/proc/" in said(again, "sh", "-c", "grep -l [7]654 /proc/[0-9]*/cmdline")
            offset, uncertainty = again.clock_offset()
            assert abs(offset) / 1e9 < max(1.0, (time.time() - saved_at) / 2) + uncertainty / 1e9
        assert said(first, *SEED) != said(second, *SEED)
    assert remains(elsewhere) == []


@pytest.mark.parametrize(
    ("more", "thing"),
    [
        ({"profile": "vm-restored"}, "a saved guest's memory"),
        ({"user_network": True}, "a network"),
        ({"volumes": True}, "directories of the host"),
    ],
)
def test_what_cannot_be_saved_is_refused(shared_hypervisor, rootfs, tmp_path, more, thing) -> None:
    if "volumes" in more:
        more = {"volumes": (Volume(tmp_path, "/volume"),)}
    machine = shared_hypervisor.start(MachineSpec(**{"profile": "vm-q35", "rootfs": rootfs, **more}))
    try:
        machine.wait_ready()
        with pytest.raises(UsageError, match=f"can't be saved, as it has {thing}"):
            machine.save(tmp_path / "files")
        assert said(machine, "echo", "here") == b"here\n"
    finally:
        machine.remove()
    assert not Path(tmp_path / "files").exists()
