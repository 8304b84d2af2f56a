"""A libvirtd of the tests' own, and an sshd that leads to it, in a mount namespace where no other is seen."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vm_baseline.connection import CONFIGURATION

LIMIT = 60
SYSTEM = "qemu:///system"
ORDINARY = 4242
"""The id of a user who exists only there."""
# Debian's libvirtd looks this user up even when qemu.conf names another; its package isn't needed for more.
_USER = "libvirt-qemu"
_SCRIPT = """
set -e
for place in /run /var/lib /var/cache /var/log /etc/libvirt; do
    mount -t tmpfs tmpfs "$place"
done
cp "$1"/*.conf /etc/libvirt
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
mkdir -p /run/sshd /var/cache/libvirt "$2"
# It would ask each what it can do.
for emulator in /usr/bin/qemu-system-*; do
    [ "${emulator##*-}" = "$(uname -m)" ] || mount --bind /dev/null "$emulator"
done
mount --bind "$2" /var/cache/libvirt
exec /usr/sbin/libvirtd --config /etc/libvirt/libvirtd.conf
"""
_DAEMON = """\
auth_unix_rw = "none"
unix_sock_rw_perms = "0777"
log_outputs = "3:file:/var/log/libvirtd.log"
"""


@dataclass(frozen=True)
class Daemon:
    """A running libvirtd.

    Args:
        process: of it.
        place: a directory for what it needs.
    """

    process: "subprocess.Popen[bytes]"
    place: Path

    def command(self, *argv: str | Path) -> list[str]:
        """The words that run a program where this is the system's libvirtd."""
        return ["nsenter", "--mount", f"--target={self.process.pid}", "--wd=/", "--", *map(str, argv)]

    def run(self, *argv: str | Path, **how) -> "subprocess.CompletedProcess[str]":
        """Run a program there."""
        how = {"stdin": subprocess.DEVNULL, "timeout": 2 * LIMIT, **how}
        return subprocess.run(self.command(*argv), capture_output=True, text=True, check=False, **how)

    def domains(self) -> list[str]:
        """What virsh lists."""
        done = self.run("virsh", "-c", SYSTEM, "list", "--all", "--name")
        assert done.returncode == 0, done.stderr
        return done.stdout.split()


@contextlib.contextmanager
def libvirtd(place: Path, cache: Path) -> Iterator[Daemon]:
    """Start one, and end it with the context.

    Args:
        place: an empty directory.
        cache: what it finds out of QEMU is kept there.
    """
    (place / "libvirtd.conf").write_text(_DAEMON)
    # As root QEMU may use /dev/kvm; for a user who may not, libvirt asks QEMU everything at each start.
    (place / "qemu.conf").write_text(CONFIGURATION.format(uid=0, gid=0))
    for name, line in (("passwd", "x:{0}:{0}::/:/bin/false"), ("group", "x:{0}:")):
        users = f"{_USER}:{line.format(0)}\nordinary:{line.format(ORDINARY)}\n"
        (place / name).write_text(Path("/etc", name).read_text() + users)
    namespace = ("unshare", "--mount", "--propagation", "private", "--")
    command = [*namespace, "sh", "-c", _SCRIPT, "sh", place, cache]
    with _running(command) as process:
        daemon = Daemon(process, place)
        _until(lambda: daemon.run("virsh", "-c", SYSTEM, "version").returncode == 0, process)
        yield daemon


@contextlib.contextmanager
def session(daemon: Daemon) -> Iterator[str]:
    """Start the libvirtd of an ordinary user's session beside a daemon; the URI that leads to it."""
    home = f"/run/user/{ORDINARY}"
    daemon.run("install", "--directory", f"--owner={ORDINARY}", f"--group={ORDINARY}", home)
    user = ("setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups")
    command = daemon.command("env", f"HOME={home}", f"XDG_RUNTIME_DIR={home}", *user, "/usr/sbin/libvirtd")
    uri = f"qemu:///session?socket={home}/libvirt/libvirt-sock"
    with _running(command) as process:
        _until(lambda: daemon.run("virsh", "-c", uri, "version").returncode == 0, process)
        yield uri


@contextlib.contextmanager
def sshd(daemon: Daemon) -> Iterator[str]:
    """Start an sshd where the daemon is, for us alone; the URI that leads to the daemon through it."""
    place = daemon.place
    for name in ("host", "own"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / name], check=True)
    (place / "authorized").write_bytes((place / "own.pub").read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (place / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {place}/host\nAuthorizedKeysFile {place}/authorized\n"
        "PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n"
    )
    command = daemon.command("/usr/sbin/sshd", "-D", "-e", "-f", place / "sshd_config")
    with _running(command) as process:
        _until(lambda: _answers(port), process)
        yield f"qemu+ssh://root@127.0.0.1:{port}/system?keyfile={place}/own&no_verify=1&no_tty=1"


@contextlib.contextmanager
def _running(command: Sequence[str | Path]) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def _until(happened: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + LIMIT
    while not happened():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)
