"""Guests of another architecture than the host's, by the same code; and the kernels they boot."""

import gzip
import io
import lzma
import os
import shutil
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from made_once import share

from tare.errors import ExitCode, UsageError
from tare.state import State
from vm_baseline import Accelerator, Hypervisor, Kernel, Kvm, MachineSpec, arm64_image
from vm_baseline.accelerator import choose
from vm_baseline.architecture import AARCH64, architecture
from vm_baseline.debian import Packages
from vm_baseline.errors import HypervisorError, KernelError
from vm_baseline.kernel import find_kernel
from vm_baseline.phases import Point

PLAIN = b"\0" * 56 + b"ARM\x64" + b"Linux version 9.9.9-plain (somebody) "


@pytest.fixture(scope="module")
def kernel(data, tmp_path_factory) -> Kernel:
    state = State(data, tmp_path_factory.mktemp("foreign") / "run")
    return find_kernel(state, architecture=AARCH64.name)


@pytest.fixture(scope="module")
def foreign_rootfs(data, tmp_path_factory):
    """An image with nothing but that architecture's busybox."""
    root, package = tmp_path_factory.mktemp("foreign-image"), tmp_path_factory.mktemp("package")
    state = State(data, tmp_path_factory.mktemp("foreign") / "run")
    Packages(state, AARCH64).unpack(["busybox-static"], package)
    (root / "bin").mkdir()
    shutil.copy(package / "bin/busybox", root / "bin/busybox")
    for applet in ("sh", "uname", "nproc", "cat", "ip"):
        (root / "bin" / applet).symlink_to("busybox")
    return root


@pytest.mark.parametrize("profile", ["vm-micro", "vm-q35"])
def test_a_guest_of_the_other_architecture_runs_a_payload(
    shared_hypervisor: Hypervisor, foreign_rootfs, kernel, profile
) -> None:
    script = "uname -m; uname -r; nproc; ip -o -4 address show dev eth0; exit 3"
    spec = MachineSpec(
        profile,
        foreign_rootfs,
        ("sh", "-c", script),
        env={"PATH": "/bin"},
        architecture=AARCH64.name,
        vcpus=2,
        user_network=True,
    )
    machine = shared_hypervisor.start(spec)
    try:
        assert machine.wait(60) == 3, machine.console.decode(errors="replace")
        lines = machine.output.decode().splitlines()
    finally:
        machine.remove()
    assert lines[:3] == ["aarch64", kernel.release, "2"]
    assert "10.0.2.15/24" in lines[3]
    assert machine.accelerator is Accelerator.TCG
    phases = machine.phases()
    assert phases[Point.RUNNING].at_ns < phases[Point.KERNEL].at_ns < phases[Point.INIT].at_ns


def test_an_image_of_the_other_architecture_is_emulated_when_asked(
    foreign_rootfs, kernel, data, tmp_path
) -> None:
    share(data, tmp_path / "data")
    environment = {**os.environ, "TAREBENCH_ROOT": str(tmp_path)}
    commands = Path(sys.executable).parent

    def call(program: str, *words: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [commands / program, *words], env=environment, input=given, capture_output=True, check=False
        )

    files = io.BytesIO()
    with tarfile.open(fileobj=files, mode="w") as archive:
        archive.add(foreign_rootfs, ".")
    change = ("-c", 'CMD ["uname", "-m"]')
    assert call("tarebox", "import", "--platform", "linux/arm64", *change, "-", "foreign",
                given=files.getvalue()).returncode == 0  # fmt: skip
    done = call("tarevm", "run", "--platform", "linux/arm64", "foreign")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"aarch64\n", b"")
    refused = call("tarevm", "run", "foreign")
    assert refused.returncode == ExitCode.ENGINE
    assert b"made for arm64, and this host is x86_64; have it emulated with --platform" in refused.stderr


def test_kvm_is_not_even_tried_for_the_other_architecture(state, kernel) -> None:
    assert choose(state, None, kernel).kvm is Kvm.FOREIGN
    with pytest.raises(
        HypervisorError, match="KVM on x86_64 has no guests of aarch64; use --accelerator tcg"
    ):
        choose(state, Accelerator.KVM, kernel)


def test_a_kernel_of_another_architecture_than_the_guests_is_refused(
    shared_hypervisor, rootfs, kernel
) -> None:
    with pytest.raises(KernelError, match="is for aarch64, the guest x86_64; name another"):
        shared_hypervisor.prepare(MachineSpec("vm-q35", rootfs, kernel=kernel, architecture="x86_64"))


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(UsageError, match="no guests of the architecture vax; choose one of x86_64, aarch64"):
        architecture("vax")


def test_the_hosts_apt_knows_nothing_of_the_other_architecture(kernel) -> None:
    known = subprocess.run(
        ["apt-cache", "policy", "busybox-static:arm64"], capture_output=True, text=True, check=True
    )
    assert "Candidate" not in known.stdout
    assert kernel.modules.is_dir()


def zboot(payload: bytes, machine: int = 0xAA64) -> bytes:
    """An EFI program that unpacks itself (zboot-header.S), as far as readers look at it."""
    header = bytearray(b"MZ\0\0zimg" + struct.pack("<II", 128, len(payload)) + b"xz\0\0").ljust(128, b"\0")
    struct.pack_into("<I", header, 60, 96)
    struct.pack_into("<4sH", header, 96, b"PE\0\0", machine)
    return bytes(header) + payload + b"tail"


@pytest.mark.parametrize(
    "data",
    [PLAIN, gzip.compress(PLAIN), zboot(lzma.compress(PLAIN)), zboot(gzip.compress(PLAIN))],
    ids=["plain", "gzip", "zboot xz", "zboot gzip"],
)
def test_kernels_are_unpacked_whatever_holds_them(data, tmp_path) -> None:
    file = tmp_path / "Image"
    file.write_bytes(data)
    assert arm64_image.plain(data) == PLAIN
    found = find_kernel(State.at(tmp_path / "state"), file)
    assert (found.architecture, found.release, found.image.read_bytes()) == ("aarch64", "9.9.9-plain", PLAIN)


@pytest.mark.parametrize(
    "data",
    [b"", b"MZ\0\0zimg", PLAIN[:58], zboot(gzip.compress(PLAIN), 0x8664), gzip.compress(b"")],
    ids=["nothing", "zboot's beginning", "a header's beginning", "another machine's", "nothing in gzip"],
)
def test_what_is_no_kernel_for_arm64_is_none(data) -> None:
    assert arm64_image.plain(data) is None


@pytest.mark.parametrize(
    "payload", [b"nothing known", gzip.compress(PLAIN * 99)[:40] + b"\xff" * 40], ids=["unknown", "cut"]
)
def test_a_damaged_payload_is_an_error(payload) -> None:
    with pytest.raises(KernelError, match=r"compression is unknown|is damaged"):
        arm64_image.plain(zboot(payload))
