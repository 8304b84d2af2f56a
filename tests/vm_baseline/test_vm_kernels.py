"""What a kernel must have, wherever it says so, and modules however they are packed."""

import gzip
import lzma
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from vm_remains import PROFILES

from tare.errors import ExitCode
from tare.state import State
from vm_baseline import Accelerator, Kernel, MachineSpec, bzimage, find_kernel, probing
from vm_baseline.errors import KernelError
from vm_baseline.modules import resolve
from vm_baseline.prepared import prepare
from vm_baseline.requirements import loadable

TAREVM = (sys.executable, "-m", "vm_baseline.cli")
DRIVERS = {
    "virtio_mmio": "VIRTIO_MMIO",
    "virtio_pci": "VIRTIO_PCI",
    "virtio_blk": "VIRTIO_BLK",
    "virtio_net": "VIRTIO_NET",
    "virtio_console": "VIRTIO_CONSOLE",
    "virtio_balloon": "VIRTIO_BALLOON",
    "ext4": "EXT4_FS",
    "erofs": "EROFS_FS",
    "squashfs": "SQUASHFS",
    "overlay": "OVERLAY_FS",
}
ALWAYS = ("BLK_DEV_INITRD", "DEVTMPFS", "BINFMT_ELF", "PROC_FS", "SYSFS", "SERIAL_8250_CONSOLE")
TRACES = (
    b"noinitrd\0devtmpfs\0virtio-mmio\0virtio-pci\0virtio_blk\0virtio_net\0virtio_console\0virtio_balloon\0"
)
PVH = struct.pack("<III4sQ", 4, 8, 18, b"Xen\0", 0x1000000)
"""The note XEN_ELFNOTE_PHYS32_ENTRY of elfnote.h, with an address."""
FILE_SYSTEMS = b"ext4\0erofs\0squashfs\0overlayfs: no\0"


def config(without: str = "", **others: str) -> str:
    names = dict.fromkeys((*ALWAYS, *DRIVERS.values()), "y") | others
    return "".join(f"CONFIG_{name}={value}\n" for name, value in names.items() if name != without)


def kernel(
    place: Path,
    inside: bytes = b"",
    beside: str | None = None,
    built_in: str | None = None,
    entry: bytes = PVH,
) -> Kernel:
    """A vmlinux with these bytes in it, a configuration beside it, and modules without any."""
    (place / "boot").mkdir()
    image = place / "boot/vmlinux"
    version = b"\0Linux version 9.9.9-own (somebody) \0"
    image.write_bytes(bzimage.ELF_MAGIC + version + entry + inside + bytes(1024))
    if beside is not None:
        (place / "boot/config-9.9.9-own").write_text(beside)
    if built_in is not None:
        (place / "lib/modules/9.9.9-own").mkdir(parents=True)
        (place / "lib/modules/9.9.9-own/modules.builtin").write_text(built_in)
    return find_kernel(State.at(place / "state"), image)


def packed(text: str) -> bytes:
    return b"IKCFG_ST" + gzip.compress(text.encode()) + b"IKCFG_ED"


def test_a_kernel_with_all_built_in_needs_no_modules(tmp_path) -> None:
    for name, how in (
        ("inside", {"inside": packed(config())}),
        ("beside", {"beside": config()}),
        ("traces", {"inside": TRACES + FILE_SYSTEMS}),
        ("listed", {"built_in": "".join(f"kernel/{name}.ko\n" for name in DRIVERS), "beside": config()}),
    ):
        (tmp_path / name).mkdir()
        found = kernel(tmp_path / name, **how)
        assert (found.modules is None) == (name != "listed")
        assert loadable(found, DRIVERS) == []


@pytest.mark.parametrize("option", [*ALWAYS, *DRIVERS.values()])
def test_the_missing_option_is_named(tmp_path, option) -> None:
    for name, how in (
        ("inside", {"inside": packed(config(without=option))}),
        ("beside", {"beside": config(without=option) + f"# CONFIG_{option} is not set\n"}),
    ):
        (tmp_path / name).mkdir()
        with pytest.raises(KernelError) as caught:
            loadable(kernel(tmp_path / name, **how), DRIVERS)
        assert caught.value.what == f"the kernel {tmp_path}/{name}/boot/vmlinux lacks CONFIG_{option}"


def test_an_image_alone_shows_what_it_lacks(tmp_path) -> None:
    with pytest.raises(KernelError, match="lacks CONFIG_EXT4_FS, CONFIG_EROFS_FS, CONFIG_SQUASHFS, CONFIG_"):
        loadable(kernel(tmp_path, TRACES), DRIVERS)
    (tmp_path / "two").mkdir()
    with pytest.raises(KernelError, match="lacks CONFIG_BLK_DEV_INITRD, CONFIG_DEVTMPFS; name another with"):
        loadable(kernel(tmp_path / "two"), [])


def test_the_list_of_what_is_built_in_counts(tmp_path) -> None:
    found = kernel(tmp_path, TRACES, built_in="kernel/drivers/virtio/virtio-mmio.ko\n")
    assert loadable(found, ["virtio_mmio"]) == []
    with pytest.raises(KernelError, match="lacks CONFIG_VIRTIO_BLK;"):
        loadable(found, ["virtio_mmio", "virtio_blk"])


def test_how_it_is_entered_is_seen_in_the_image_whatever_its_options_say(tmp_path) -> None:
    for name, more in (
        ("inside", {"inside": packed(config(PVH="y"))}),
        ("beside", {"beside": config(PVH="y")}),
    ):
        (tmp_path / name).mkdir()
        with pytest.raises(KernelError, match="lacks CONFIG_PVH; name another with --kernel"):
            loadable(kernel(tmp_path / name, entry=PVH.replace(b"Xen", b"GNU"), **more), DRIVERS)


def test_modules_that_are_not_beside_the_kernel_are_asked_for(tmp_path) -> None:
    found = kernel(tmp_path, packed(config(VIRTIO_BLK="m", EXT4_FS="m")))
    with pytest.raises(KernelError) as caught:
        loadable(found, DRIVERS)
    assert str(caught.value) == (
        f"the kernel {tmp_path}/boot/vmlinux has CONFIG_VIRTIO_BLK, CONFIG_EXT4_FS as modules,"
        " which are not beside it; put them into ../lib/modules/9.9.9-own,"
        " or name one that has them built in"
    )


@given(st.binary(max_size=64))
def test_damaged_options_are_none(tmp_path_factory, data) -> None:
    assert bzimage.options(b"IKCFG_ST" + data) in (None, b"")
    assert bzimage.options(data) is None


@pytest.fixture(scope="module")
def real(data, tmp_path_factory) -> Kernel:
    return find_kernel(State(data, tmp_path_factory.mktemp("kernels") / "run"))


def test_the_distributions_kernel_without_its_modules_is_refused_before_it_boots(
    state, real, rootfs, tmp_path
) -> None:
    (tmp_path / "boot").mkdir()
    alone = tmp_path / "boot/vmlinuz"
    alone.symlink_to(real.source)
    found = find_kernel(state, alone)
    if found.modules:
        pytest.fail("the host has that very kernel's modules installed")
    lacking = ", ".join(f"CONFIG_{option}" for name, option in DRIVERS.items() if name != "ext4")
    with pytest.raises(KernelError, match=f"lacks {lacking};"):
        loadable(found, DRIVERS)
    with pytest.raises(KernelError, match="lacks CONFIG_VIRTIO_MMIO, CONFIG_VIRTIO_CONSOLE;"):
        prepare(state, MachineSpec("vm-micro", rootfs, kernel=found))
    alone.with_name(f"config-{real.release}").symlink_to(real.source.with_name(f"config-{real.release}"))
    done = subprocess.run(
        [*TAREVM, "boot", "--kernel", alone, rootfs],
        env={**os.environ, "TAREBENCH_ROOT": str(tmp_path / "home")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.KERNEL
    assert "has CONFIG_VIRTIO_MMIO, CONFIG_VIRTIO_CONSOLE as modules, which are not beside it" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_real_kernel_without_the_note_is_refused_which_qemu_would_not_enter(
    state, real, rootfs, tmp_path
) -> None:
    image = real.image.read_bytes()
    assert image.count(PVH[:16]) == 1
    (tmp_path / "boot").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/modules").symlink_to(real.modules.parent)
    blanked = tmp_path / "boot/vmlinux"
    blanked.write_bytes(image.replace(PVH[:16], bytes(16)))
    found = find_kernel(state, blanked)
    assert found.modules is not None
    for profile in PROFILES:
        with pytest.raises(KernelError, match=f"the kernel {blanked} lacks CONFIG_PVH;"):
            prepare(state, MachineSpec(profile, rootfs, kernel=found))
    assert "without PVH ELF Note" in probing.boot(state, found, Accelerator.TCG, "max")


def test_options_are_compared_with_the_real_ones(real) -> None:
    """The distribution's kernel has all that guests need, as its modules, its list and its options say."""
    assert real.config is not None
    every = loadable(real, DRIVERS)
    text = real.config.read_text()
    for module, option in DRIVERS.items():
        assert f"CONFIG_{option}={'m' if module in every else 'y'}\n" in text


WAYS = {
    "gz": gzip.compress,
    "xz": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
    "zst": lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data),
}


@pytest.mark.parametrize("suffix", WAYS)
def test_packed_modules_are_unpacked_for_the_guest(real, tmp_path, suffix) -> None:
    wanted = ["virtio_net", "virtio_blk", "virtio_console"]
    plain = resolve(real.modules, wanted)
    for name, image in plain:
        (tmp_path / f"{name.replace('_', '-')}.ko.{suffix}").write_bytes(WAYS[suffix](image))
    shutil.copy(real.modules / "modules.builtin", tmp_path)
    assert resolve(tmp_path, wanted) == plain


@pytest.mark.parametrize("suffix", ["", *WAYS])
def test_a_damaged_module_is_named(real, tmp_path, suffix) -> None:
    [(name, image), *_] = resolve(real.modules, ["virtio_console"])
    file = tmp_path / f"{name}.ko{suffix and f'.{suffix}'}"
    whole = WAYS[suffix](image) if suffix else image
    for data in (whole[: len(whole) // 2], b"", whole[:100] + b"\xff" * 100):
        file.write_bytes(data)
        with pytest.raises(KernelError, match=f"{file}( is damaged|: | is compressed in)"):
            bzimage.decompress_module(file)
