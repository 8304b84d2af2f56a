"""The test guest's root: a small Debian 12 with systemd, D-Bus and Python, cached by its recipe."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from vm_baseline.cache import cached
from vm_baseline.kernel import Kernel
from vm_baseline.modules import resolve
from vm_baseline.tools import require

USER = "tester"
READY = "the guest is up"
_SUITE = "bookworm"
_PACKAGES = (
    "busybox-static", "dbus", "dbus-user-session", "kmod", "libpam-systemd", "libseccomp2", "python3",
    "python3-jeepney", "systemd", "systemd-sysv", "uidmap",
)  # fmt: skip
_LEFT_OUT = ("bash-completion", "doc", "doc-base", "info", "locale", "man", "zoneinfo")
_MASKED = (
    "apt-daily.timer", "dev-hugepages.mount", "dpkg-db-backup.timer", "getty.target", "modprobe@.service",
    "proc-sys-fs-binfmt_misc.automount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
    "systemd-firstboot.service", "systemd-journal-flush.service", "systemd-machine-id-commit.service",
    "systemd-pcrphase-sysinit.service", "systemd-pcrphase.service", "systemd-random-seed.service",
    "systemd-sysusers.service", "systemd-tmpfiles-clean.timer", "systemd-update-utmp.service",
)  # fmt: skip
_MODULES = ("overlay",)
_FILES = {
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/systemd/system/up.service": f"""\
[Unit]
Description=Tells the host that all of the target is there
After=basic.target dbus.socket

[Service]
Type=oneshot
ExecStart=/bin/echo {READY}
StandardOutput=tty
""",
    "etc/systemd/system/default.target": """\
[Unit]
Description=What the tests need and nothing else
Requires=basic.target up.service
After=basic.target up.service
""",
    "etc/systemd/system/user@.service.d/delegate.conf": "[Service]\nDelegate=yes\n",
}


def cache_directory() -> Path:
    """Where test guests are kept between runs (XDG Base Directory 0.8)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tarebench/test-guest"


def home(cache: Path, kernel: Kernel) -> Path:
    """The directory for all that is built of this recipe for a kernel; those of other recipes are removed."""
    recipe = repr((kernel.release, _SUITE, _PACKAGES, _LEFT_OUT, _MASKED, _MODULES, _FILES))
    name = "guest-" + hashlib.sha256(recipe.encode()).hexdigest()[:16]
    for other in cache.glob("guest-*"):
        if other.name != name:
            shutil.rmtree(other)
    return cache / name


def root(home: Path, kernel: Kernel) -> Path:
    """The root directory, built first when it is not there yet."""
    return cached(home / "root", lambda product: _build(product, kernel))


def _build(product: Path, kernel: Kernel) -> None:
    subprocess.run(
        [require("mmdebstrap", "mmdebstrap"), "--mode=root", "--variant=essential",
         f"--include={','.join(_PACKAGES)}",
         *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT),
         f'--customize-hook=chroot "$1" useradd --create-home --shell /bin/sh {USER}',
         f'--customize-hook=chroot "$1" systemctl mask {" ".join(_MASKED)}',
         _SUITE, str(product)],
        check=True,
    )  # fmt: skip
    for name, text in _FILES.items():
        path = product / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
    if kernel.modules:
        tree = product / "usr/lib/modules" / kernel.release
        tree.mkdir(parents=True)
        for name, image in resolve(kernel.modules, _MODULES):
            (tree / f"{name}.ko").write_bytes(image)
        subprocess.run(["chroot", product, "depmod", kernel.release], check=True, stderr=subprocess.DEVNULL)
