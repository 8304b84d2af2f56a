"""What a container may see and do, by default and as asked for."""

import json
from pathlib import Path

import pytest
from client_cli import Client, bounding_capabilities

_STATUS = "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status"
_NET_BIND_SERVICE = 1 << 10
_SYS_ADMIN = 1 << 21


def _status(client: Client, *options: str) -> dict[str, int]:
    lines = client.shell(_STATUS, "--network", "none", *options)
    return {name.rstrip(":"): int(value, 16) for name, value in (line.split() for line in lines)}


def test_default(client: Client) -> None:
    script = (
        f"{_STATUS}; for each in /proc/kcore /proc/keys /proc/timer_list; do head -c1 $each | wc -c; done;"
        "ls /sys/firmware | wc -l; cat /proc/self/uid_map | tr -s ' ';"
        "for each in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/uevent_helper; do"
        " echo x 2>/dev/null >$each || echo refused; done;"
        "mount -t tmpfs none /mnt 2>/dev/null || echo no mount; hostname other 2>/dev/null || echo no name"
    )
    lines = client.shell(script, "--network", "none")
    status = dict(line.split(":\t") for line in lines[:4])
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) != 0
    assert int(status["CapBnd"], 16) & ~bounding_capabilities() == 0
    assert int(status["CapBnd"], 16) != bounding_capabilities()
    assert status["Seccomp"] == "2"
    assert lines[4:8] == ["0", "0", "0", "0"]
    assert lines[8] == " 0 0 4294967295"
    assert lines[9:] == ["refused", "refused", "refused", "no mount", "no name"]


def test_capabilities(client: Client) -> None:
    none = _status(client, "--cap-drop", "all")
    assert (none["CapEff"], none["CapBnd"]) == (0, 0)
    one = _status(client, "--cap-drop", "all", "--cap-add", "NET_BIND_SERVICE")
    assert (one["CapEff"], one["CapBnd"]) == (_NET_BIND_SERVICE, _NET_BIND_SERVICE)


def test_privileged(client: Client) -> None:
    """The specification has the runtime warn about capabilities that the host can't grant, and go on."""
    script = (
        f"{_STATUS}; mount -t tmpfs none /mnt && echo mounted;"
        "test -w /sys/kernel && test -c /dev/kmsg && echo all"
    )
    lines = client.shell(script, "--privileged", "--network", "none")
    status = dict(line.split(":\t") for line in lines[:4])
    granted = int(status["CapEff"], 16)
    assert granted == int(status["CapBnd"], 16)
    # An older client doesn't know the newest capabilities.
    assert granted == bounding_capabilities() & ((1 << granted.bit_length()) - 1)
    assert granted & _SYS_ADMIN
    assert status["Seccomp"] == "0"
    assert lines[4:] == ["mounted", "all"]


def test_no_new_privileges_and_no_seccomp(client: Client) -> None:
    status = _status(client, "--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined")
    assert status["NoNewPrivs"] == 1
    assert status["Seccomp"] == 0


def test_seccomp_profile(client: Client, tmp_path: Path) -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}],
    }
    (tmp_path / "profile.json").write_text(json.dumps(profile))
    options = ("--security-opt", f"seccomp={tmp_path}/profile.json", "--network", "none")
    ended = client.run("sh", "-c", "touch /tmp/file && mkdir /tmp/directory", options=options)
    assert ended.status == 1
    assert "No space left on device" in ended.stderr


def test_read_only_root_and_mounts(client: Client, tmp_path: Path) -> None:
    shared, fixed, file = tmp_path / "shared", tmp_path / "fixed", tmp_path / "file"
    shared.mkdir()
    fixed.mkdir()
    file.write_text("one file\n")
    script = (
        "for each in /root /shared /fixed /scratch /dev/shm /kept /etc; do"
        ' touch $each/x 2>/dev/null && echo "$each"; done;'
        "cat /etc/one; df -k /scratch | tail -1 | tr -s ' ' | cut -d' ' -f2;"
        "grep -cE ' /scratch [^ ]*nosuid[^ ]*nodev' /proc/self/mountinfo"
    )
    lines = client.shell(
        script,
        *(
            "--read-only",
            "--network",
            "none",
            "--tmpfs",
            "/scratch:size=1m",
            "--volume",
            "named:/kept",
        ),
        *("--volume", f"{shared}:/shared", "--volume", f"{fixed}:/fixed:ro"),
        *("--mount", f"type=bind,source={file},target=/etc/one"),
    )
    assert lines == ["/shared", "/scratch", "/dev/shm", "/kept", "one file", "1024", "1"]
    assert [path.name for path in shared.iterdir()] == ["x"]
    assert list(fixed.iterdir()) == []
    client.must("volume", "rm", "named")


def test_tmpfs_has_the_mode_of_what_it_covers(client: Client) -> None:
    """As with runc; where nothing is covered it is the option's, or that of any tmpfs."""
    covered = ("--tmpfs", "/home", "--tmpfs", "/var/tmp", "--tmpfs", "/made", "--tmpfs", "/given:mode=1700")
    modes = client.shell("stat -c %a /home /var/tmp /made /given", "--network", "none", *covered)
    assert modes == ["755", "1777", "1777", "1700"]


def test_masked_files_are_the_container_s_own_null_device(client: Client) -> None:
    """What root of a container does to the mode of a masked file must not reach the host's /dev/null."""
    null, *masked = client.shell("stat -c %d:%i /dev/null /proc/keys /proc/timer_list", "--network", "none")
    assert masked == [null, null]
    host = Path("/dev/null").stat()
    assert null != f"{host.st_dev}:{host.st_ino}"


@pytest.mark.parametrize("place", ["/proc", "/proc/self/attr"])
def test_nothing_takes_the_place_of_proc(client: Client, tmp_path: Path, place: str) -> None:
    ended = client.run("true", options=("--volume", f"{tmp_path}:{place}", "--network", "none"))
    assert ended.status != 0
    assert "/proc" in ended.stderr


def test_mounts_bear_the_names_of_their_sources(client: Client) -> None:
    script = "grep -E ' (/proc|/dev|/dev/pts|/dev/shm|/dev/mqueue) ' /proc/mounts | cut -d' ' -f1 | sort"
    assert client.shell(script, "--network", "none") == ["devpts", "mqueue", "proc", "shm", "tmpfs"]


def test_limit_that_is_refused_is_named(client: Client) -> None:
    ended = client.run("true", options=("--ulimit", "nofile=1100000000", "--network", "none"))
    assert ended.status != 0
    assert "rlimit" in ended.stderr.lower()


def test_kernel_parameters_and_names(client: Client) -> None:
    script = "cat /proc/sys/net/ipv4/ip_default_ttl; df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2"
    options = ("--network", "none", "--sysctl", "net.ipv4.ip_default_ttl=77", "--shm-size", "2m")
    assert client.shell(script, *options) == ["77", "2048"]
    assert Path("/proc/sys/net/ipv4/ip_default_ttl").read_text() != "77\n"
