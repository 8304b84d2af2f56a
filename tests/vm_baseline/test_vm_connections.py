"""Machines of other libvirts: the system's, a user's session, and one over ssh."""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from libvirt_daemon import LIMIT, SYSTEM, Daemon, libvirtd, session, sshd
from made_once import KINDS
from vm_remains import remains

from tare.errors import ExitCode
from tare.state import State
from vm_baseline import Accelerator, MachineSpec, clean
from vm_baseline.place import data_directory, domain_prefix, link_path
from vm_baseline.prepared import prepare
from vm_baseline.processes import qemu_processes

PROJECT = {"PYTHONPATH": str(Path(__file__).parents[2])}
TAREVM = (sys.executable, "-m", "vm_baseline.cli")


@pytest.fixture(scope="module")
def home(data, rootfs) -> Iterator[State]:
    """A state that QEMU's user can reach, with all that a start would build first."""
    with tempfile.TemporaryDirectory(prefix="tare-test-") as name:
        root = Path(name)
        root.chmod(0o755)
        for place in (data, *(data / kind for kind in KINDS)):
            links = shutil.ignore_patterns(*KINDS)
            copy = root / "data" / place.relative_to(data)
            shutil.copytree(place, copy, symlinks=True, copy_function=os.link, ignore=links)
        state = State.at(root)
        prepare(state, MachineSpec("vm-micro", rootfs, accelerator=Accelerator.TCG))
        yield state
        link_path(state).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def daemon(data, home) -> Iterator[Daemon]:
    place = home.run.parent / "daemon"
    place.mkdir()
    with libvirtd(place, data / "libvirt-cache") as one:
        yield one


@pytest.fixture(autouse=True)
def nothing_left(home) -> Iterator[None]:
    yield
    left = remains(home)
    clean(home)
    assert left == []


def begin(daemon: Daemon, home: State, *words: str) -> "subprocess.Popen[bytes]":
    """Run a machine, and wait until its payload speaks."""
    ours = subprocess.Popen(
        daemon.command(*TAREVM, "run", "--accelerator", "tcg", *words),
        env={**os.environ, "TAREBENCH_ROOT": str(home.run.parent), **PROJECT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert select.select([ours.stdout], [], [], LIMIT)[0]
    assert ours.poll() is None, ours.communicate()
    return ours


CODE = ("sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 1 & wait; done")


def test_the_systems_virsh_sees_a_machine_while_it_runs(daemon, home, rootfs) -> None:
    ours = begin(daemon, home, "--connect", SYSTEM, str(rootfs), *CODE)
    (name,) = daemon.domains()
    assert name.startswith(domain_prefix(home))
    assert daemon.run("virsh", "-c", SYSTEM, "domstate", name).stdout.strip() == "running"
    ours.send_signal(signal.SIGTERM)
    output, errors = ours.communicate(timeout=LIMIT)
    assert (ours.returncode, output, errors) == (3, b"up\n", b"")
    assert daemon.domains() == []


def test_a_killed_harness_leaves_no_domain_of_the_system(daemon, home, rootfs) -> None:
    ours = begin(daemon, home, "--connect", SYSTEM, str(rootfs), *CODE)
    ours.kill()
    ours.communicate()
    lines = daemon.run(
        *TAREVM, "clean", env={**os.environ, "TAREBENCH_ROOT": str(home.run.parent), **PROJECT}
    )
    assert lines.returncode == 0, lines
    assert daemon.domains() == []


def test_a_daemon_over_ssh(daemon, home, rootfs) -> None:
    with sshd(daemon) as uri:
        ours = begin(daemon, home, "--connect", uri, str(rootfs), *CODE)
        assert len(daemon.domains()) == 1
        ours.send_signal(signal.SIGTERM)
        output, errors = ours.communicate(timeout=LIMIT)
    assert (ours.returncode, output, errors) == (3, b"up\n", b"")
    assert daemon.domains() == []


def test_the_daemon_of_a_users_session(daemon, home, rootfs) -> None:
    with session(daemon) as uri:
        ours = begin(daemon, home, "--connect", uri, str(rootfs), *CODE)
        ((pid, _),) = qemu_processes(domain_prefix(home))
        assert Path(f"/proc/{pid}").stat().st_uid != os.geteuid()
        assert daemon.domains() == []
        ours.send_signal(signal.SIGTERM)
        output, errors = ours.communicate(timeout=LIMIT)
    assert (ours.returncode, output, errors) == (3, b"up\n", b"")


def test_a_disk_that_fills_up_ends_a_machine_of_the_daemon(daemon, home, rootfs) -> None:
    small = data_directory(home)
    small.mkdir(parents=True, exist_ok=True)
    mounted = daemon.run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", small)
    assert mounted.returncode == 0, mounted.stderr
    try:
        code = "dd if=/dev/urandom of=/large bs=1M count=64; sync; echo over"
        words = ("run", "--connect", SYSTEM, "--accelerator", "tcg", "--profile", "vm-q35", rootfs)
        environment = {**os.environ, "TAREBENCH_ROOT": str(home.run.parent), **PROJECT}
        done = daemon.run(*TAREVM, *words, "sh", "-c", code, env=environment)
    finally:
        daemon.run("umount", small)
    assert (done.returncode, len(done.stderr.splitlines())) == (ExitCode.ENGINE, 1), done
    assert "no space left in" in done.stderr
    assert daemon.domains() == []


def test_a_daemon_that_is_killed_takes_its_machines_along(data, home, rootfs, tmp_path) -> None:
    with libvirtd(tmp_path, data / "libvirt-cache") as daemon:
        ours = begin(daemon, home, "--connect", SYSTEM, str(rootfs), *CODE)
        daemon.process.kill()
        output, errors = ours.communicate(timeout=LIMIT)
    assert ours.returncode == ExitCode.ENGINE
    assert output == b"up\n"
    assert len(errors.splitlines()) == 1
    assert b"libvirt ended, and the machine has been ended with it" in errors
