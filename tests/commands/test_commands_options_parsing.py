"""What people write behind the options of `run` and `create`: parsed, or refused in one line."""

import re
import resource
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import capabilities
from runtime.commandline.units import parse_duration
from runtime.lifecycle.settings import HealthCheck, Mount
from runtime.making import devices, health, limits, mounts, networks, security
from runtime.making.health import Health
from runtime.network.model import Connection
from tare import environment, ports
from tare.detaching import DetachKeys
from tare.errors import ImageError, TareError, UsageError

WORD = st.text("abz09_.-", min_size=1, max_size=8)
ANYTHING = st.text(st.characters(codec="utf-8"), max_size=40) | st.text("abc/:=,.-0189", max_size=30)


def one_line(error: TareError) -> bool:
    return bool(str(error)) and len(str(error)) < 400


@settings(deadline=None)
@given(ANYTHING)
@pytest.mark.parametrize(
    "parse",
    [
        mounts.volume,
        mounts.mount,
        mounts.tmpfs,
        ports.parse,
        limits.ulimit,
        parse_duration,
        devices.devices,
        DetachKeys,
        lambda text: networks.connections([text]),
        lambda text: networks.exposed([text]),
        lambda text: security.options([text]),
        lambda text: limits.processor(cpus=text),
        lambda text: limits.block_io(device_read_bps=[text]),
    ],
)
def test_any_text_is_parsed_or_refused(parse, text):
    try:
        parse(text)
    except UsageError as error:
        assert one_line(error)


@settings(deadline=None)
@given(source=WORD.filter(lambda text: set(text) != {"."}), target=WORD, read_only=st.booleans())
def test_volumes_of_either_form_are_the_same(source, target, read_only):
    short = f"{source}:/{target}{':ro' if read_only else ''}"
    long = f"type=volume,src={source},dst=/{target}{',readonly' if read_only else ''}"
    try:
        made = mounts.volume(short)
    except UsageError:
        with pytest.raises(UsageError):
            mounts.mount(long)
        return
    assert made == mounts.mount(long)
    assert (made.kind, made.source, made.read_only) == ("volume", source, read_only)
    assert made.target.startswith("/")
    assert ".." not in made.target.split("/")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", Mount("volume", "", "/data")),
        ("data:/a//b/../c/", Mount("volume", "data", "/a/c")),
        ("data:/a:ro,nocopy", Mount("volume", "data", "/a", read_only=True, copy=False)),
        ("/etc:/e:rslave", Mount("bind", "/etc", "/e", propagation="rslave", create=True)),
        ("/etc:/e:ro,Z", Mount("bind", "/etc", "/e", read_only=True, create=True)),
    ],
)
def test_volume(text, expected):
    assert mounts.volume(text) == expected


def test_volume_relative_to_here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert mounts.volume("./a:/b").source == f"{tmp_path}/a"
    assert mounts.volume(".:/b").source == str(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", ":", "a:b", "a:/b:c:d", "/a:/", "/a:/b:nonsense", "a:/b:rshared", "/a:/b:nocopy", "a/b:/c", "x:/y"],
)
def test_no_volume(text):
    with pytest.raises(UsageError):
        mounts.volume(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dst=/a", Mount("volume", "", "/a")),
        ("type=bind,source=/etc,target=/a,ro", Mount("bind", "/etc", "/a", read_only=True)),
        ("type=bind,src=/e,dst=/a,readonly=false", Mount("bind", "/e", "/a")),
        (
            "type=bind,src=/e,dst=/a,bind-recursive=disabled",
            Mount("bind", "/e", "/a", options=("nonrecursive",)),
        ),
        (
            "type=tmpfs,dst=/a,tmpfs-size=1m,tmpfs-mode=1770",
            Mount("tmpfs", "", "/a", options=("size=1048576", "mode=1770")),
        ),
        ("src=v1,dst=/a,volume-nocopy", Mount("volume", "v1", "/a", copy=False)),
    ],
)
def test_mount(text, expected):
    assert mounts.mount(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "unknown ''"),
        ("type=bind,dst=/a", "needs a source"),
        ("type=tmpfs,src=x,dst=/a", "has no source"),
        ("type=npipe,dst=/a", "'npipe' isn't supported"),
        ("type=volume,dst=/a,tmpfs-size=1m", "tmpfs-size means nothing for a volume"),
        ("dst=/a,dst=/b", "target twice"),
        ("dst=/a,colour=red", "unknown 'colour=red'"),
        ("dst=/a,ro=maybe", "ro=maybe has no meaning|readonly=maybe has no meaning"),
        ("type=tmpfs,dst=/a,tmpfs-mode=999", "is no mode"),
        ("type=tmpfs,dst=/a,tmpfs-size=much", "'much' is no size"),
    ],
)
def test_no_mount(text, said):
    with pytest.raises(UsageError, match=said):
        mounts.mount(text)


def test_tmpfs():
    assert mounts.tmpfs("/a") == Mount("tmpfs", "", "/a")
    assert mounts.tmpfs("/a:ro,size=64m,mode=1777").options == ("size=64m", "mode=1777")
    with pytest.raises(UsageError, match="'lowerdir=/' is no option"):
        mounts.tmpfs("/a:lowerdir=/")


def test_mounts_hide_others():
    own, other = Mount("volume", "own", "/a"), Mount("volume", "other", "/a")
    assert mounts.joined([own], [other, Mount("volume", "b", "/b")], ["/b", "/c/", "/"]) == (
        own,
        Mount("volume", "b", "/b"),
        Mount("volume", "", "/c"),
    )
    with pytest.raises(UsageError, match="two mounts at /a"):
        mounts.joined([own, other], [], [])


@settings(deadline=None)
@given(soft=st.integers(0, 10**6), more=st.integers(0, 10**6))
def test_ulimit(soft, more):
    made = limits.ulimit(f"nofile={soft}:{soft + more}")
    assert (made.resource, made.soft, made.hard) == (resource.RLIMIT_NOFILE, soft, soft + more)
    assert limits.ulimit(f"core={soft}").hard == soft
    assert limits.ulimit("memlock=-1:-1").soft == resource.RLIM_INFINITY
    assert limits.ulimit(f"nofile={soft}:-1").hard == resource.RLIM_INFINITY
    with pytest.raises(UsageError, match="above the hard one"):
        limits.ulimit(f"nofile={soft + more + 1}:{soft}")


@settings(deadline=None)
@given(st.floats(0.001, 1e6))
def test_health_interval(seconds):
    wanted = Health(command="true", interval=parse_duration(f"{seconds:.6f}s"))
    assert health.check(None, wanted).interval == pytest.approx(seconds, abs=1e-6)


def test_health_of_the_image_part_by_part():
    image = {"Test": ["CMD-SHELL", "curl x"], "Interval": 5_000_000_000, "Retries": 7}
    assert health.check(image, Health()) == HealthCheck(("/bin/sh", "-c", "curl x"), interval=5.0, retries=7)
    assert health.check(image, Health(retries=1)).retries == 1
    assert health.check(image, Health(command="true")).argv[-1] == "true"
    assert health.check(image, Health(none=True)) is None
    assert health.check({"Test": ["NONE"]}, Health()) is None
    assert health.check({"Test": ["CMD", "a", "b"]}, Health()).argv == ("a", "b")
    assert health.check(None, Health(interval=1.0)) is None
    with pytest.raises(ImageError, match="no meaning"):
        health.check({"Test": ["CMD", "a"], "Interval": "often"}, Health())
    with pytest.raises(UsageError):
        Health(command="x", none=True)


def test_networks():
    assert networks.connections([]) == ("bridge", (Connection(),))
    assert networks.connections(["none"]) == ("none", ())
    assert networks.connections(["container:x"]) == ("container:x", ())
    wanted = "name=one,ip=192.0.2.5,ip6=2001:db8::5,alias=a,alias=b,mac-address=02:00:00:00:00:01"
    mode, found = networks.connections([wanted, "two"], aliases=["c"])
    expected = Connection(
        "one", IPv4Address("192.0.2.5"), IPv6Address("2001:db8::5"), "02:00:00:00:00:01", ("a", "b", "c")
    )
    assert (mode, found) == ("one", (expected, Connection("two")))


@pytest.mark.parametrize(
    ("texts", "named", "said"),
    [
        (["host", "one"], {}, "goes with no other"),
        (["one", "one"], {}, "only once"),
        (["none"], {"address": "192.0.2.1"}, "no addresses"),
        (["one"], {"address": "here"}, "no IPv4 address"),
        (["ip=192.0.2.1"], {}, "names no network"),
        (["name=a,colour=red"], {}, "'colour=red'"),
        (["container:"], {}, "names no container"),
    ],
)
def test_no_networks(texts, named, said):
    with pytest.raises(TareError, match=said):
        networks.connections(texts, **named)


def test_capabilities():
    made = security.capability_set
    assert made([], []) == capabilities.DEFAULT
    assert made(["net_admin"], ["CAP_CHOWN"]) == capabilities.DEFAULT - {"CAP_CHOWN"} | {"CAP_NET_ADMIN"}
    assert made(["CHOWN"], ["ALL"]) == {"CAP_CHOWN"}
    assert made([], [], privileged=True) == made(["all"], [])
    assert "CAP_SYS_ADMIN" in made(["ALL"], ["MKNOD"])
    assert "CAP_MKNOD" not in made(["ALL"], ["MKNOD"])
    with pytest.raises(UsageError, match="'CAP_NONSENSE' is no capability"):
        made(["nonsense"], [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("apparmor=docker-default", "AppArmor"),
        ("label=type:x", "SELinux"),
        ("nonsense", "unknown --security-opt"),
        ("seccomp=", "unknown"),
        ("no-new-privileges=perhaps", "no meaning"),
    ],
)
def test_security_that_isnt_here(text, said):
    with pytest.raises(UsageError, match=said):
        security.options([text])


def test_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SET_HERE", "here")
    monkeypatch.delenv("UNSET_HERE", raising=False)
    file = tmp_path / "env"
    file.write_text("\ufeff# comment\n\nA=1 # kept\nB=\n  SET_HERE\nUNSET_HERE\n")
    found = environment.variables([str(file)], ["A=2", "C=x=y"])
    assert found == ("A=1 # kept", "B=", "SET_HERE=here", "UNSET_HERE", "A=2", "C=x=y")
    merged = environment.merged(["UNSET_HERE=image", "D=4"], found)
    assert merged == {"D": "4", "A": "2", "B": "", "SET_HERE": "here", "C": "x=y"}
    file.write_text("A B=1\n")
    with pytest.raises(UsageError, match=re.escape("'A B=1'")):
        environment.variables([str(file)], [])
    with pytest.raises(UsageError, match="No such file"):
        environment.labels([str(tmp_path / "none")], [])
    assert environment.labels([], ["a", "b=c"]) == {"a": "", "b": "c"}


@settings(deadline=None)
@given(st.text("ab", min_size=0, max_size=12), st.sampled_from(["a,b", "a,a", "a,b,a", "a,a,b"]))
def test_detach_keys(typed, keys):
    wanted = keys.replace(",", "")
    watched, passed = DetachKeys(keys), ""
    for character in typed:
        meant, is_over = watched.pass_on(character.encode())
        passed += meant.decode()
        if is_over:
            break
    found = typed.find(wanted)
    assert is_over == (found >= 0) if typed else True
    if found >= 0:
        assert passed == typed[:found]
    else:
        assert typed.startswith(passed)
        assert wanted.startswith(typed[len(passed) :])
