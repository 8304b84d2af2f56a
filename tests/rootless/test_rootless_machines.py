"""Machines of an ordinary user: their files are whose the image says, as in root's machines."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from image.layer_archive import diff_id, layer, member
from registry.registry_server import serve
from rootless_user import User, ordinary

APPLETS = ("cat", "hostname", "sh", "stat")
CAPABILITY = {"SCHILY.xattr.security.capability": "\x01\0\0\x02\0\x20" + "\0" * 14}
PROGRAM = """
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>
int main(void) {
    printf("%d %d %zd\\n", getuid(), geteuid(), getxattr("/bin/capable", "security.capability", 0, 0));
}
"""
LOOK = "stat -c '%n %a %u:%g %F' /srv '/srv/a file' /srv/link /srv/sealed /srv/sealed/secret /bin/who /added"
FOUND = """\
/srv 750 33:34 directory
/srv/a file 640 33:1000 regular empty file
/srv/link 777 1000:1000 symbolic link
/srv/sealed 0 1000:1000 directory
/srv/sealed/secret 400 60000:60001 regular file
/bin/who 4755 0:0 regular file
/added 644 12:13 regular empty file
the secret
"""
DISKS = [("vm-micro", "ext4"), ("vm-q35", "ext4"), ("vm-q35", "squashfs"), ("vm-q35", "erofs")]


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> bytes:
    """`owned:1` as docker saves it: files of several users, a set-user-ID program, a device, two layers."""
    program = tmp_path_factory.mktemp("program") / "who"
    subprocess.run(["gcc", "-static", "-o", program, "-x", "c", "-"], input=PROGRAM, text=True, check=True)
    busybox = Path(shutil.which("busybox") or "/bin/busybox")
    first = layer(
        member("bin/", "dir"),
        member("bin/busybox", data=busybox.read_bytes(), mode=0o755),
        *(member(f"bin/{name}", "symlink", linkname="busybox") for name in APPLETS),
        member("bin/who", data=program.read_bytes(), mode=0o4755),
        member("bin/capable", mode=0o755, pax_headers=CAPABILITY),
        member("srv/", "dir", uid=33, gid=34, mode=0o750),
        member("srv/a file", uid=33, gid=1000, mode=0o640),
        member("srv/link", "symlink", linkname="a file", uid=1000, gid=1000),
        member("srv/sealed/", "dir", uid=1000, gid=1000, mode=0),
        member("srv/sealed/secret", data=b"the secret\n", uid=60_000, gid=60_001, mode=0o400),
        member("jail/", "dir"),
        member("jail/null", "char", mode=0o666, gid=5, devmajor=1, devminor=3),
        member("added", uid=7, gid=7),
    )
    second = layer(member("added", uid=12, gid=13))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id(first), diff_id(second)]},
    }
    manifest = [{"Config": "c.json", "RepoTags": ["owned:1"], "Layers": ["1.tar", "2.tar"]}]
    files = {
        "manifest.json": json.dumps(manifest).encode(),
        "c.json": json.dumps(config).encode(),
        "1.tar": first,
        "2.tar": second,
    }
    return layer(*(member(name, data=data) for name, data in files.items()))


def load(user: User, archive: bytes) -> None:
    place = user.home / "owned.tar"
    place.write_bytes(archive)
    place.chmod(0o644)
    user.ok("load", "--input", str(place))


@pytest.fixture(scope="module")
def owned(user, archive) -> User:
    load(user, archive)
    return user


@pytest.fixture(scope="module")
def unmapped(archive) -> Iterator[User]:
    """A user to whom all files are their own, as there are no subordinate ids."""
    with ordinary(ranges=False) as one:
        load(one, archive)
        yield one


def said(user: User, *words: str) -> str:
    done = user.run("tarevm", "run", *words, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("profile", "filesystem"), DISKS)
def test_owners_modes_devices_and_capabilities_are_the_images(owned, profile, filesystem) -> None:
    script = f"{LOOK}; cat /srv/sealed/secret; stat -c '%n %a %u:%g %t,%T' /jail/null; /bin/who"
    words = ("--profile", profile, "--filesystem", filesystem, "owned:1", "sh", "-c", script)
    # An archive in cpio's format has no extended attributes.
    size = -1 if profile == "vm-micro" else 20
    assert said(owned, *words) == f"{FOUND}/jail/null 666 0:5 1,3\n0 0 {size}\n"


def test_a_program_of_roots_makes_a_user_root(owned) -> None:
    assert said(owned, "-u", "1000:1000", "owned:1", "who").split()[:2] == ["1000", "0"]


def test_containers_have_the_same_owners_before_and_after(owned) -> None:
    container = ("run", "--rm", "--network", "none", "owned:1", "sh", "-c", LOOK)
    before = owned.ok(*container)
    assert f"{before}\nthe secret\n" == FOUND
    assert owned.run("tarevm", "build", "owned:1", timeout=120).returncode == 0
    assert owned.ok(*container) == before


def test_subordinate_ids_are_not_needed(unmapped) -> None:
    words = ("--profile", "vm-q35", "owned:1", "sh", "-c", f"{LOOK}; cat /srv/sealed/secret")
    assert said(unmapped, *words) == FOUND


def test_what_was_unpacked_for_machines_goes_with_the_image(unmapped) -> None:
    assert unmapped.run("tarevm", "build", "owned:1", timeout=120).returncode == 0
    kept = unmapped.data / "cache/rootfs"
    assert [path.name.partition("-")[2] for path in kept.glob("[!.]*")] == ["unprivileged"]
    unmapped.ok("rmi", "owned:1")
    unmapped.ok("system", "prune", "--force")
    assert list(kept.glob("[!.]*")) == []


def test_a_machine_pulls_its_image(owned, tmp_path) -> None:
    with serve(tmp_path / "registry") as host:
        name = f"{host}/owned:1"
        owned.ok("tag", "owned:1", name)
        owned.ok("push", name)
        owned.ok("rmi", name, "owned:1")
        done = owned.run("tarevm", "run", name, "sh", "-c", LOOK, timeout=120)
        assert (done.returncode, done.stderr) == (0, f"pulling {name}\n")
        assert f"{done.stdout}the secret\n" == FOUND
        contained = owned.ok("run", "--rm", "--network", "none", name, "sh", "-c", LOOK)
        assert f"{contained}\n" == done.stdout
