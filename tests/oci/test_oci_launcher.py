"""The program `tarebox-oci`: how it starts the interpreter, and `start`, which it does without one."""

import ctypes
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from oci_launcher import BASE, BOOTSTRAP, PROJECT, compile_launcher

CAP_SYS_ADMIN = 21
PR_CAPBSET_DROP = 24
# Stands in for runtime.oci.cli and says how it was started.
STUB = f"""
import json, os, sys
def main():
    sys.path.append({str(PROJECT)!r})
    del sys.modules["runtime"], sys.modules["runtime.oci"]
    from runtime.oci import sealed
    print(json.dumps({{"arguments": sys.argv[1:], "sealed": sealed.is_sealed(), "prefix": sys.prefix,
        "isolated": sys.flags.isolated, "no_site": sys.flags.no_site, "environment": dict(os.environ)}}))
    sys.exit(7)
"""


@dataclass
class Installed:
    """A launcher compiled for an interpreter and a directory of packages of the test's own."""

    program: Path

    def run(self, *arguments: str, **popen) -> subprocess.CompletedProcess[str]:
        command = [str(self.program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20, **popen)

    def report(self, *arguments: str, **popen) -> dict[str, object]:
        ended = self.run(*arguments, **popen)
        assert ended.returncode == 7, ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture(scope="session")
def install(tmp_path_factory) -> Callable[..., Installed]:
    def installed(python: Path, bootstrap: str) -> Installed:
        directory = tmp_path_factory.mktemp("installed")
        program = directory / "bin" / "tarebox-oci"
        program.parent.mkdir()
        compile_launcher(program, python, bootstrap, "../packages")
        package = directory / "packages/runtime/oci"
        package.mkdir(parents=True)
        (package / "cli.py").write_text(STUB)
        return Installed(program)

    return installed


@pytest.fixture(scope="session")
def installed(install) -> Installed:
    return install(BASE, BOOTSTRAP)


@pytest.fixture(scope="session")
def without_python(install, tmp_path_factory) -> Installed:
    """One whose interpreter only says that it was asked."""
    asked = tmp_path_factory.mktemp("asked") / "python"
    asked.write_text("#!/bin/sh\nexit 42\n")
    asked.chmod(0o755)
    return install(asked, "")


def drop_administration() -> None:
    assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) == 0


def test_installed_program_runs_the_command_line(tmp_path) -> None:
    link = tmp_path / "runtime"
    link.symlink_to(Path(sys.executable).parent / "tarebox-oci")
    ended = subprocess.run([link, "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("tarebox-oci version ")


def test_installed_program_is_a_native_one() -> None:
    program = Path(sys.executable).parent / "tarebox-oci"
    assert program.read_bytes()[:4] == b"\x7fELF"


@pytest.mark.parametrize("arguments", [("list",), ("--debug", "--root", "/a b", "state", "", "'$x'\n"), ()])
def test_arguments_arrive_as_they_are(installed, arguments) -> None:
    assert installed.report(*arguments)["arguments"] == list(arguments)


def test_interpreter_starts_without_the_environment_and_site(installed) -> None:
    report = installed.report("list", env={**os.environ, "PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere"})
    assert (report["isolated"], report["no_site"], report["prefix"]) == (1, 1, sys.base_prefix)


@pytest.mark.parametrize("options", [(), ("--root", "exec"), ("--log=/x", "--log-format", "json", "--debug")])
@pytest.mark.parametrize("command", ["run", "create", "exec"])
def test_what_enters_a_container_is_sealed(installed, options, command) -> None:
    assert installed.report(*options, command, "box")["sealed"] is True


@pytest.mark.parametrize("command", ["state", "delete", "--help"])
def test_what_does_not_is_not(installed, command) -> None:
    assert installed.report(command, "box")["sealed"] is False


def test_memory_takes_the_place_of_a_mount_where_mounting_is_forbidden(installed) -> None:
    assert installed.report("run", "box", preexec_fn=drop_administration)["sealed"] is True


@pytest.mark.parametrize("prepare", [None, drop_administration])
def test_python_seals_itself_when_started_without_the_launcher(prepare) -> None:
    code = (
        "import sys; sys.path.append(sys.argv[1])\n"
        "from runtime.oci import sealed\n"
        "before = sealed.is_sealed()\n"
        "sealed.reexec()\n"
        "print(before, sealed.is_sealed(), sys.argv[1:])"
    )
    command = [sys.executable, "-S", "-I", "-c", code, str(PROJECT), "a b"]
    output = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=prepare).stdout
    assert output == f"True True {[str(PROJECT), 'a b']}\n"


def test_neighbour_is_asked_when_the_interpreter_is_gone(install) -> None:
    moved = install(Path("/nowhere/python3"), "")
    neighbour = moved.program.parent / "python3"
    neighbour.write_text('#!/bin/sh\necho "$@"\n')
    neighbour.chmod(0o755)
    assert moved.run("list").stdout == "-I -c from runtime.oci.cli import main; main() list\n"


def test_missing_interpreter_is_said_in_one_line(install) -> None:
    ended = install(Path("/nowhere/python3"), "").run("list")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "/nowhere/python3" in ended.stderr


class Created:
    """The directory of a created container, with its init's end of the fifo."""

    def __init__(self, root: Path, *, is_alive: bool = True) -> None:
        self.path = root / "box"
        self.path.mkdir(parents=True)
        (self.path / "state.json").write_text("{}")
        os.mkfifo(self.path / "exec.fifo")
        self.init = os.open(self.path / "exec.fifo", os.O_RDWR | os.O_NONBLOCK) if is_alive else -1

    def received(self) -> bytes:
        try:
            return os.read(self.init, 10)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        if self.init >= 0:
            os.close(self.init)


@pytest.fixture
def created(tmp_path):
    created = Created(tmp_path / "root")
    yield created
    created.close()


@pytest.mark.parametrize(
    "options",
    [
        ("--root", "{root}"),
        ("--root={root}",),
        ("--log", "{root}/log", "--log-format=json", "--debug", "--root", "{root}", "--systemd-cgroup"),
        ("--root", "/nowhere", "--root", "{root}/"),
    ],
)
def test_start_needs_no_interpreter(without_python, created, tmp_path, options) -> None:
    chosen = [option.format(root=created.path.parent) for option in options]
    assert without_python.run(*chosen, "start", "box").returncode == 0
    assert created.received() == b"0"
    assert not (created.path / "exec.fifo").exists()


def test_start_finds_an_ordinary_users_containers(without_python) -> None:
    with tempfile.TemporaryDirectory(prefix="tare-") as directory:
        created = Created(Path(directory, "tarebox-oci"))
        program = Path(shutil.copy(without_python.program, Path(directory, "program")))
        for path in (Path(directory), created.path.parent, created.path, created.path / "exec.fifo"):
            shutil.chown(path, 65534)
        environment = {"XDG_RUNTIME_DIR": directory}
        assert Installed(program).run("start", "box", env=environment, user=65534).returncode == 0
        assert created.received() == b"0"
        created.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ("start",),
        ("start", "--help"),
        ("start", "box", "other"),
        ("start", "../root/box"),
        ("start", ""),
        ("start", "."),
        ("--rootless=true", "start", "box"),
        ("--root", "/nowhere", "start", "box"),
        ("--root",),
        (),
    ],
)
def test_start_leaves_what_is_unusual_to_python(without_python, created, arguments) -> None:
    assert without_python.run("--root", str(created.path.parent), *arguments).returncode == 42
    assert created.received() == b""
    assert (created.path / "exec.fifo").exists()


@pytest.mark.parametrize("change", ["attended", "creating", "started"])
def test_start_leaves_unusual_containers_to_python(without_python, created, change) -> None:
    if change == "attended":
        (created.path / "attended").touch()
    else:
        (created.path / {"creating": "state.json", "started": "exec.fifo"}[change]).unlink()
    assert without_python.run("--root", str(created.path.parent), "start", "box").returncode == 42
    assert created.received() == b""


def test_start_leaves_a_dead_container_to_python(without_python, tmp_path) -> None:
    created = Created(tmp_path, is_alive=False)
    assert without_python.run("--root", str(tmp_path), "start", "box").returncode == 42
    assert (created.path / "exec.fifo").exists()


def test_one_of_many_starts(without_python, created) -> None:
    command = [without_python.program, "--root", str(created.path.parent), "start", "box"]
    starters = [subprocess.Popen(command) for _ in range(20)]
    assert sorted(starter.wait() for starter in starters) == [0, *[42] * 19]
    assert created.received() == b"0"


class Stopped(Created):
    """The directory of a stopped container, with groups of its own below one that was made for them."""

    def __init__(self, root: Path, groups: Path) -> None:
        super().__init__(root, is_alive=False)
        (self.path / "lock").touch()
        (self.path / "config.json").write_text("{}")
        self.groups = [groups / "made/box", groups / "given/box"]
        for group in self.groups:
            group.mkdir(parents=True)
        os.setxattr(groups / "made", "user.tarebox-oci", b"1")
        process = subprocess.Popen(["true"])
        process.wait()
        self.debris(process.pid)

    def debris(self, pid: int) -> None:
        paths = [str(group) for group in self.groups]
        (self.path / "debris").write_bytes(b"".join(f"{part}\0".encode() for part in (pid, *paths)))


@pytest.fixture
def stopped(tmp_path) -> Stopped:
    return Stopped(tmp_path / "root", tmp_path / "groups")


def delete(program: Installed, container: Created, *options: str) -> int:
    return program.run("--root", str(container.path.parent), "delete", *options, "box").returncode


@pytest.mark.parametrize("options", [(), ("--force",), ("-f",)])
def test_delete_needs_no_interpreter(without_python, stopped, tmp_path, options) -> None:
    assert delete(without_python, stopped, *options) == 0
    assert list(stopped.path.parent.iterdir()) == []
    assert [path.name for path in (tmp_path / "groups").iterdir()] == ["given"]
    assert list((tmp_path / "groups/given").iterdir()) == []


def test_delete_takes_an_unreaped_process_for_ended(without_python, stopped) -> None:
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        stopped.debris(process.pid)
        assert delete(without_python, stopped) == 0


def test_delete_ignores_groups_that_are_gone(without_python, stopped) -> None:
    for group in stopped.groups:
        group.rmdir()
    assert delete(without_python, stopped) == 0
    assert not stopped.path.exists()


def test_delete_leaves_a_running_container_to_python(without_python, stopped) -> None:
    stopped.debris(os.getpid())
    assert delete(without_python, stopped) == 42
    assert all(group.exists() for group in stopped.groups)


@pytest.mark.parametrize("options", [("--all",), ("box",), ("--force", "--force")])
def test_delete_leaves_what_is_unusual_to_python(without_python, stopped, options) -> None:
    assert delete(without_python, stopped, *options) == 42
    assert (stopped.path / "state.json").exists()


@pytest.mark.parametrize("debris", [None, b"", b"12", b"x\0/nowhere\0", b"0\0", b"1" * 65536])
def test_delete_leaves_what_it_does_not_understand_to_python(without_python, stopped, debris) -> None:
    if debris is None:
        (stopped.path / "debris").unlink()
    else:
        (stopped.path / "debris").write_bytes(debris)
    assert delete(without_python, stopped) == 42
    assert (stopped.path / "state.json").exists()


def test_delete_leaves_groups_in_use_to_python(without_python, stopped) -> None:
    (stopped.groups[0] / "below").mkdir()
    assert delete(without_python, stopped) == 42
    assert (stopped.path / "state.json").exists()


def test_delete_leaves_a_locked_container_to_python(without_python, stopped) -> None:
    with (stopped.path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert delete(without_python, stopped) == 42
    assert (stopped.path / "state.json").exists()


def test_one_of_many_deletes(without_python, stopped) -> None:
    command = [without_python.program, "--root", str(stopped.path.parent), "delete", "box"]
    deleters = [subprocess.Popen(command) for _ in range(20)]
    assert sorted(deleter.wait() for deleter in deleters) == [0, *[42] * 19]
    assert not stopped.path.exists()
