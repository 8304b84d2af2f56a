"""The parts that need no running machine."""

import gzip
import io
import lzma
import os
import stat
import struct
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tare.errors import ImageError, UsageError
from vm_baseline import bare, bzimage, cpio
from vm_baseline.cache import cached
from vm_baseline.disk import fingerprint
from vm_baseline.domain import Domain
from vm_baseline.errors import KernelError
from vm_baseline.kernel import find_kernel
from vm_baseline.modules import resolve
from vm_baseline.prepared import discard, prepare
from vm_baseline.profile import Root, profile, profiles
from vm_baseline.spec import Accelerator, MachineSpec

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name != "TRAILER!!!"
)
numbers = st.integers(0, 0xFFFFFFFF)
entries = st.builds(
    cpio.Entry, names, numbers, st.binary(), numbers, numbers, st.tuples(numbers, numbers), numbers, numbers
)


@given(st.lists(entries))
def test_an_archive_reads_back_as_it_was_written(written) -> None:
    out = io.BytesIO()
    cpio.write(written, out)
    assert list(cpio.read(out.getvalue())) == written


@given(st.lists(entries, min_size=1), st.data())
def test_a_cut_archive_is_an_error(written, data) -> None:
    out = io.BytesIO()
    cpio.write(written, out)
    with pytest.raises(ValueError, match=r"newc header|ends inside"):
        list(cpio.read(out.getvalue()[: data.draw(st.integers(0, len(out.getvalue()) - 4))]))


def test_a_tree_becomes_an_archive_other_tools_read(tmp_path) -> None:
    tree, out = tmp_path / "tree", tmp_path / "out"
    (tree / "dir").mkdir(parents=True)
    (tree / "dir/file").write_bytes(b"data")
    (tree / "dir/file").chmod(0o4750)
    os.link(tree / "dir/file", tree / "same")
    (tree / "link").symlink_to("dir/file")
    os.mkfifo(tree / "pipe")
    os.mknod(tree / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    archive = io.BytesIO()
    cpio.write(cpio.tree(tree), archive)
    out.mkdir()
    subprocess.run(
        ["busybox", "cpio", "-idm"], input=archive.getvalue(), cwd=out, check=True, capture_output=True
    )
    assert (out / "dir/file").stat().st_mode == (tree / "dir/file").stat().st_mode
    assert (out / "same").samefile(out / "dir/file")
    assert (out / "same").read_bytes() == b"data"
    assert (out / "link").readlink() == Path("dir/file")
    assert stat.S_ISFIFO((out / "pipe").stat().st_mode)
    assert (out / "null").stat().st_rdev == os.makedev(1, 3)


def image(compress, elf: bytes) -> bytes:
    """A bzImage with this kernel inside (boot.rst)."""
    payload = compress(elf) + struct.pack("<I", len(elf))
    setup = bytearray(2048)
    setup[0x1F1] = 3
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", setup, 0x20E, 0x400)
    setup[0x600:0x60B] = b"6.1.0-test \0"[:11]
    struct.pack_into("<II", setup, 0x248, 16, len(payload))
    return bytes(setup) + bytes(16) + payload


def tool(*argv: str):
    return lambda data: subprocess.run(argv, input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    "compress",
    [gzip.compress, lzma.compress, tool("zstd", "-qc"), tool("lz4", "-lqc")],
    ids=["gz", "xz", "zst", "lz4"],
)
def test_every_compression_of_a_kernel_is_undone(compress) -> None:
    elf = bzimage.ELF_MAGIC + os.urandom(5000)
    assert bzimage.vmlinux(image(compress, elf)) == elf
    assert bzimage.release(image(compress, elf)) == "6.1.0-test"


def test_a_kernel_in_an_unknown_compression_is_an_error() -> None:
    with pytest.raises(KernelError, match="compression is unknown"):
        bzimage.vmlinux(image(lambda data: b"??????" + data, bzimage.ELF_MAGIC))


@given(st.binary(max_size=1024))
def test_what_is_no_kernel_is_an_error(tmp_path_factory, data) -> None:
    path = tmp_path_factory.getbasetemp() / "vmlinuz"
    path.write_bytes(data)
    with pytest.raises(KernelError, match="is not a Linux kernel for x86"):
        bzimage.checked(path, bzimage.read(path))


@given(st.binary(), st.sampled_from([b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh", b"\x5d\0\0", b""]))
def test_a_damaged_kernel_is_an_error(data, magic) -> None:
    with pytest.raises(KernelError):
        bzimage.vmlinux(image(lambda _: magic + data, b""))


def test_the_found_kernel_has_the_modules_in_order(state) -> None:
    kernel = find_kernel(state)
    assert kernel.image.read_bytes()[:4] == bzimage.ELF_MAGIC
    order = [name for name, _ in resolve(kernel.modules, ["virtio_net", "virtio_blk"])]
    if "virtio_net" in order:
        assert order.index("failover") < order.index("net_failover") < order.index("virtio_net")
    with pytest.raises(KernelError, match="nosuch is not in"):
        resolve(kernel.modules, ["nosuch"])


def test_what_modprobe_would_load_is_taken_along(tmp_path) -> None:
    def module(name: str, about: bytes) -> None:
        # No section headers: they come at the end of the header itself (elf(5)).
        header = struct.pack("<4s36xQ10xHH2x", bzimage.ELF_MAGIC, 64, 0, 0)
        (tmp_path / f"{name}.ko").write_bytes(header + b"\0" + about + b"\0")

    module("ext4", b"softdep=pre: crc32c nowhere post: other\0depends=jbd2")
    module("jbd2", b"depends=")
    module("crc32c_generic", b"softdep=post: ext4\0depends=")
    module("other", b"depends=")
    (tmp_path / "modules.builtin").write_text("kernel/fs/mbcache.ko\n")
    assert [name for name, _ in resolve(tmp_path, ["ext4"])] == ["jbd2", "crc32c_generic", "ext4"]


def test_the_environment_names_the_kernel(state, monkeypatch) -> None:
    monkeypatch.setenv("TAREBENCH_KERNEL", "/nowhere")
    with pytest.raises(KernelError, match="can't read the kernel /nowhere"):
        find_kernel(state)


def test_the_fingerprint_changes_with_the_image(tmp_path) -> None:
    (tmp_path / "file").write_text("one")
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    (tmp_path / "file").write_text("two")
    assert fingerprint(tmp_path) != before
    with pytest.raises(ImageError, match="No such file"):
        fingerprint(tmp_path / "none")


def test_discarded_products_are_built_anew(state, spec, tmp_path) -> None:
    image = tmp_path / "image"
    image.mkdir()
    wanted = MachineSpec("vm-q35", image, accelerator=Accelerator.TCG)
    disk = prepare(state, wanted).disk
    assert disk.exists()
    discard(state, image)
    assert not disk.exists()
    assert prepare(state, wanted).disk.exists()
    discard(state, image)


def test_a_product_appears_whole_or_not_at_all(tmp_path) -> None:
    def fail(product: Path) -> None:
        product.write_text("half")
        raise ImageError("no more")

    with pytest.raises(ImageError):
        cached(tmp_path / "cache/product", fail)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("name", sorted(profiles()))
def test_the_description_is_well_formed_and_minimal(name) -> None:
    kind = profile(name)
    disk = Path("/d&d") if kind.root is Root.DISK else None
    domain = Domain(
        name,
        kind,
        Accelerator.TCG,
        "max",
        256 << 20,
        2,
        Path("/k<1>"),
        Path("/i"),
        'a="b"',
        Path("/s"),
        Path("/c"),
        disk,
    )
    root = ElementTree.fromstring(domain.xml())
    assert root.findtext("os/kernel") == "/k<1>"
    assert root.findtext("os/cmdline") == 'a="b"'
    assert (root.findtext("memory"), root.findtext("vcpu")) == (str(256 << 20), "2")
    assert (root.find("devices/disk") is None) == (disk is None)
    assert root.find("devices/memballoon").get("model") == "none"
    assert root.find("devices/video") is None


def test_an_unknown_profile_is_named(rootfs, state) -> None:
    with pytest.raises(UsageError, match="there is no profile vm-none; choose one of vm-.*, vm-q35"):
        prepare(state, MachineSpec("vm-none", rootfs))


def test_the_bare_command_has_the_devices_but_no_monitor() -> None:
    native = (
        'LC_ALL=C HOME=/x /usr/bin/qemu -name guest=n -S -object \'{"id":"masterKey0"}\' -machine q35 '
        '-object \'{"id":"pc.ram"}\' -chardev socket,id=charmonitor,path=/m '
        "-mon chardev=charmonitor,id=monitor "
        "-no-shutdown -append 'a b' -device x"
    )
    expected = [
        "/usr/bin/qemu",
        "-name",
        "guest=n",
        "-machine",
        "q35",
        "-object",
        '{"id":"pc.ram"}',
        "-append",
        "a b",
    ]
    assert bare.command(native) == [*expected, "-device", "x"]
