"""The booted test guest, and how tests get into it."""

import contextlib
import io
import json
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import guest_image
import guest_inside

from tare.state import State
from vm_baseline import Accelerator, Hypervisor, Machine, MachineSpec, find_kernel

PROJECT = "/project"
_ROOT = Path(__file__).parents[2]
_COPIED = (
    *("tare", "runtime", "bench/__init__.py", "bench/alone.py", "bench/cpuset.py"),
    *("tests/guest", "tests/oci/oci_bundle.py"),
)
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONPATH": f"{PROJECT}:{PROJECT}/tests:{PROJECT}/tests/guest",
    "LC_ALL": "C.UTF-8",
}
_BOOT_LIMIT = 120.0
_COMMAND_LIMIT = 60.0
_AS_USER = (
    "setpriv", f"--reuid={guest_image.USER}", f"--regid={guest_image.USER}", "--init-groups",
    "env", "XDG_RUNTIME_DIR=/run/user/1000", "HOME=/home/tester",
    "systemd-run", "--user", "--pipe", "--wait", "--quiet", "--collect", "--property=Delegate=yes",
    f"--setenv=PYTHONPATH={_ENVIRONMENT['PYTHONPATH']}",
)  # fmt: skip


class Guest:
    """A running guest.

    Args:
        machine: booted, with systemd as its process 1.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._ended: dict[tuple[str, str], tuple[int, str]] = {}

    def run(
        self, *argv: str, stdin: bytes = b"", timeout: float = _COMMAND_LIMIT
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command as root, in systemd's init.scope, for its output and exit status."""
        return self._machine.exec(argv, stdin=stdin, timeout=timeout)

    def check(self, *argv: str, stdin: bytes = b"") -> str:
        """Run a command that has to succeed; its output."""
        done = self.run(*argv, stdin=stdin)
        assert done.returncode == 0, f"{argv} ended with {done.returncode}: {done.stderr.decode()}"
        return done.stdout.decode()

    def run_test(self, module: str, name: str, others: Sequence[str]) -> None:
        """Run a test function of this directory as root, in a process of its own.

        Args:
            module: of the function.
            name: of it.
            others: all that will be run of the module, which are run together when the first is asked for.
        """
        if (module, name) not in self._ended:
            self._ended |= {(module, test): end for test, end in self._run_tests((), module, others).items()}
        _check(*self._ended[module, name])

    def run_test_as_user(self, module: str, name: str) -> None:
        """Run one as an ordinary user, in a delegated group of their systemd instance."""
        _check(*self._run_tests(_AS_USER, module, [name])[name])

    def _run_tests(self, who: Sequence[str], module: str, names: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Status and output of tests by name."""
        argv = (*who, "python3", "-m", "guest_inside", module, *names)
        done = self.run(*argv, timeout=(len(names) + 1) * guest_inside.LIMIT)
        assert done.returncode == 0, f"{argv} ended with {done.returncode}: {done.stderr.decode()}"
        return {name: (status, said) for name, status, said in map(json.loads, done.stdout.splitlines())}


def _check(status: int, said: str) -> None:
    if status:
        raise AssertionError(f"inside the guest, with status {status}:\n{said}")
    print(said, end="")


@contextlib.contextmanager
def booted(run: Path) -> Iterator[Guest]:
    """A guest with the project in it.

    Args:
        run: directory for the running instance.
    """
    cache = guest_image.cache_directory()
    kernel = find_kernel(State(cache, run))
    home = guest_image.home(cache, kernel)
    spec = MachineSpec(
        "vm-q35",
        guest_image.root(home, kernel),
        env=_ENVIRONMENT,
        kernel=kernel,
        memory=1 << 30,
        vcpus=2,
        accelerator=Accelerator.TCG,
        init="/sbin/init",
    )
    said, up = bytearray(), threading.Event()

    def listen(new: bytes) -> None:
        said.extend(new)
        if guest_image.READY.encode() in said:
            up.set()

    with Hypervisor(State(home, run)) as hypervisor:
        machine = hypervisor.start(spec, output=listen)
        assert up.wait(_BOOT_LIMIT), f"the guest did not come up: {said.decode(errors='replace')}"
        guest = Guest(machine)
        guest.check("mkdir", PROJECT)
        guest.check("tar", "-xC", PROJECT, stdin=_project())
        guest.check("loginctl", "enable-linger", guest_image.USER)
        # Their systemd is started meanwhile.
        guest.check("systemctl", "start", "user@1000.service")
        yield guest


def _project() -> bytes:
    """What the guest needs of the project, as a tar archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as out:
        for name in _COPIED:
            out.add(_ROOT / name, name, filter=lambda about: None if "__pycache__" in about.name else about)
    return archive.getvalue()
