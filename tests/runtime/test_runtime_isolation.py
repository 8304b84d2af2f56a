import os
import signal
from pathlib import Path

import pytest

from runtime import Bind, IdMapping, Namespace, Rlimit
from runtime.capabilities import DEFAULT, mask
from runtime.errors import EngineError
from runtime.mounts import MASKED
from runtime.spec import DEFAULT_NAMESPACES

SYSCALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    result = libc.syscall(*(ctypes.c_long(argument) for argument in arguments))
    return 0 if result >= 0 else ctypes.get_errno()
"""


def test_every_namespace_is_its_own(run):
    inside = run(
        "sh", "-c", "cd /proc/self/ns && for name in *; do echo $name $(readlink $name); done"
    ).output
    links = dict(line.split() for line in inside.splitlines())
    for kind in DEFAULT_NAMESPACES:
        assert links[kind.value] != str(Path(f"/proc/self/ns/{kind.value}").readlink()), kind
    assert links["user"] == str(Path("/proc/self/ns/user").readlink())


def test_nothing_of_the_hosts_tree_is_left(start):
    container = start("sleep", "60")
    inside = container.exec(("cat", "/proc/self/mountinfo")).stdout.decode().splitlines()
    assert container.exec(("cat", "/proc/1/mountinfo")).stdout.decode().splitlines() == inside
    from_outside = Path(f"/proc/{container.pid}/mountinfo").read_text().splitlines()
    # All but the roots of its control groups, which the namespace of these hides.
    assert [line.split()[4:] for line in from_outside] == [line.split()[4:] for line in inside]
    assert inside[0].split()[4] == "/"
    assert f" - overlay {container.id} " in inside[0]
    assert all(line.split()[4].startswith(("/proc", "/dev", "/sys")) for line in inside[1:])
    container.remove()


def test_time_namespace_where_asked(run):
    inside = run("readlink", "/proc/self/ns/time", namespaces=DEFAULT_NAMESPACES | {Namespace.TIME}).output
    assert inside.strip() != str(Path("/proc/self/ns/time").readlink())


@pytest.mark.parametrize("on_disk", [False, True])
def test_user_namespace_maps_root_to_an_ordinary_user(start, run, on_disk):
    fields = {
        "on_disk": on_disk,
        "namespaces": DEFAULT_NAMESPACES | {Namespace.USER},
        "mappings": (IdMapping(0, 200000, 65536),),
    }
    ended = run(
        "sh", "-c", "id -u; cat /proc/self/uid_map; echo x > /new; echo y > /dev/null; ls -ln /new", **fields
    )
    assert ended.output.split()[:4] == ["0", "0", "200000", "65536"]
    assert ended.status == 0
    container = start("sleep", "60", **fields)
    assert container.exec(("id", "-u")).stdout == b"0\n"
    uids = next(
        line for line in Path(f"/proc/{container.pid}/status").read_text().splitlines() if "Uid:" in line
    )
    assert uids.split()[1:] == ["200000"] * 4
    container.remove()


def test_a_container_of_another_user_is_joined_before_it_runs_its_command(start):
    for _ in range(20):
        container = start(
            "sleep",
            "60",
            namespaces=DEFAULT_NAMESPACES | {Namespace.USER},
            mappings=(IdMapping(0, 200000, 65536),),
        )
        container.await_complete()
        # Stopped before its command, in most cases.
        container.signal(signal.SIGSTOP)
        assert container.exec(("id", "-u")).stdout == b"0\n"
        container.remove()


def test_the_command_is_process_one_and_sees_no_other(run):
    assert run("sh", "-c", "echo $$ /proc/[0-9]*").output == "1 /proc/1\n"


def test_hostname_and_loopback(run):
    ended = run("sh", "-c", "hostname; ip link show lo; ls /sys/class/net", hostname="tested")
    assert ended.output.startswith("tested\n")
    assert "UP" in ended.output
    assert ended.output.split()[-1] == "lo"


def test_capabilities_are_exactly_dockers(run):
    status = dict(
        line.split(":\t") for line in run("cat", "/proc/self/status").output.splitlines() if ":\t" in line
    )
    for held in ("CapPrm", "CapEff", "CapBnd"):
        assert int(status[held], 16) == mask(DEFAULT)
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_another_user_has_no_capabilities(run):
    ended = run("sh", "-c", "id; grep -E 'Cap(Prm|Eff)' /proc/self/status", uid=1000, gid=1001, groups=(5,))
    assert "uid=1000 gid=1001 groups=5" in ended.output
    assert ended.output.count("0000000000000000") == 2


@pytest.mark.parametrize(
    ("call", "errno"),
    [
        ("250, 0, 0", 1),  # keyctl
        ("165, 0, 0, 0, 0, 0", 1),  # mount
        ("272, 0x10000000", 1),  # unshare(CLONE_NEWUSER)
        ("56, 0x10000011, 0, 0, 0, 0", 1),  # clone(CLONE_NEWUSER)
        ("41, 40, 1, 0", 1),  # socket(AF_VSOCK)
        ("425, 1, 0", 1),  # io_uring_setup
        ("435, 0, 0", 38),  # clone3
        ("1000", 38),
        ("39", 0),  # getpid
        ("135, 0xffffffff", 0),  # personality
    ],
)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers of x86_64")
def test_seccomp_verdicts(run_python, call, errno):
    assert run_python(f"{SYSCALL}\nprint(call({call}))").output == f"{errno}\n"


def test_seccomp_can_be_left_out_and_comes_without_no_new_privileges_too(run):
    show = ("grep", "-E", "^(Seccomp|NoNewPrivs):", "/proc/self/status")
    assert run(*show, seccomp=False).output.split() == ["NoNewPrivs:", "1", "Seccomp:", "0"]
    assert run(*show, no_new_privileges=False).output.split() == ["NoNewPrivs:", "0", "Seccomp:", "2"]


def test_masked_and_read_only_paths(run):
    present = [path for path in MASKED if Path(path).exists()]
    files = [path for path in present if Path(path).is_file()]
    directories = [path for path in present if Path(path).is_dir()]
    assert files
    assert directories
    assert run("cat", *files).output == ""
    assert run("ls", "-A", directories[0]).output == ""
    ended = run("sh", "-c", "echo 1 > /proc/sys/kernel/printk; echo 1 > /sys/kernel/mm/ksm/run")
    assert ended.output.count("Read-only file system") == 2


def test_devices_are_limited_to_the_known_ones(run):
    code = "mknod /disk b 254 0 && cat /disk; mknod /mem c 1 1 && cat /mem; head -c 4 /dev/zero | wc -c"
    assert run("sh", "-c", code).output.splitlines() == [
        "cat: can't open '/disk': Operation not permitted",
        "cat: can't open '/mem': Operation not permitted",
        "4",
    ]


def test_standard_devices(run):
    ended = run(
        "sh",
        "-c",
        "cd /dev && ls -d null zero full random urandom tty fd stdin stdout stderr ptmx pts/ptmx shm mqueue",
    )
    assert ended.status == 0


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_is_written_leaves_the_image_unchanged(run, image, on_disk):
    before = sorted(str(path) for path in image.rglob("*"))
    ended = run(
        "sh", "-c", "echo new > /etc/hosts && rm -r /www && touch /file && cat /etc/hosts", on_disk=on_disk
    )
    assert ended.output == "new\n"
    assert sorted(str(path) for path in image.rglob("*")) == before
    assert (image / "etc/hosts").read_text() == "127.0.0.1 localhost\n"


def test_read_only_root(run):
    ended = run("sh", "-c", "touch /x; touch /dev/shm/x && pwd", read_only=True, cwd="/made/for/it")
    assert ended.output == "touch: /x: Read-only file system\n/made/for/it\n"


def test_binds(run, tmp_path):
    (tmp_path / "file").write_text("host\n")
    (tmp_path / "directory").mkdir()
    binds = (
        Bind(tmp_path / "file", "/deep/in/file", read_only=True),
        Bind(tmp_path / "directory", "/share"),
    )
    ended = run(
        "sh", "-c", "cat /deep/in/file; echo x > /deep/in/file; echo back > /share/answer", binds=binds
    )
    assert ended.output == "host\nsh: can't create /deep/in/file: Read-only file system\n"
    assert (tmp_path / "directory/answer").read_text() == "back\n"


def test_rlimits(run):
    assert run("sh", "-c", "ulimit -n", rlimits=(Rlimit(7, 123, 123),)).output == "123\n"


def test_no_descriptor_of_the_engine_reaches_the_command(run):
    assert run("ls", "/proc/self/fd").output.split() == ["0", "1", "2", "3"]


@pytest.fixture
def hostile(image, tmp_path) -> Path:
    """An image whose directories can be replaced by links."""
    root = tmp_path / "hostile"
    root.mkdir()
    for path in image.iterdir():
        if path.name in ("proc", "sys", "dev", "etc"):
            (root / path.name).mkdir()
        elif path.is_symlink():
            (root / path.name).symlink_to(path.readlink())
    (root / "usr").symlink_to("/bin")
    (root / "bin").mkdir()
    for applet in ("busybox", "sh", "cat", "ls"):
        os.link(image / "bin/busybox", root / "bin" / applet)
    return root


@pytest.mark.parametrize("name", ["proc", "sys", "dev"])
@pytest.mark.parametrize("target", ["/etc", "../../../../etc"])
def test_a_link_in_place_of_a_mount_point_is_refused(run, hostile, name, target):
    (hostile / name).rmdir()
    (hostile / name).symlink_to(target)
    with pytest.raises(EngineError, match="symbolic link"):
        run("cat", "/etc/passwd", rootfs=hostile)
    assert Path("/etc/passwd").read_text().startswith("root:")


def test_a_bind_through_a_hostile_link_stays_inside(run, hostile, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "given").write_text("given\n")
    (hostile / "way").symlink_to(outside)
    (hostile / "up").symlink_to("../../../../../../" + str(outside))
    binds = (Bind(tmp_path / "given", "/way/file"), Bind(tmp_path / "given", "/up/file"))
    with pytest.raises(EngineError, match="bind"):
        run("cat", "/way/file", rootfs=hostile, binds=binds)
    assert list(outside.iterdir()) == []
