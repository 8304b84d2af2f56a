"""The guest's first file system: our init, a static busybox and modules, and where asked the image itself.

Three archives, one after the other, make an initramfs (buffer-format.rst of the Linux kernel): our own part
and the image, both cached, and the job of this one instance.
"""

import hashlib
import io
import os
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from tare.errors import ImageError
from tare.state import State
from vm_baseline import cpio
from vm_baseline.cache import cached
from vm_baseline.errors import HypervisorError
from vm_baseline.kernel import Kernel
from vm_baseline.modules import resolve

HOME = ".tare"
RDINIT = f"/{HOME}/init.sh"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GUEST = Path(__file__).parent / "guest"
_APPLETS = ("cat", "cp", "dd", "env", "insmod", "ip", "kill", "mkdir", "mkfifo", "mount", "poweroff", "rm",
            "setsid", "sh", "stat", "switch_root")  # fmt: skip


@dataclass(frozen=True)
class Job:
    """What one instance has to do.

    Args:
        nonce: the word its ready and exit lines start with.
        boot_modules: modules to load before the root is mounted, in order.
        agent_modules: modules the agent needs besides, in order.
        disk: the device with the root file system, or empty when the initramfs is the root.
        address: of eth0, or None without a network.
        gateway: the default route.
        payload: the shell script of the payload, or None.
        init: the program that takes process 1 over, or None.
        hold: never say ready, to try what happens then.
    """

    nonce: str
    boot_modules: Sequence[str] = ()
    agent_modules: Sequence[str] = ()
    disk: str = ""
    address: IPv4Interface | None = None
    gateway: IPv4Address | None = None
    payload: str | None = None
    init: str | None = None
    hold: bool = False

    def archive(self) -> bytes:
        """The archive that puts this job into the guest."""
        values = {
            "nonce": self.nonce,
            "boot_modules": " ".join(self.boot_modules),
            "agent_modules": " ".join(self.agent_modules),
            "disk": self.disk,
            "address": self.address.with_prefixlen if self.address else "",
            "gateway": str(self.gateway or ""),
            "init": self.init or "",
            "hold": "1" if self.hold else "",
        }
        lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        entries = [cpio.file(f"{HOME}/job.sh", lines.encode())]
        if self.payload is not None:
            entries.append(cpio.file(f"{HOME}/payload.sh", self.payload.encode(errors="surrogateescape")))
        return _packed(entries)


def script(argv: Sequence[str], environment: Mapping[str, str], prelude: str = "") -> str:
    """A shell script that becomes the image's program with exactly this environment.

    Args:
        argv: a name without a slash is looked for along the environment's PATH inside the image.
        environment: names and values.
        prelude: shell lines to run first.
    """
    variables = {"PATH": DEFAULT_PATH, **environment}
    words = " ".join(shlex.quote(f"{name}={value}") for name, value in variables.items())
    arguments = " ".join(map(shlex.quote, argv[1:]))
    return (
        f". /{HOME}/find.sh\n{prelude}"
        f"program=$(find_program {shlex.quote(variables['PATH'])} {shlex.quote(argv[0])}) || exit 127\n"
        f'exec env -i {words} "$program" {arguments}\n'
    )


def host_busybox() -> Path:
    """The host's static busybox.

    Raises:
        HypervisorError: there is none.
    """
    for name in ("busybox.static", "busybox-static", "busybox"):
        if (found := shutil.which(name)) and _is_static(Path(found)):
            return Path(found)
    raise HypervisorError(
        "a static busybox for the guest is missing", "install busybox-static or run tools/setup"
    )


def build_base(state: State, kernel: Kernel, wanted: Iterable[str]) -> Path:
    """Our own part, cached: scripts, busybox and the wanted modules of that kernel.

    Raises:
        HypervisorError: no static busybox.
        KernelError: a module is missing.
    """
    busybox = host_busybox().read_bytes()
    modules = resolve(kernel.modules, wanted) if kernel.modules else []
    scripts = sorted(_GUEST.glob("*.sh"))
    digest = hashlib.sha256(busybox)
    for part in [*(path.read_bytes() for path in scripts), *(image for _, image in modules)]:
        digest.update(part)

    def make(product: Path) -> None:
        entries = [
            *(cpio.directory(name) for name in ("dev", "proc", "sys", HOME)),
            *(cpio.directory(f"{HOME}/{name}") for name in ("bin", "modules", "root")),
            cpio.device("dev/console", 0o600, 5, 1),
            cpio.file(f"{HOME}/busybox", busybox, 0o755),
            *(cpio.symlink(f"{HOME}/bin/{name}", "../busybox") for name in _APPLETS),
            *(cpio.file(f"{HOME}/{path.name}", path.read_bytes(), 0o755) for path in scripts),
            *(cpio.file(f"{HOME}/modules/{name}.ko", image) for name, image in modules),
        ]
        product.write_bytes(_packed(entries))

    return cached(state.data / "initramfs" / f"base-{digest.hexdigest()[:16]}", make)


def build_image(state: State, rootfs: Path, fingerprint: str) -> Path:
    """The image as an archive, cached by its fingerprint.

    Raises:
        ImageError: a file of it can't be read.
    """

    def make(product: Path) -> None:
        try:
            with product.open("wb") as out:
                cpio.write(cpio.tree(rootfs), out)
        except (OSError, OverflowError) as error:
            raise ImageError(f"can't pack the image {rootfs}: {error}") from error

    return cached(cached_image(state, fingerprint), make)


def cached_image(state: State, fingerprint: str) -> Path:
    """Where that archive is, or would be."""
    return state.data / "initramfs" / f"image-{fingerprint}"


def assemble(parts: Sequence[Path], job: Job, out: Path) -> None:
    """Write the initramfs of one instance; a later archive's files win over an earlier one's."""
    with out.open("wb") as whole:
        for part in parts:
            with part.open("rb") as source:
                os.sendfile(whole.fileno(), source.fileno(), 0, os.fstat(source.fileno()).st_size)
                whole.seek(0, os.SEEK_END)
        whole.write(job.archive())


def _packed(entries: Sequence[cpio.Entry]) -> bytes:
    out = io.BytesIO()
    cpio.write(entries, out)
    return out.getvalue()


def _is_static(program: Path) -> bool:
    return b"/ld-linux" not in program.read_bytes()[:8192]
