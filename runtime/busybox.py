"""The host's static busybox as the files of a small image."""

import os
from pathlib import Path

from tare.errors import ImageError

_PLACES = (
    "/bin/busybox",
    "/usr/bin/busybox",
    "/usr/lib/initramfs-tools/bin/busybox",
    "/usr/sbin/busybox",
)
_HINT = "install the package busybox-static (Debian, Ubuntu) or busybox (Fedora, Arch)"
_DIRECTORIES = (
    "bin",
    "dev",
    "etc",
    "home",
    "mnt",
    "proc",
    "root",
    "run",
    "sbin",
    "sys",
    "usr/bin",
    "usr/sbin",
    "var",
    "www",
)
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "www/index.html": "tarebench\n",
}


def find_busybox() -> Path:
    """The host's busybox.

    Raises:
        ImageError: there is none, or it needs shared libraries.
    """
    import shutil

    found = shutil.which("busybox")
    for place in (*_PLACES, *([found] if found else [])):
        path = Path(place)
        if path.is_file():
            if _is_static(path):
                return path.resolve()
            raise ImageError(f"{path} is not statically linked", _HINT)
    raise ImageError("no busybox on this host", _HINT)


def _is_static(path: Path) -> bool:
    """Whether an ELF executable names no interpreter (program header PT_INTERP, see elf(5))."""
    data = path.read_bytes()[:4096]
    wide, order = data[4] == 2, "little" if data[5] == 1 else "big"
    if data[:4] != b"\x7fELF" or not wide:
        return False
    start = int.from_bytes(data[32:40], order)  # type: ignore[arg-type]
    size, count = (int.from_bytes(data[at : at + 2], order) for at in (54, 56))  # type: ignore[arg-type]
    kinds = (data[start + size * number : start + size * number + 4] for number in range(count))
    return all(int.from_bytes(kind, order) != 3 for kind in kinds)  # type: ignore[arg-type]


def populate(root: Path) -> None:
    """Fill a new directory: busybox, a link for each of its applets, and few files; the same every time.

    Raises:
        ImageError: the host has no static busybox.
    """
    import shutil
    import subprocess

    busybox = find_busybox()
    umask = os.umask(0o022)
    try:
        for name in ("", *_DIRECTORIES):
            (root / name).mkdir(parents=True, exist_ok=True)
        for name, mode in (("tmp", 0o1777), ("var/tmp", 0o1777)):
            (root / name).mkdir()
            (root / name).chmod(mode)
        for name, text in _FILES.items():
            (root / name).write_text(text)
    finally:
        os.umask(umask)
    shutil.copyfile(busybox, root / "bin/busybox")
    (root / "bin/busybox").chmod(0o755)
    listed = subprocess.run(
        [busybox, "--list-full"], check=True, capture_output=True, text=True
    ).stdout.split()
    for applet in listed:
        link = root / applet
        if not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to("/bin/busybox")
    for directory, names, files in os.walk(root):
        for entry in (*names, *files):
            os.utime(Path(directory, entry), (0, 0), follow_symlinks=False)
    os.utime(root, (0, 0))
