"""Images that want to be run by the runtime itself, and containers that want it to hang or to go astray."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from oci_launcher import PROJECT

from runtime.oci import sealed

EVIL = """
import os
open("{mark}", "a").close()
raise SystemExit("owned")
"""
LIBRARY = """
#include <fcntl.h>
__attribute__((constructor)) static void own(void)
{{
    creat("{mark}", 0600);
    creat("/mnt/owned", 0600);
}}
"""
OURS = ("hooks", "failures", "copy_up", "log", "terminal", "processing", "init")
STANDARD = (
    "json",
    "encodings",
    "os",
    "posixpath",
    "fcntl",
    "ctypes",
    "traceback",
    "linecache",
    "signal",
    "re",
)


@pytest.fixture
def share(bundle) -> Path:
    return bundle.share()


@pytest.fixture
def evil(bundle, share, tmp_path) -> Path:
    """An image with programs of its own in all places where ours look for theirs; its library."""
    root = bundle.own_root()
    modules = [*(f"runtime/oci/{name}" for name in OURS), "runtime/__init__", "sitecustomize", *STANDARD]
    for directory in {str(PROJECT), str(Path(os.__file__).parent), "/evil", "", *sys.path}:
        for name in modules:
            for ending in (".py", "/__init__.py"):
                path = root / directory.lstrip("/") / f"{name}{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(EVIL.format(mark="/mnt/owned"))
    source = tmp_path / "evil.c"
    source.write_text(LIBRARY.format(mark=share / "owned"))
    library = root / "evil/evil.so"
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=True)
    for directory in {sealed.environment().get("LD_LIBRARY_PATH", "/usr/lib"), "/lib/x86_64-linux-gnu"}:
        place = root / directory.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        for name in ("libpython3.11.so.1.0", "libc.so.6", "libgcc_s.so.1", "libnss_files.so.2"):
            shutil.copy(library, place / name)
    bundle.process["env"] += [
        f"LD_PRELOAD={library} /evil/evil.so",
        "LD_LIBRARY_PATH=/evil",
        "PYTHONPATH=/evil",
        "PYTHONHOME=/evil",
        "PYTHONSTARTUP=/evil/os.py",
        "PYTHONINSPECT=1",
    ]
    return library


def test_nothing_of_the_image_is_run_by_the_runtime(oci, bundle, evil, share, console):
    """Our own class: neither modules nor libraries of an image run with the rights of the runtime."""
    subprocess.run(["true"], env={"LD_PRELOAD": str(evil)}, check=True)
    assert (share / "owned").exists(), "the library does nothing"
    (share / "owned").unlink()
    for kind in ("createRuntime", "createContainer", "startContainer", "poststart", "poststop"):
        bundle.hook(kind, "exit 0")
    bundle.mount("/var", "tmpfs", "tmpfs", "tmpcopyup")
    oci.running(bundle)
    oci.ok("exec", oci.name, "true")
    oci.fails("exec", oci.name, "/nosuch")
    oci.fails("exec", "--cwd", "/nosuch", oci.name, "true")
    oci.ok("exec", "--tty", "--detach", "--console-socket", console.path, oci.name, "true")
    oci.stop()
    oci.delete()
    assert not (share / "owned").exists()


@pytest.mark.parametrize("failing", ["hook", "command", "directory", "none"])
def test_nothing_of_the_image_is_run_when_a_start_fails(oci, bundle, evil, share, failing):
    """Our own class: nor while an error is told that happens inside."""
    match failing:
        case "hook":
            bundle.hook("startContainer", "exit 1")
        case "command":
            bundle.process["args"] = ["/nosuch"]
        case "directory":
            bundle.process["cwd"] = "/bin/sh"
    bundle.config["root"]["readonly"] = False
    assert (oci.execute(bundle).returncode == 0) == (failing == "none")
    assert not (share / "owned").exists()
    assert not list(bundle.root.rglob("__pycache__"))


def hostile_passwd(path: Path, kind: str) -> None:
    path.unlink()
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "huge":
            os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 33)
        case "malformed":
            path.write_bytes(b"\xff\0:\n::::::::\nroot:x:0\nroot:x:\xff:0::/a\nx:x:0:0::\n" + b":" * 1000)
        case "directory":
            path.mkdir()
        case "link":
            path.symlink_to("passwd")
        case "device":
            path.symlink_to("/dev/zero")
        case "terminal":
            path.symlink_to("/dev/tty")
        case "memory":
            path.symlink_to("/proc/self/environ")


@pytest.mark.parametrize(
    "kind", ["fifo", "huge", "malformed", "directory", "link", "device", "terminal", "memory"]
)
def test_hostile_passwd_neither_hangs_nor_leads_astray(oci, bundle, kind):
    """Looking for HOME reads an ordinary file or none, and not for ever."""
    hostile_passwd(bundle.own_root() / "etc/passwd", kind)
    assert oci.inside(bundle, "echo $HOME") == "/\n"
    oci.running(bundle)
    assert oci.ok("exec", oci.name, "sh", "-c", "echo $HOME") == "/\n"


@pytest.mark.parametrize("kind", ["fifo", "loop", "directory", "garbage", "shebang"])
def test_hostile_programs_fail_at_once(oci, bundle, kind):
    """A command along the image's PATH that isn't a program is an error, of a start and of an exec."""
    tool = bundle.own_root() / "bin/tool"
    match kind:
        case "fifo":
            os.mkfifo(tool, 0o777)
        case "loop":
            tool.symlink_to("tool")
        case "directory":
            tool.mkdir()
        case "garbage":
            tool.write_bytes(os.urandom(1000))
            tool.chmod(0o755)
        case "shebang":
            tool.write_text("#!/bin/tool\n")
            tool.chmod(0o755)
    bundle.process["args"] = ["tool"]
    ended = oci.execute(bundle)
    assert ended.returncode != 0
    oci.running(bundle)
    oci.fails("exec", oci.name, "tool")


@pytest.mark.parametrize(
    "name", ["../decoy", "./x", "a/b", "..", ".", "/etc", "a\nb", "-rf", "~", "x" * 300, ""]
)
@pytest.mark.parametrize("command", ["state", "start", "delete", "kill", "exec"])
def test_id_is_no_path(oci, tmp_path, name, command):
    """An id with the parts of a path names no directory beside those of containers."""
    decoy = oci.root.parent / "decoy"
    decoy.mkdir()
    (decoy / "state.json").write_text('{"id": "decoy", "pid": 1}')
    more = {"kill": ["KILL"], "exec": ["true"]}.get(command, [])
    oci.fails(command, name, *more)
    assert [entry.name for entry in decoy.iterdir()] == ["state.json"]
    shutil.rmtree(decoy)


def test_link_among_the_containers_leads_nowhere(oci, bundle, tmp_path):
    """A link below the root directory isn't followed to what it would have removed."""
    decoy = tmp_path / "decoy"
    (decoy / "deep").mkdir(parents=True)
    (decoy / "debris").write_text("999999999\0")
    (oci.root / oci.name).symlink_to(decoy)
    oci.fails("create", "--bundle", str(bundle.write()), oci.name)
    for command in ("start", "delete"):
        oci.run(command, oci.name)
    oci.run("delete", "--force", oci.name)
    (oci.root / oci.name).unlink(missing_ok=True)
    assert {"deep", "debris"} <= {entry.name for entry in decoy.iterdir()}


def test_deletion_during_a_start_leaves_nothing(oci, bundle):
    """Start and delete --force at a time: both end, and then there is no container."""
    bundle.process["args"] = ["sleep", "1000"]
    for _ in range(6):
        oci.create(bundle)
        starting = threading.Thread(target=oci.run, args=("start", oci.name))
        starting.start()
        ended = oci.run("delete", "--force", oci.name)
        starting.join()
        assert ended.returncode == 0, ended.stderr
        assert oci.run("state", oci.name).returncode != 0


@pytest.mark.parametrize("command", ["start", "exec", "delete", "state"])
def test_process_that_is_stopped_before_its_command_hangs_nobody(oci, bundle, command):
    """SIGSTOP from a neighbour in the PID namespace before the command runs: it can still be removed."""
    bundle.process["args"] = ["sleep", "1000"]
    oci.create(bundle)
    os.kill(oci.pid(), signal.SIGSTOP)
    oci.run(command, oci.name, *(["true"] if command == "exec" else []))
    oci.run("delete", "--force", oci.name)
    assert oci.run("state", oci.name).returncode != 0


def test_container_that_forks_wildly_can_be_removed(oci, bundle):
    """pids.limit: neither an exec into it nor its end take for ever."""
    bundle.resources["pids"] = {"limit": 30}
    # A shell that can't fork exits, so the first process is one that never tries.
    bundle.shell(
        "f() { sleep 100 & sleep 100 | f | f & }; (while :; do f; sleep 1; done) 2>/dev/null &"
        " echo ready; exec sleep 100"
    )
    oci.running(bundle, script=bundle.process["args"][2])
    assert len(processes(oci)) <= 30
    for _ in range(3):
        oci.run("exec", oci.name, "true")
    oci.delete(oci.name, "--force")


def processes(oci) -> list[str]:
    return (oci.cgroup("pids") / "cgroup.procs").read_text().split()


@pytest.mark.parametrize("joins", [True, False])
def test_process_that_dies_on_the_way_is_an_error(oci, bundle, joins):
    """A first process that is killed while hooks run, or while it waits, ends the command and is told."""
    if joins:
        bundle.hook("createRuntime", 'kill -9 $(sed "s/.*\\"pid\\": *\\([0-9]*\\).*/\\1/")')
        oci.refuses(bundle)
        return
    bundle.process["args"] = ["true"]
    oci.create(bundle)
    os.kill(oci.pid(), signal.SIGKILL)
    oci.wait()
    oci.fails("start", oci.name)
