"""Commands, files and the clock of a running guest, all in one machine of the smallest kind."""

import hashlib
import os
import struct
import subprocess
import threading
from pathlib import Path
from signal import SIGINT, SIGTERM

import pytest

from tare.errors import ImageError
from vm_baseline import Machine, MachineSpec
from vm_baseline.copying import Kind, Unpacker
from vm_baseline.errors import HypervisorError

LIMIT = 60
PASSWD = "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:100:w:/home/worker:/bin/sh\nbad:x:x:1::\n"  # noqa: S105 - no password
GROUP = "root:x:0:\nusers:x:100:\ndisk:x:6:worker,other\naudio:x:29:other,worker\n"


@pytest.fixture(scope="module")
def machine(shared_hypervisor, rootfs, tmp_path_factory) -> Machine:
    """A guest whose image knows a user."""
    image = tmp_path_factory.mktemp("users") / "image"
    subprocess.run(["cp", "-a", rootfs, image], check=True)
    (image / "etc/passwd").write_text(PASSWD)
    (image / "etc/group").write_text(GROUP)
    (image / "bin/text").write_text("no program\n")
    spec = MachineSpec("vm-micro", image, env={"PATH": "/bin"}, hostname="inner", hosts="10.9.8.7 peer\n")
    machine = shared_hypervisor.start(spec)
    machine.wait_ready()
    yield machine
    machine.remove()


def said(machine: Machine, code: str, **how) -> str:
    done = machine.exec(["sh", "-c", code], timeout=LIMIT, **how)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().rstrip("\n")


def test_the_clock_is_told_and_set(machine) -> None:
    # First of all: on a busy host an emulated guest loses time.
    began, ready = machine.guest_times
    clock = machine.clock(LIMIT)
    assert clock.uncertainty_ns > 0
    assert began < ready
    took = machine.ready_ns - machine.asked_ns
    assert machine.asked_ns < clock.zero_ns + began < machine.ready_ns + took
    machine.set_clock()
    after, uncertain = machine.clock_offset()
    assert abs(after) <= max(abs(clock.offset_ns) // 2, 10 * (uncertain + clock.uncertainty_ns))


def test_a_guest_looks_like_a_container(machine) -> None:
    assert said(machine, "hostname; cat /etc/hostname /etc/hosts") == "inner\ninner\n10.9.8.7 peer"
    assert "UP,LOOPBACK" in said(machine, "ip link show lo").replace("LOOPBACK,UP", "UP,LOOPBACK")
    types = {line.split()[1]: line.split()[2] for line in said(machine, "cat /proc/mounts").splitlines()}
    wanted = {"/proc": "proc", "/sys": "sysfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs"}
    assert wanted.items() <= types.items()
    assert types["/sys/fs/cgroup"] == "cgroup2"
    assert said(machine, "readlink /dev/fd; readlink /dev/stdin") == "/proc/self/fd\n/proc/self/fd/0"
    assert said(machine, "ls -a /") == ".\n..\nbin\ndev\netc\nproc\nroot\nsys\nwww"


USERS = (
    ("", 0, 0, "", "/root"),
    ("worker", 1000, 100, "6 29", "/home/worker"),
    ("1000:disk", 1000, 6, "", "/home/worker"),
    ("4242", 4242, 0, "", "/"),
    ("4242:77", 4242, 77, "", "/"),
)


@pytest.mark.parametrize(("user", "uid", "gid", "groups", "home"), USERS)
def test_a_user_is_looked_up_in_the_image(machine, user, uid, gid, groups, home) -> None:
    code = "echo $HOME; grep -E '^(Uid|Gid|Groups)' /proc/self/status"
    lines = [line.split() for line in said(machine, code, user=user).splitlines()]
    ids = [["Uid:", *[str(uid)] * 4], ["Gid:", *[str(gid)] * 4], ["Groups:", *groups.split()]]
    assert lines == [[home], *ids]


def test_what_cannot_run_has_the_statuses_and_words_of_a_container(machine) -> None:
    cases = {
        ("nosuch",): (127, 'exec: "nosuch": executable file not found in $PATH'),
        ("/nosuch",): (127, 'exec: "/nosuch": no such file or directory'),
        ("/etc",): (126, 'exec: "/etc": permission denied'),
        ("text",): (126, 'exec: "text": permission denied'),
    }
    for argv, (status, line) in cases.items():
        done = machine.exec(argv, timeout=LIMIT)
        assert (done.returncode, done.stderr.decode()) == (status, f"tarevm: {line}\n")
    done = machine.exec(["id"], user="nobody", timeout=LIMIT)
    assert (done.returncode, done.stderr.decode().split(";")[0]) == (
        125,
        "tarevm: no user 'nobody' in the image",
    )
    done = machine.exec(["id"], user="0:nobody", timeout=LIMIT)
    assert (done.returncode, done.stderr.decode().split(";")[0]) == (
        125,
        "tarevm: no group 'nobody' in the image",
    )


def test_what_no_program_could_be_given_is_refused_here(machine) -> None:
    with pytest.raises(HypervisorError, match="a null byte in argv 'a\\\\x00b'"):
        machine.exec(["echo", "a\0b"])
    with pytest.raises(HypervisorError, match="bytes of arguments and environment are more than 1 MiB"):
        machine.exec(["echo", "a" * (1 << 20)])
    done = machine.exec(["echo", "a" * (128 << 10)], timeout=LIMIT)
    assert (done.returncode, done.stderr.decode().split(": ")[-1]) == (126, "argument list too long\n")


def test_a_directory_is_made_and_the_environment_added_to(machine) -> None:
    assert (
        said(machine, "pwd; echo $A$PATH", directory="/srv/new/place", env={"A": "a:"})
        == "/srv/new/place\na:/bin"
    )


def test_much_goes_in_and_comes_out_unharmed(machine) -> None:
    size, piece = 100 << 20, os.urandom(1 << 20)
    sent, arrived, count = hashlib.sha256(), hashlib.sha256(), 0

    def give():
        for _ in range(size // len(piece)):
            sent.update(piece)
            yield piece

    def take(data: bytes) -> None:
        nonlocal count
        count += len(data)
        arrived.update(data)

    process = machine.popen(["cat"], has_input=True)
    assert process.communicate(give(), take, timeout=LIMIT) == 0
    assert (count, arrived.digest()) == (size, sent.digest())


def test_a_slow_reader_stops_only_what_it_reads(machine) -> None:
    process = machine.popen(["sh", "-c", "trap 'exit 5' TERM; yes & wait"])
    while process.first_output_ns is None:
        assert machine.exec(["true"], timeout=LIMIT).returncode == 0
    for _ in range(20):
        machine.exec(["true"], timeout=LIMIT)
    assert process.waiting <= 256 << 10
    process.kill(SIGTERM)
    kept = bytearray()
    stopper = threading.Thread(target=machine.exec, args=(["killall", "yes"],))
    stopper.start()
    assert process.communicate(None, kept.extend, timeout=LIMIT) == 5
    stopper.join(LIMIT)
    assert kept.startswith(b"y\ny\n")


def test_input_that_nobody_takes_is_dropped(machine) -> None:
    done = machine.exec(["true"], stdin=bytes(4 << 20), timeout=LIMIT)
    assert done.returncode == 0
    process = machine.popen(["sleep", "99"], has_input=True)
    with pytest.raises(subprocess.TimeoutExpired):
        process.write(bytes(4 << 20), timeout=0.5)
    process.kill(SIGINT)
    assert process.communicate(timeout=LIMIT) == 128 + SIGINT


def test_many_commands_run_at_once_and_more_are_refused(machine) -> None:
    waiting = [machine.popen(["cat"], has_input=True) for _ in range(64)]
    done = machine.exec(["true"], timeout=LIMIT)
    assert (done.returncode, done.stderr) == (125, b"tarevm: too many commands run in this guest\n")
    for number, process in enumerate(waiting):
        output = bytearray()
        assert process.communicate(str(number).encode(), output.extend, timeout=LIMIT) == 0
        assert output == str(number).encode()


def test_what_outlives_its_command_holds_nobody_up(machine) -> None:
    done = machine.exec(["sh", "-c", "sleep 77 & echo done"], timeout=LIMIT)
    assert (done.returncode, done.stdout) == (0, b"done\n")
    assert machine.exec(["killall", "sleep"], timeout=LIMIT).returncode == 0
    zombies = said(machine, "cat /proc/[0-9]*/stat | grep -c ' Z ' || true")
    assert zombies == "0"


def test_a_terminal_has_its_size_and_is_told_of_another(machine) -> None:
    code = "trap 'stty size; exit 4' WINCH; stty size; tty; echo to-err >&2; read line; read line"
    process, output, changed = (
        machine.popen(["sh", "-c", code], terminal=(24, 80), has_input=True),
        bytearray(),
        [],
    )

    def take(data: bytes) -> None:
        output.extend(data)
        if b"to-err\r\n" in output and not changed:
            changed.append(True)
            process.resize(30, 100)
            process.write(b"x\n")

    assert process.communicate(None, take, timeout=LIMIT) == 4
    assert output.startswith(b"24 80\r\n/dev/pts/0\r\nto-err\r\n")
    assert output.endswith(b"30 100\r\n")


def test_the_end_of_input_reaches_a_terminal(machine) -> None:
    process, output = machine.popen(["cat"], terminal=(24, 80), has_input=True), bytearray()
    assert process.communicate(b"line\n", output.extend, timeout=LIMIT) == 0
    assert output == b"line\r\nline\r\n"


@pytest.fixture
def tree(tmp_path) -> Path:
    """A directory with one of everything."""
    top = tmp_path / "tree"
    (top / "dir/empty").mkdir(parents=True)
    (top / "dir/file").write_bytes(os.urandom(300_000))
    (top / "dir/file").chmod(0o4751)
    os.link(top / "dir/file", top / "zweiter")
    (top / "link").symlink_to("../../nowhere")
    (top / "none").touch()
    (top / "with space\né").write_text("x")
    os.chown(top / "none", 12, 34)
    for path in (top / "dir/file", top / "none", top / "dir"):
        os.utime(path, ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
    return top


def described(top: Path) -> dict[str, tuple]:
    found = {}
    for path in [top, *sorted(top.rglob("*"))]:
        about = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        when = 0 if path.is_symlink() else about.st_mtime_ns
        owner = (about.st_uid, about.st_gid)
        found[str(path.relative_to(top))] = (about.st_mode, owner, about.st_nlink, when, data)
    return found


def test_files_come_back_as_they_went_in(machine, tree, tmp_path) -> None:
    machine.copy_in(tree, "/root", archive=True)
    machine.copy_out("/root/tree", tmp_path / "back", archive=True)
    assert described(tmp_path / "back") == described(tree)
    assert (tmp_path / "back/link").readlink() == Path("../../nowhere")
    assert said(machine, "stat -c '%a %u:%g' /root/tree/dir/file /root/tree/none") == "4751 0:0\n644 12:34"


def test_holes_and_many_files_are_copied(machine, tmp_path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(1000):
        (many / f"{number:04}").touch()
    with (many / "hole").open("wb") as file:
        file.write(b"begin")
        file.seek(4 << 20)
        file.write(b"end")
    machine.copy_in(many, "/root")
    assert said(machine, "ls /root/many | wc -l") == "1001"
    size, blocks = map(int, said(machine, "stat -c '%s %b' /root/many/hole").split())
    assert size == (4 << 20) + 3
    assert blocks * 512 < 1 << 20
    machine.copy_out("/root/many", tmp_path / "back")
    assert len(list((tmp_path / "back").iterdir())) == 1001
    assert (tmp_path / "back/hole").read_bytes() == (many / "hole").read_bytes()
    assert (tmp_path / "back/hole").stat().st_blocks * 512 < 1 << 20
    machine.exec(["rm", "-r", "/root/many"], timeout=LIMIT)


def test_copies_follow_the_rules_of_docker(machine, tree, tmp_path) -> None:
    machine.exec(["mkdir", "-p", "/root/rules"], timeout=LIMIT)
    machine.copy_in(tree / "none", "/root/rules/renamed")
    machine.copy_in(tree / "none", "/root/rules")
    machine.copy_in(f"{tree}/dir/.", "/root/rules")
    assert (
        said(machine, "ls /root/rules; stat -c %u:%g /root/rules/none") == "empty\nfile\nnone\nrenamed\n0:0"
    )
    machine.copy_out("/root/rules/renamed", tmp_path)
    machine.copy_out("/root/rules/.", tmp_path / "contents")
    assert sorted(path.name for path in (tmp_path / "contents").iterdir()) == [
        "empty",
        "file",
        "none",
        "renamed",
    ]
    assert (tmp_path / "renamed").stat().st_uid == os.geteuid()
    with pytest.raises(ImageError, match="there is no file /nowhere/x"):
        machine.copy_in("/nowhere/x", "/root")
    with pytest.raises(HypervisorError, match="can't make /nowhere/x: No such file or directory"):
        machine.copy_in(tree / "none", "/nowhere/x")
    with pytest.raises(HypervisorError, match="can't find /nowhere: No such file or directory"):
        machine.copy_out("/nowhere", tmp_path / "x")
    with pytest.raises(ImageError, match="there is no directory"):
        machine.copy_out("/etc", tmp_path / "no/such")
    with pytest.raises(HypervisorError, match="can't replace /root/rules/empty: Is a directory"):
        (tmp_path / "empty").touch()
        machine.copy_in(tmp_path / "empty", "/root/rules")


def entry(kind: Kind, path: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<IIIIqQI", kind, 0o755, 0, 0, 0, len(data), len(path)) + path + data


@pytest.mark.parametrize("path", [b"../out", b"a/../../out", b"/out", b"link/out", b".", b"", b"a//b"])
def test_nothing_a_guest_sends_lands_elsewhere(tmp_path, path) -> None:
    (tmp_path / "elsewhere").mkdir()
    unpacker = Unpacker(tmp_path / "copy", archive=False)
    unpacker.feed(entry(Kind.DIRECTORY, b"") + entry(Kind.DIRECTORY, b"a"))
    unpacker.feed(entry(Kind.SYMBOLIC_LINK, b"link", str(tmp_path / "elsewhere").encode()))
    try:
        with pytest.raises((HypervisorError, OSError)):
            unpacker.feed(entry(Kind.FILE, path, b"data"))
    finally:
        unpacker.close()
    assert sorted(found.name for found in tmp_path.rglob("*")) == ["a", "copy", "elsewhere", "link"]
