"""What config.md asks of mounts: their order, places, sources and the option strings a runtime implements."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from oci_bundle import mounts_below

# Option -> what mountinfo of the container then shows ("" for nothing), and what it doesn't ("" for nothing).
OPTIONS = {
    "async": ("", "sync"),
    "atime": ("", "noatime"),
    "defaults": ("rw", ""),
    "dev": ("", "nodev"),
    "diratime": ("", "nodiratime"),
    "dirsync": ("dirsync", ""),
    "exec": ("", "noexec"),
    "iversion": ("", ""),
    "lazytime": ("lazytime", ""),
    "loud": ("", ""),
    "noatime": ("noatime", ""),
    "nodev": ("nodev", ""),
    "nodiratime": ("nodiratime", ""),
    "noexec": ("noexec", ""),
    "noiversion": ("", ""),
    "nolazytime": ("", "lazytime"),
    "norelatime": ("", ""),
    "nostrictatime": ("", ""),
    "nosuid": ("nosuid", ""),
    "relatime": ("relatime", ""),
    "ro": ("ro", "rw"),
    "rw": ("rw", "ro"),
    "silent": ("", ""),
    "strictatime": ("", "relatime"),
    "suid": ("", "nosuid"),
    "sync": ("sync", ""),
}
PROPAGATION = {"private": "-", "shared": "shared:", "slave": "master:", "unbindable": "unbindable"}
SHOULD = ["nosymfollow", "symfollow", "mand", "nomand", "tmpcopyup"]
RECURSIVE = {"rro": "ro", "rnosuid": "nosuid", "rnodev": "nodev", "rnoexec": "noexec", "rnoatime": "noatime"}


@pytest.fixture
def shared(bundle) -> Iterator[Path]:
    """A host mount that is shared, with a mount below it."""
    place = bundle.write() / "shared"
    place.mkdir()
    run("mount", "-t", "tmpfs", "tmpfs", str(place))
    run("mount", "--make-shared", str(place))
    try:
        (place / "below").mkdir()
        run("mount", "-t", "tmpfs", "tmpfs", str(place / "below"))
        yield place
    finally:
        run("umount", "--recursive", str(place))


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def mountinfo(oci, bundle, place: str) -> list[str]:
    """The fields of the last mount at a place inside, all options in one; see proc_pid_mountinfo(5)."""
    lines = oci.inside(bundle, "cat /proc/self/mountinfo").splitlines()
    return next(line for line in reversed(lines) if line.split()[4] == place).split()


def options(fields: list[str]) -> set[str]:
    return {*fields[5].split(","), *fields[-1].split(",")}


@pytest.mark.parametrize("option", OPTIONS)
def test_mount_option_is_implemented(oci, bundle, option):
    """Linux mount options: those of the table that a runtime has to implement do what mount(8) says."""
    bundle.mount("/tmp", "tmpfs", "tmpfs", option)
    fields = mountinfo(oci, bundle, "/tmp")
    present, absent = OPTIONS[option]
    assert not present or present in options(fields)
    attributes = {*fields[5].split(",")} if option in ("ro", "rw") else options(fields)
    assert not absent or absent not in attributes
    assert option not in ("dev", "exec", "suid", "loud", "defaults") or option not in options(fields)


@pytest.mark.parametrize(
    ("before", "option", "gone"),
    [
        ("nodev", "dev", "nodev"),
        ("noexec", "exec", "noexec"),
        ("nosuid", "suid", "nosuid"),
        ("noatime", "atime", "noatime"),
        ("nodiratime", "diratime", "nodiratime"),
        ("sync", "async", "sync"),
        ("lazytime", "nolazytime", "lazytime"),
        ("ro", "rw", "ro"),
    ],
)
def test_mount_option_undoes_its_opposite(oci, bundle, before, option, gone):
    """Linux mount options: an option is the opposite of its counterpart, the later one wins."""
    bundle.mount("/tmp", "tmpfs", "tmpfs", before, option)
    assert gone not in options(mountinfo(oci, bundle, "/tmp"))


@pytest.mark.parametrize("option", SHOULD)
def test_further_mount_option_is_accepted(oci, bundle, option):
    """Linux mount options: SHOULD and MAY of the table that this runtime names in its features."""
    bundle.mount("/tmp", "tmpfs", "tmpfs", option)
    oci.inside(bundle)


def test_bind_is_one_mount(oci, bundle, shared):
    """Linux mount options: bind makes a bind mount, without what is mounted below the source."""
    (shared / "below/deep").touch()
    bundle.mount("/mnt", "none", str(shared), "bind")
    assert oci.inside(bundle, "ls /mnt /mnt/below") == "/mnt:\nbelow\n\n/mnt/below:\n"


def test_rbind_is_recursive(oci, bundle, shared):
    """Linux mount options: rbind makes a bind mount with all that is mounted below the source."""
    (shared / "below/deep").touch()
    bundle.mount("/mnt", "none", str(shared), "rbind")
    assert oci.inside(bundle, "ls /mnt/below") == "deep\n"


@pytest.mark.parametrize("kind", ["", None, "bind", "none", "ext4"])
def test_type_of_a_bind_mount_is_a_dummy(oci, bundle, kind):
    """Mounts: a mount is a bind mount if it has bind or rbind among its options, whatever its type."""
    share = bundle.share()
    (share / "file").write_text("here\n")
    entry = bundle.config["mounts"][-1]
    if kind is None:
        del entry["type"]
    else:
        entry["type"] = kind
    assert oci.inside(bundle, "cat /mnt/file") == "here\n"


def test_bind_mount_of_a_file(oci, bundle):
    """Mounts: source is a file or a directory name for bind mounts."""
    file = bundle.write() / "file"
    file.write_text("here\n")
    bundle.mount("/etc/hosts", "none", str(file), "bind", "ro")
    assert oci.inside(bundle, "cat /etc/hosts; echo x > /etc/hosts || echo refused").startswith("here\n")
    assert file.read_text() == "here\n"


def test_relative_source_of_a_bind_mount_is_relative_to_the_bundle(oci, bundle):
    """Mounts: path values for bind mounts are absolute or relative to the bundle."""
    (bundle.share() / "file").write_text("here\n")
    bundle.config["mounts"][-1]["source"] = "share"
    assert oci.inside(bundle, "cat /mnt/file", cwd="/") == "here\n"


def test_relative_destination_is_relative_to_the_root(oci, bundle):
    """Mounts: a relative destination is interpreted as relative to /."""
    bundle.process["cwd"] = "/usr"
    bundle.mount("tmp", "tmpfs", "tmpfs", "size=123k")
    assert "size=124k" in options(mountinfo(oci, bundle, "/tmp"))


def test_destination_is_required(oci, bundle):
    """Mounts: destination is required."""
    bundle.config["mounts"].append({"type": "tmpfs", "source": "tmpfs"})
    oci.refuses(bundle)


def test_mounts_are_made_in_the_listed_order(oci, bundle):
    """Mounts: entries are mounted in the order in which they are listed."""
    for size in ("1024k", "2048k", "3072k"):
        bundle.mount("/tmp", "tmpfs", "tmpfs", f"size={size}")
    assert "size=3072k" in options(mountinfo(oci, bundle, "/tmp"))


def test_mount_below_a_mount_is_seen_and_one_above_hides_it(oci, bundle):
    """Mounts: the order decides which of nested mounts is seen."""
    share = bundle.share()
    (share / "file").touch()
    bundle.mount("/tmp", "tmpfs", "tmpfs")
    bundle.mount("/tmp/deep/er", "none", str(share), "bind")
    assert oci.inside(bundle, "ls /tmp/deep/er") == "file\n"
    bundle.mount("/tmp", "tmpfs", "tmpfs")
    assert oci.inside(bundle, "ls /tmp") == ""


def test_missing_destination_is_made(oci, bundle):
    """Mounts: each entry has to be mounted, so a missing destination is made in a writable root."""
    root = bundle.own_root()
    bundle.mount("/new/place", "tmpfs", "tmpfs")
    assert oci.inside(bundle, "grep -c ' /new/place ' /proc/self/mountinfo") == "1\n"
    assert (root / "new/place").is_dir()


def test_remount_changes_a_mount(oci, bundle):
    """Linux mount options: remount changes the options of what is mounted already."""
    bundle.mount("/tmp", "tmpfs", "tmpfs", "rw")
    bundle.mount("/tmp", "tmpfs", "tmpfs", "remount", "ro")
    assert "ro" in options(mountinfo(oci, bundle, "/tmp"))
    assert oci.inside(bundle, "grep -c ' /tmp ' /proc/self/mountinfo") == "1\n"


@pytest.mark.parametrize("option", ["ro", "nosuid", "nodev", "noexec", "noatime"])
def test_option_of_a_bind_mount_is_its_own(oci, bundle, option):
    """Linux mount options: options apply to bind mounts, and not to their source on the host."""
    share = bundle.share()
    bundle.config["mounts"][-1]["options"] = ["bind", option]
    assert option in options(mountinfo(oci, bundle, "/mnt"))
    assert mounts_below(bundle.path) == []
    (share / "file").touch()


@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize("kind", PROPAGATION)
def test_propagation_option_is_implemented(oci, bundle, shared, kind, recursive):
    """Linux mount options: the propagation of bind mounts, those below included with the r variants."""
    bundle.mount("/mnt", "none", str(shared), "rbind", ("r" if recursive else "") + kind)
    lines = oci.inside(bundle, "cat /proc/self/mountinfo").splitlines()
    fields = {line.split()[4]: line.split()[6:] for line in lines}
    assert fields["/mnt"][0].startswith(PROPAGATION[kind])
    if recursive:
        assert fields["/mnt/below"][0].startswith(PROPAGATION[kind])


def test_mount_below_a_slave_comes_from_the_host_and_doesnt_go_back(oci, bundle, shared):
    """Linux mount options: slave receives the host's mounts, and the host doesn't receive the container's."""
    bundle.mount("/mnt", "none", str(shared), "rbind", "rslave")
    for kind in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][kind].append("CAP_SYS_ADMIN")
    (shared / "late").mkdir()
    pid = oci.running(bundle, script="mount -t tmpfs inner /mnt/below && echo ready; exec sleep 1000")
    run("mount", "-t", "tmpfs", "outer", str(shared / "late"))
    inside = Path(f"/proc/{pid}/mountinfo").read_text()
    assert " /mnt/late " in inside
    assert " inner " in inside
    assert " inner " not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize("option", RECURSIVE)
def test_recursive_option_applies_to_what_is_below(oci, bundle, shared, option):
    """Linux mount options: recursive options apply to all mounts of an rbind."""
    bundle.mount("/mnt", "none", str(shared), "rbind", option)
    lines = oci.inside(bundle, "cat /proc/self/mountinfo").splitlines()
    seen = {line.split()[4]: line.split()[5].split(",") for line in lines}
    assert RECURSIVE[option] in seen["/mnt"]
    assert RECURSIVE[option] in seen["/mnt/below"]


def test_data_is_given_to_the_filesystem(oci, bundle):
    """Linux mount options: options that aren't of the table are the filesystem's own."""
    bundle.mount("/tmp", "tmpfs", "tmpfs", "size=64k", "mode=1711", "nr_inodes=100")
    assert {"size=64k", "mode=1711", "nr_inodes=100"} <= options(mountinfo(oci, bundle, "/tmp"))


def test_option_the_filesystem_doesnt_know_is_an_error(oci, bundle):
    """Create: a property that can't be applied is an error."""
    bundle.mount("/tmp", "tmpfs", "tmpfs", "nosuchoption=1")
    oci.refuses(bundle)


def test_tmpcopyup_copies_the_contents(oci, bundle):
    """Linux mount options: tmpcopyup copies what is in the place into the tmpfs."""
    bundle.mount("/www", "tmpfs", "tmpfs", "tmpcopyup")
    assert oci.inside(bundle, "cat /www/index.html; echo x > /www/new && ls /www") == (
        "tarebench\nindex.html\nnew\n"
    )


def idmapped(bundle, option: str, **mappings: object) -> None:
    share = bundle.share()
    (share / "file").touch()
    entry = bundle.config["mounts"][-1]
    entry["options"] = ["bind", option] if option else ["bind"]
    entry |= {f"{kind}Mappings": [value] for kind, value in mappings.items()}


MAPPING = {"containerID": 0, "hostID": 1000, "size": 10}


@pytest.mark.parametrize("option", ["idmap", "ridmap", ""])
def test_mappings_of_a_mount_are_applied(oci, bundle, option):
    """Mounts and idmap, ridmap: the ids of the source are converted as uidMappings and gidMappings say."""
    idmapped(bundle, option, uid=MAPPING, gid=MAPPING | {"hostID": 2000})
    assert oci.inside(bundle, "stat -c %u:%g /mnt/file") == "1000:2000\n"


@pytest.mark.parametrize("kind", ["uid", "gid"])
def test_mappings_of_a_mount_come_together(oci, bundle, kind):
    """Mounts: uidMappings and gidMappings are specified along with each other."""
    idmapped(bundle, "idmap", **{kind: MAPPING})
    oci.refuses(bundle)


@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_idmap_without_any_mapping_is_an_error(oci, bundle, option):
    """idmap, ridmap: an error when neither the mount nor a user namespace has mappings."""
    idmapped(bundle, option)
    oci.refuses(bundle)


def test_default_filesystems_are_made_available(oci, bundle):
    """Default Filesystems: /proc, /sys, /dev/pts and /dev/shm as proc, sysfs, devpts and tmpfs."""
    lines = oci.inside(bundle, "cat /proc/self/mountinfo").splitlines()
    kinds = {line.split()[4]: line.split(" - ")[1].split()[0] for line in lines}
    wanted = {"/proc": "proc", "/sys": "sysfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs"}
    assert {place: kinds.get(place) for place in wanted} == wanted
