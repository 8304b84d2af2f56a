"""Images and volumes that bend the places of mounts, so as to have them made on the host or over /proc.

`decoy` stands for a directory of the host: nothing may be made in it, and nothing mounted.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from oci_bundle import Bundle, mounts_below
from oci_escapes import compile_helper, grant

RACES = 15


@pytest.fixture
def root(bundle) -> Path:
    return bundle.own_root()


@pytest.fixture
def decoy(tmp_path) -> Iterator[Path]:
    path = tmp_path / "decoy"
    path.mkdir()
    (path / "secret").write_text("secret\n")
    yield path
    assert [entry.name for entry in path.iterdir()] == ["secret"]
    assert (path / "secret").read_text() == "secret\n"
    assert mounts_below(path) == []


def climb(path: Path) -> str:
    """A relative path to a file of the host, from wherever it is taken."""
    return "../" * 30 + str(path)[1:]


def place(root: Path, target: Path, kind: str) -> None:
    """Make /place of the image lead out of it, for who follows links as the host sees them."""
    link = root / "place"
    match kind:
        case "absolute":
            link.symlink_to(target)
        case "relative":
            link.symlink_to(climb(target))
        case "chain":
            (root / "first").symlink_to("second")
            (root / "second").symlink_to(climb(target))
            link.symlink_to("first")
        case "parent":
            (root / "parent").symlink_to(climb(target.parent))
            link.symlink_to(f"parent/{target.name}")
        case "magic":
            link.symlink_to(f"/proc/self/root{target}")
    assert link.exists() == target.exists(), "it leads nowhere, so it is no attack"


@pytest.mark.parametrize("below", ["", "/new/er"])
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "parent", "magic"])
def test_mount_stays_in_the_root(oci, bundle, root, decoy, kind, below):
    """CVE-2021-30465, CVE-2024-45310: a place that is a symbolic link is mounted at inside, or not at all."""
    place(root, decoy, kind)
    share = bundle.share()
    bundle.mount(f"/place{below}", "tmpfs", "tmpfs")
    bundle.mount(f"/place{below}/volume", "none", str(share), "bind")
    bundle.shell("grep /volume /proc/self/mountinfo > /mnt/seen; ls /place/")
    bundle.mount(f"/place{below}/file", "none", str(decoy / "secret"), "bind", "ro")
    ended = oci.execute(bundle)
    assert "secret" not in ended.stdout
    assert ended.returncode != 0 or "/volume" in (share / "seen").read_text()


@pytest.mark.parametrize("kind", ["absolute", "relative"])
def test_dangling_place_makes_nothing_on_the_host(oci, bundle, root, decoy, kind):
    """CVE-2024-45310: neither a directory nor a file is made where a dangling link leads."""
    place(root, decoy / "made", kind)
    for target in ("/place", "/place/below"):
        bundle.config["mounts"] = bundle.config["mounts"][:5]
        bundle.mount(target, "tmpfs", "tmpfs")
        oci.execute(bundle)
        bundle.config["mounts"][-1] = {
            "destination": target,
            "type": "bind",
            "source": str(decoy / "secret"),
            "options": ["bind", "ro"],
        }
        oci.execute(bundle)


def test_place_exchanged_meanwhile_stays_in_the_root(oci, bundle, decoy, tmp_path):
    """CVE-2021-30465: who shares a volume exchanges a directory and a link all the time."""
    helper = compile_helper(tmp_path)
    share = bundle.share()
    (share / "place").mkdir()
    (share / "link").symlink_to(climb(decoy))
    bundle.mount("/mnt/place/volume", "none", str(share), "bind")
    bundle.mount("/mnt/place/new/file", "none", str(decoy / "secret"), "bind", "ro")
    bundle.shell("cat /mnt/place/secret; true")
    racing = [helper, "exchange", share / "place", share / "link"]
    with subprocess.Popen(racing, stdout=subprocess.PIPE) as racer:
        assert racer.stdout.readline() == b"ready\n"
        ended = [oci.execute(bundle) for _ in range(RACES)]
        racer.kill()
    assert all("secret\n" not in each.stdout.splitlines(keepends=True) for each in ended)
    assert any(each.returncode == 0 for each in ended)
    assert all("unavailable" not in each.stderr for each in ended)
    assert all("Traceback" not in each.stderr for each in ended)


@pytest.mark.parametrize("destination", ["/dev", "dev", "//dev/"])
def test_nothing_is_made_in_the_hosts_devices(oci, bundle, decoy, destination):
    """config-linux.md, Devices: nothing is made in a /dev that is shown from the host."""
    for target in ("/dev", "/dev/pts", "/dev/shm"):
        bundle.unmount(target)
    bundle.mount(destination, "none", str(decoy), "bind")
    bundle.linux["devices"] = [{"path": "/dev/made", "type": "c", "major": 1, "minor": 3}]
    assert oci.inside(bundle, "ls /dev") == "secret\n"


def test_files_of_lxcfs_are_mounted_in_proc(oci, bundle, decoy):
    """CVE-2019-16884: what is refused inside /proc isn't more than has to be."""
    bundle.mount("/proc/uptime", "none", str(decoy / "secret"), "bind", "ro")
    assert oci.inside(bundle, "cat /proc/uptime") == "secret\n"


@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_kernel_filesystem_is_mounted_nowhere_else(oci, bundle, root, name, kind):
    """CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: an image's /proc and /sys are directories."""
    (root / name).rmdir()
    (root / "fake").mkdir()
    if kind == "file":
        (root / name).touch()
    else:
        (root / name).symlink_to("/fake" if kind == "link" else "/nowhere")
    oci.refuses(bundle)
    assert not (root / "nowhere").exists()


@pytest.mark.parametrize("target", ["/proc/", "//proc/.", "/tmp/../proc", "/link"])
@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_nothing_covers_proc(oci, bundle, root, target, kind):
    """CVE-2019-16884, CVE-2019-19921: a volume is no /proc, by whatever name it gets there."""
    (root / "link").symlink_to("/proc")
    (bundle.share() / "self/attr").mkdir(parents=True)
    bundle.mount(target, kind, str(bundle.share()), *(["bind"] if kind == "bind" else []))
    oci.refuses(bundle)


@pytest.mark.parametrize(
    "target", ["/proc/sys", "/proc/self/attr", "/proc/1/attr/exec", "/link/sys", "/uptime"]
)
def test_nothing_is_mounted_inside_proc(oci, bundle, root, target):
    """CVE-2019-16884, CVE-2023-28642: nor is it a part of /proc, but for the files that lxcfs shows."""
    (root / "link").symlink_to("/proc")
    (root / "uptime").symlink_to("/proc/uptime")
    source = bundle.share() / "file"
    source.touch()
    is_directory = target in ("/proc/sys", "/proc/self/attr", "/link/sys")
    bundle.mount(target, "none", str(bundle.share() if is_directory else source), "bind")
    oci.refuses(bundle)


@pytest.mark.parametrize("through", ["/secret", "/link/secret"])
def test_masked_path_is_masked_over_what_a_volume_put_there(oci, bundle, root, decoy, through):
    """CVE-2019-16884: paths are masked last, where they lead to inside, and volumes are covered too."""
    (root / "link").symlink_to("/directory")
    (root / "directory").mkdir()
    bundle.mount("/directory/secret", "none", str(decoy / "secret"), "bind", "ro")
    bundle.mount("/secret", "none", str(decoy / "secret"), "bind", "ro")
    bundle.linux["maskedPaths"] = [through, "/link/secret", "/secret"]
    assert oci.inside(bundle, "cat /secret /directory/secret") == ""


@pytest.mark.parametrize("kind", ["link", "file", "device", "copied"])
def test_mask_is_no_file_of_the_image(oci, bundle, root, kind):
    """CVE-2025-31133: what covers a masked path is the null device, not what the image has at /dev/null."""
    null = root / "dev/null"
    (root / "masked").write_text("to be masked\n")
    match kind:
        case "link" | "copied":
            null.symlink_to("/proc/sys/kernel/core_pattern")
        case "file":
            null.write_text("fake\n")
        case "device":
            os.mknod(null, 0o20666, os.makedev(1, 5))
    if kind == "copied":
        next(it for it in bundle.config["mounts"] if it["destination"] == "/dev")["options"] += ["tmpcopyup"]
    else:
        for target in ("/dev", "/dev/pts", "/dev/shm"):
            bundle.unmount(target)
    bundle.linux["maskedPaths"] = ["/masked", "/proc/sysrq-trigger"]
    bundle.config["root"]["readonly"] = False
    oci.refuses(bundle)


def test_read_only_path_is_where_the_link_leads_inside(oci, bundle, root, decoy):
    """CVE-2025-31133, its readonlyPaths: a link is followed inside the root."""
    (root / "data").mkdir()
    (root / "link").symlink_to("../../../data")
    place(root, decoy, "absolute")
    bundle.config["root"]["readonly"] = False
    bundle.linux["readonlyPaths"] = ["/link", "/place"]
    assert oci.inside(bundle, "echo x > /data/new || echo refused").endswith("refused\n")
    (decoy / "secret").write_text("secret\n")


@pytest.mark.parametrize("kind", ["link", "magic", "fifo", "terminal"])
def test_terminal_is_of_the_containers_own_devpts(oci, bundle, root, console, kind, tmp_path):
    """CVE-2025-52565: a /dev/pts/ptmx that is something else is neither used nor waited for."""
    for target in ("/dev", "/dev/pts", "/dev/shm"):
        bundle.unmount(target)
    (root / "dev/pts").mkdir(exist_ok=True)
    fake(root / "dev/pts/ptmx", kind)
    bundle.process["terminal"] = True
    bundle.config["root"]["readonly"] = False
    assert oci.fails(*creation(oci, bundle, console))


@pytest.mark.parametrize("kind", ["link", "dangling"])
def test_console_is_at_its_own_place(oci, bundle, root, console, kind):
    """CVE-2025-52565: a /dev/console that is a link doesn't lead the terminal over a part of /proc."""
    bundle.unmount("/dev")
    (root / "dev/console").unlink(missing_ok=True)
    (root / "dev/console").symlink_to("/proc/sysrq-trigger" if kind == "link" else "/made")
    bundle.process["terminal"] = True
    bundle.config["root"]["readonly"] = False
    assert oci.fails(*creation(oci, bundle, console))
    assert not (root / "made").exists()


def creation(oci, bundle: Bundle, console) -> list[str]:
    return ["create", "--console-socket", console.path, "--bundle", str(bundle.write()), oci.name]


def fake(path: Path, kind: str) -> None:
    match kind:
        case "link":
            path.symlink_to("/dev/zero")
        case "magic":
            path.symlink_to("/proc/self/fd/0")
        case "fifo":
            os.mkfifo(path)
        case "terminal":
            os.mknod(path, 0o20666, os.makedev(5, 2))


@pytest.mark.parametrize(
    "script",
    [
        "mkfifo /tmp/ptmx; mount --bind /tmp/ptmx /dev/pts/ptmx",
        "mount --bind /dev/zero /dev/pts/ptmx",
        "mount -t tmpfs fake /dev/pts; mkfifo /dev/pts/ptmx",
        "mount -t tmpfs fake /dev/pts; ln -s /dev/zero /dev/pts/ptmx",
        "umount /dev/pts; rmdir /dev/pts; ln -s /proc/self/fd /dev/pts",
    ],
)
def test_terminal_of_an_exec_is_a_genuine_one(oci, bundle, script):
    """CVE-2025-52565: nor is one used that a running container has covered."""
    grant(bundle, "CAP_SYS_ADMIN")
    bundle.mount("/tmp", "tmpfs", "tmpfs")
    oci.running(bundle, script=f"set -e; {script}; echo ready; exec sleep 1000")
    oci.fails("exec", "--tty", oci.name, "true")
    assert oci.ok("exec", oci.name, "echo", "alive") == "alive\n"


@pytest.fixture
def impostor(oci, bundle) -> Path:
    """A running container that has covered its /proc with a directory of the share; that on the host."""
    grant(bundle, "CAP_SYS_ADMIN")
    share = bundle.share()
    for name in ("self/attr/exec", "self/oom_score_adj", "thread-self/attr/exec", "sys/kernel/domainname"):
        (share / name).parent.mkdir(parents=True, exist_ok=True)
        (share / name).write_text("untouched")
    oci.running(bundle, script="mount --bind /mnt /proc && echo ready; exec sleep 1000")
    return share


def untouched(share: Path) -> bool:
    return all(file.read_text() == "untouched" for file in share.rglob("*") if file.is_file())


def test_exec_writes_to_no_fake_proc(oci, impostor, bundle):
    """CVE-2019-16884, CVE-2025-52881: what an exec writes to /proc isn't redirected by what covers it."""
    process = bundle.process | {"args": ["true"], "oomScoreAdj": 500}
    path = bundle.path / "process.json"
    path.write_text(json.dumps(process))
    oci.ok("exec", "--process", str(path), oci.name)
    assert untouched(impostor)


def test_container_in_the_mounts_of_another_writes_to_no_fake_proc(oci, impostor, bundle, bundles):
    """CVE-2025-52881: nor what a container writes that joins the mount namespace of another."""
    other = bundles("other")
    other.namespace("mount", f"/proc/{oci.pid()}/ns/mnt")
    other.process["oomScoreAdj"] = 500
    other.config["domainname"] = "redirected"
    oci.execute(other, name=f"{oci.name}-other")
    assert untouched(impostor)


@pytest.mark.parametrize("kind", ["link", "file", "directory"])
def test_create_writes_to_no_fake_proc(oci, bundle, root, kind):
    """CVE-2025-52881: nor what `create` writes, for an image with a /proc of its own."""
    bundle.unmount("/proc")
    bundle.process["oomScoreAdj"] = 500
    bundle.config["domainname"] = "redirected"
    fakes = root / "fake"
    if kind == "link":
        (root / "proc").rmdir()
        (root / "proc").symlink_to("/fake")
    else:
        fakes = root / "proc"
    for name in ("self/oom_score_adj", "sys/kernel/domainname"):
        (fakes / name).parent.mkdir(parents=True)
        (fakes / name).write_text("untouched")
    oci.execute(bundle)
    assert untouched(fakes)
