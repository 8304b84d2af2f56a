"""`tarevm run` and `build`: an image's own words, streams, signals and terminal."""

import io
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from made_once import share

from runtime.image import bootstrap_busybox
from runtime.image.store import ImageStore
from tare.errors import ExitCode, ImageError
from tare.image import RootImage
from tare.state import State
from vm_baseline import clean
from vm_baseline import image as images
from vm_baseline.place import domain_prefix
from vm_baseline.processes import qemu_processes

TAREVM = (sys.executable, "-m", "vm_baseline.cli")
TAREBOX = (Path(sys.executable).with_name("tarebox"),)


@pytest.fixture(scope="module")
def home(tmp_path_factory, data) -> Path:
    """A root with images: busybox, and one with an entry point, user, variable and two layers."""
    root = tmp_path_factory.mktemp("home")
    share(data, root / "data")
    state = State.at(root)
    bootstrap_busybox.bootstrap_busybox(ImageStore(state))
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        entry = tarfile.TarInfo("etc/note")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"mine\n"))
    changes = (
        'ENTRYPOINT ["/bin/sh", "-c"]',
        'CMD ["id -u; pwd; echo $A; cat /etc/note"]',
        "USER 7:8",
        "WORKDIR /w",
        "ENV A=b",
    )
    environment = {**os.environ, "TAREBENCH_ROOT": str(root)}

    def tarebox(*words: str, given: bytes = b"") -> str:
        done = subprocess.run(
            [*TAREBOX, *words], env=environment, input=given, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    tarebox("create", "--name", "layered", "busybox", "true")
    tarebox("cp", "-", "layered:/", given=layer.getvalue())
    tarebox("commit", *(word for change in changes for word in ("-c", change)), "layered", "own")
    tarebox("rm", "layered")
    yield root
    assert qemu_processes(domain_prefix(state)) == []
    clean(state)
    subprocess.run([*TAREBOX, "clean"], env=environment, capture_output=True, check=False)


def call(home: Path, *words: str, **how) -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "TAREBENCH_ROOT": str(home)}
    return subprocess.run(
        [*TAREVM, *words], env=environment, capture_output=True, check=False, timeout=90, **how
    )


def test_an_image_runs_as_it_says(home) -> None:
    done = call(home, "run", "own")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"7\n/w\nb\nmine\n", b"")


def test_what_it_says_can_be_replaced(home, tmp_path) -> None:
    (tmp_path / "variables").write_text("# one a line\nA=b\nB=file\n")
    words = ["--entrypoint", "", "-u", "0", "-w", "/tmp", "-h", "inner"]
    words += ["--env-file", str(tmp_path / "variables"), "-e", "A=c", "-e", "TAREBENCH_ROOT"]
    code = "id -u; pwd; echo $A $B; echo $TAREBENCH_ROOT; hostname; echo wrong >&2; exit 3"
    done = call(
        home, "run", *words, "--profile", "vm-q35", "--filesystem", "squashfs", "own", "sh", "-c", code
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        3,
        f"0\n/tmp\nc file\n{home}\ninner\n".encode(),
        b"wrong\n",
    )


@pytest.mark.parametrize("profile", ["vm-micro", "vm-q35"])
def test_directories_and_names_of_the_host_are_there(home, tmp_path, profile) -> None:
    (tmp_path / "fixed").mkdir()
    (tmp_path / "fixed/note").write_text("from the host\n")
    words = ["-v", f"{tmp_path}/made:/data/made", "--network", "user", "-h", "inner", "--dns", "192.0.2.53"]
    words += ["--mount", f"type=bind,source={tmp_path}/fixed,target=/fixed,readonly"]
    words += ["--dns-search", "example.org", "--add-host", "db:192.0.2.7", "--add-host", "up:host-gateway"]
    code = "cat /fixed/note; echo back > /data/made/file; touch /fixed/no 2>/dev/null || echo no"
    code += "; cat /etc/resolv.conf; grep -E 'db|up|inner' /etc/hosts"
    done = call(home, "run", "--profile", profile, *words, "busybox", "sh", "-c", code)
    names = b"nameserver 192.0.2.53\nsearch example.org\n192.0.2.7\tdb\n10.0.2.2\tup\n10.0.2.15\tinner\n"
    assert (done.returncode, done.stdout) == (0, b"from the host\nno\n" + names), done.stderr
    assert (tmp_path / "made/file").read_text() == "back\n"


def test_input_goes_in_to_its_end(home) -> None:
    done = call(home, "run", "-i", "busybox", "sh", "-c", "wc -c; echo over", input=b"x" * 300_000)
    assert (done.returncode, done.stdout) == (0, b"300000\nover\n")


def test_a_port_of_the_host_leads_in(home) -> None:
    environment = {**os.environ, "TAREBENCH_ROOT": str(home)}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = "echo served > /index.html; httpd -h /; echo up; read"
    words = ("run", "-i", "-p", f"127.0.0.1:{port}:80", "busybox", "sh", "-c", code)
    with subprocess.Popen(
        [*TAREVM, *words], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as ours:
        assert ours.stdout.readline() == b"up\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            assert answer.read() == b"served\n"
        refused = call(home, *words)
        ours.stdin.close()
    assert (refused.returncode, ours.returncode) == (ExitCode.ENGINE, 1)
    assert b"; the port is in use on this host" in refused.stderr


def test_signals_go_in(home) -> None:
    environment = {**os.environ, "TAREBENCH_ROOT": str(home)}
    code = "trap 'echo told; exit 5' TERM; echo up; while :; do sleep 1 & wait; done"
    with subprocess.Popen(
        [*TAREVM, "run", "busybox", "sh", "-c", code], env=environment, stdout=subprocess.PIPE
    ) as ours:
        assert ours.stdout.readline() == b"up\n"
        ours.send_signal(signal.SIGTERM)
        assert ours.stdout.read() == b"told\n"
    assert ours.returncode == 5


def test_before_it_is_ready_a_signal_ends_it(home) -> None:
    environment = {**os.environ, "TAREBENCH_ROOT": str(home)}
    with subprocess.Popen([*TAREVM, "run", "busybox", "sleep", "999"], env=environment) as ours:
        deadline = time.monotonic() + 60
        while not qemu_processes(domain_prefix(State.at(home))) and time.monotonic() < deadline:
            select.select([], [], [], 0.01)
        ours.send_signal(signal.SIGTERM)
    assert ours.returncode == 128 + signal.SIGTERM


def test_a_terminal_has_our_size_and_keys(home) -> None:
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    subprocess.run(["stty", "rows", "31", "cols", "97"], stdin=slave, check=True)
    environment = {**os.environ, "TAREBENCH_ROOT": str(home)}
    code = "stty size; read word; echo got $word"
    with subprocess.Popen(
        [*TAREVM, "run", "-it", "busybox", "sh", "-c", code], env=environment, stdin=slave, stdout=slave
    ) as ours:
        said, typed = b"", False
        while ours.poll() is None or select.select([master], [], [], 0)[0]:
            if select.select([master], [], [], 0.1)[0]:
                said += os.read(master, 4096)
            if b"31 97" in said and not typed:
                typed = os.write(master, b"word\r") > 0
    os.close(master)
    os.close(slave)
    assert ours.returncode == 0
    assert b"got word" in said


RUN_FAULTS = {
    "no command specified": ("--entrypoint", "", "own"),
    "no image 'nowhere'": ("nowhere", "true"),
    "nowhere": ("./nowhere", "true"),
    "the image has no name": ("", "true"),
    "'1.5' is not a number of processors": ("--cpus", "1.5", "busybox", "true"),
    "no file system fat": ("--filesystem", "fat", "--profile", "vm-q35", "busybox", "true"),
    "is for linux/amd64; pull it for linux/arm64": ("--platform", "linux/arm64", "busybox", "true"),
    "'=x' sets no variable": ("-e", "=x", "busybox", "true"),
    "can't read /nowhere": ("--env-file", "/nowhere", "busybox", "true"),
    "'a_b' is no hostname": ("-h", "a_b", "busybox", "true"),
    "'there' is relative": ("-w", "there", "busybox", "true"),
    "no user 'nosuch' in the image": ("-u", "nosuch", "busybox", "true"),
    "unrecognized arguments: --nosuch": ("--nosuch", "busybox", "true"),
    "'x' publishes no port": ("-p", "x", "busybox", "true"),
    "80 names no port of the host": ("-p", "80", "busybox", "true"),
    "QEMU's network has tcp and udp": ("-p", "80:80/sctp", "busybox", "true"),
    "more than the host's": ("-m", "1000t", "busybox", "true"),
}


@pytest.mark.parametrize(("line", "words"), RUN_FAULTS.items())
def test_a_fault_of_run_is_one_line_and_dockers_code(home, line, words) -> None:
    done = call(home, "run", *words)
    assert (done.returncode, done.stdout) == (ExitCode.ENGINE, b"")
    assert line in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code", "line"),
    (
        (("run", "busybox"), ExitCode.OK, ""),  # its shell has no input
        (("build", "--format", "zip", "busybox"), ExitCode.USAGE, "no disk format zip"),
        (("nosuch",), ExitCode.USAGE, "no command `nosuch`"),
    ),
)
def test_a_fault_is_one_line_and_a_code(home, words, code, line) -> None:
    done = call(home, *words, stdin=subprocess.DEVNULL)
    assert done.returncode == code
    assert line in done.stderr.decode()
    assert len(done.stderr.splitlines()) == bool(line)


def test_an_image_is_built_once(home) -> None:
    first, second = (call(home, "build", "--format", "qcow2", "--size", "200m", "busybox") for _ in range(2))
    assert first.stdout == second.stdout
    disk = Path(first.stdout.decode().strip())
    assert disk.name.endswith(f"-{200 << 20}.ext4.qcow2")
    listed = call(home, "disks").stdout.decode().splitlines()
    assert f"{disk.stat().st_blocks * 512:>12} {disk}" in listed
    assert call(home, "disks", "--prune").stdout.startswith(b"freed ")
    assert call(home, "disks").stdout == b""


def test_a_disk_can_be_written_elsewhere(home, tmp_path) -> None:
    done = call(home, "build", "-o", str(tmp_path / "disk.vhdx"), "--format", "vhdx", "busybox")
    assert done.stdout.decode() == f"{tmp_path}/disk.vhdx\n"
    assert call(home, "disks").stdout == b""


def test_an_image_of_another_processor_is_refused(home, monkeypatch) -> None:
    monkeypatch.setattr(images, "host_name", lambda: "riscv64")
    with (
        pytest.raises(ImageError, match="busybox is made for amd64, and this host is riscv64"),
        images.opened(State.at(home), "busybox"),
    ):
        pass


def test_what_names_its_content() -> None:
    image = RootImage("one", Path("/"), "sha256:" + "ab" * 32)
    assert images.mark(image) == "ab" * 16
    assert images.mark(replace(image, digest=None)) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/etc/passwd is no directory", ("-v", "/etc/passwd:/x")),
        ("names no directory, and a machine has no named volumes", ("-v", "kept:/x")),
        ("the target is no absolute path below /", ("-v", "/etc:/")),
        ("is no mount; write SOURCE:TARGET[:ro]", ("-v", "/etc:/x:odd")),
        ("two volumes at /x", ("-v", "/etc:/x", "-v", "/usr:/x/")),
        ("is no bind", ("--mount", "type=tmpfs,target=/x")),
        ("a saved guest has no directories of the host", ("-v", "/etc:/x", "--profile", "vm-restored")),
        ("'x' is no address for --dns", ("--dns", "x")),
        ("'x' names no host", ("--add-host", "x")),
        ("there is no host-gateway without a network", ("--add-host", "x:host-gateway")),
        ("no image 'absent", ("--pull", "never")),
    ],
)
def test_what_it_can_not_have_is_one_line(home, line, words) -> None:
    name = "absent" if "never" in words else "busybox"
    done = call(home, "run", *words, name, "true")
    assert (done.returncode, len(done.stderr.splitlines())) == (ExitCode.ENGINE, 1), done
    assert line in done.stderr.decode()
