"""What config-linux.md asks of devices, default devices and network devices."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DEFAULT = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
FUSE = {"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229}


def ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def link(oci) -> Iterator[Callable[[str], str]]:
    """Makes a network device of the host, up to three letters after our name; removes what is left."""
    made: list[str] = []

    def make(ending: str) -> str:
        name = oci.name.removesuffix("-box") + ending
        ip("link", "add", name, "type", "veth", "peer", "name", f"{name}p")
        made.append(name)
        return name

    yield make
    for name in made:
        subprocess.run(["ip", "link", "delete", f"{name}p"], capture_output=True, check=False)


@pytest.mark.parametrize("name", DEFAULT)
def test_default_device_is_supplied(oci, bundle, name):
    """Default Devices: /dev/null, zero, full, random, urandom and tty, as everybody may use them."""
    seen = oci.inside(bundle, f"stat -c '%F %t %T %a %u %g' /dev/{name}").split()
    major, minor = DEFAULT[name]
    assert seen[:5] == ["character", "special", "file", f"{major:x}", f"{minor:x}"]
    assert seen[5:] == ["666", "0", "0"]


def test_default_devices_work(oci, bundle):
    """Default Devices: the process may read and write them."""
    script = (
        "echo x > /dev/null; head -c 4 /dev/zero | hexdump -e '1/1 \"%d \"'; head -c 4 /dev/urandom | wc -c;"
        "echo x > /dev/full || echo full; head -c 1 /dev/random | wc -c"
    )
    seen = oci.inside(bundle, script)
    assert "4\n" in seen
    assert seen.endswith("full\n1\n")


def test_ptmx_is_that_of_the_container(oci, bundle):
    """Default Devices: /dev/ptmx is a bind mount or symbolic link of the container's /dev/pts/ptmx."""
    seen = oci.inside(bundle, "stat -L -c '%t %T %d %i' /dev/ptmx /dev/pts/ptmx").splitlines()
    assert seen[0] == seen[1]
    assert seen[0].startswith("5 2 ")


def test_console_is_the_terminal(oci, bundle, console):
    """Default Devices: /dev/console is set up if terminal is enabled, by bind mounting the terminal."""
    bundle.process["terminal"] = True
    bundle.shell(
        "ls /dev/pts; stat -c '%F %t' /dev/console; tty; grep -c ' /dev/console ' /proc/self/mountinfo"
    )
    oci.create(bundle, "--console-socket", console.path)
    with console.receive() as terminal:
        oci.start()
        seen = console.read(terminal)
    assert "character special file 88" in seen
    assert seen.endswith("1\n")


def test_console_isnt_there_without_a_terminal(oci, bundle):
    """Default Devices: /dev/console is set up if terminal is enabled."""
    assert oci.inside(bundle, "test -e /dev/console || echo none") == "none\n"


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        (FUSE, stat.S_IFCHR),
        ({"type": "u", "path": "/dev/u", "major": 10, "minor": 229}, stat.S_IFCHR),
        ({"type": "b", "path": "/dev/b", "major": 7, "minor": 0}, stat.S_IFBLK),
        ({"type": "p", "path": "/dev/p"}, stat.S_IFIFO),
        ({"type": "c", "path": "/dev/deep/er/x", "major": 10, "minor": 229}, stat.S_IFCHR),
    ],
    ids=["c", "u", "b", "p", "deep"],
)
def test_listed_device_is_available(oci, bundle, device, kind):
    """Devices: listed devices are available, of every type."""
    bundle.linux["devices"] = [device]
    mode, major, minor = oci.inside(bundle, f"stat -c '%f %t %T' {device['path']}").split()
    assert stat.S_IFMT(int(mode, 16)) == kind
    assert (int(major, 16), int(minor, 16)) == (device.get("major", 0), device.get("minor", 0))


def test_device_may_be_anywhere(oci, bundle):
    """Devices: the path may be outside of /dev."""
    bundle.own_root()
    bundle.linux["devices"] = [FUSE | {"path": "/etc/mine"}]
    assert oci.inside(bundle, "stat -c '%t %T' /etc/mine") == "a e5\n"


def test_device_has_its_mode_and_owner(oci, bundle):
    """Devices: fileMode, and uid and gid in the container's namespace."""
    bundle.linux["devices"] = [FUSE | {"fileMode": 0o640, "uid": 3, "gid": 4}]
    assert oci.inside(bundle, "stat -c '%a %u %g' /dev/fuse") == "640 3 4\n"


def test_device_that_isnt_listed_isnt_there(oci, bundle):
    """Devices: containers don't access devices that are neither listed nor default ones."""
    names = set(oci.inside(bundle, "find /dev -type c -o -type b").split())
    allowed = {f"/dev/{name}" for name in (*DEFAULT, "ptmx", "pts/ptmx")}
    assert names <= allowed


def test_file_that_isnt_the_device_is_an_error(oci, bundle):
    """Devices: a file at the path that doesn't match the requested device is an error."""
    bundle.own_root()
    bundle.linux["devices"] = [FUSE | {"path": "/etc/passwd"}]
    oci.refuses(bundle)
    assert stat.S_ISREG((bundle.root / "etc/passwd").stat().st_mode)


def test_other_device_at_the_path_is_an_error(oci, bundle):
    """Devices: a device at the path that doesn't match the requested one is an error."""
    root = bundle.own_root()
    os.mknod(root / "etc/mine", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    bundle.linux["devices"] = [FUSE | {"path": "/etc/mine"}]
    oci.refuses(bundle)


def test_same_device_at_the_path_is_fine(oci, bundle):
    """Devices: only what doesn't match the requested device is an error."""
    root = bundle.own_root()
    os.mknod(root / "etc/mine", 0o666 | stat.S_IFCHR, os.makedev(10, 229))
    bundle.linux["devices"] = [FUSE | {"path": "/etc/mine"}]
    assert oci.inside(bundle, "stat -c '%t %T' /etc/mine") == "a e5\n"


@pytest.mark.parametrize("field", ["type", "path", "major", "minor"])
def test_field_of_a_device_is_required(oci, bundle, field):
    """Devices: type and path are required, major and minor other than for a pipe."""
    bundle.linux["devices"] = [{key: value for key, value in FUSE.items() if key != field}]
    oci.refuses(bundle)


@pytest.mark.parametrize("device", [FUSE | {"type": "x"}, FUSE | {"fileMode": "0666"}, FUSE | {"major": -1}])
def test_invalid_device_is_an_error(oci, bundle, device):
    """Devices: what isn't a type, a mode or a number of a device is an invalid value."""
    bundle.linux["devices"] = [device]
    oci.refuses(bundle)


def test_network_device_is_made_available(oci, bundle, link):
    """Network Devices: listed devices are in the container, by their name on the host."""
    name = link("d")
    bundle.linux["netDevices"] = {name: {}}
    assert f"{name}:" in oci.inside(bundle, "cat /proc/net/dev")


def test_network_device_has_the_given_name(oci, bundle, link):
    """Network Devices: name is the one inside."""
    bundle.linux["netDevices"] = {link("d"): {"name": "inner0"}}
    assert "inner0:" in oci.inside(bundle, "cat /proc/net/dev")


def test_network_device_is_up(oci, bundle, link):
    """Network Devices: the state is set to up after the move."""
    bundle.linux["netDevices"] = {link("d"): {"name": "inner0"}}
    flags = int(oci.inside(bundle, "cat /sys/class/net/inner0/flags"), 16)
    assert flags & 1


def test_network_device_keeps_its_attributes_and_permanent_addresses(oci, bundle, link):
    """Network Devices: attributes and permanent addresses of global scope of any family are preserved."""
    name = link("d")
    ip("link", "set", name, "mtu", "1400", "address", "02:00:00:00:00:42")
    ip("address", "add", "192.0.2.5/24", "dev", name)
    ip("address", "add", "2001:db8::5/64", "dev", name)
    ip("link", "set", name, "up")
    bundle.linux["netDevices"] = {name: {}}
    seen = oci.inside(bundle, f"ip address show {name}")
    for wanted in ("mtu 1400", "02:00:00:00:00:42", "192.0.2.5/24", "2001:db8::5/64"):
        assert wanted in seen


def test_network_device_whose_name_is_taken_is_an_error(oci, bundle, link):
    """Network Devices: an error if a device of the name exists in the container's namespace."""
    name = link("d")
    bundle.linux["netDevices"] = {name: {"name": "lo"}}
    oci.refuses(bundle)
    assert Path("/sys/class/net", name).exists()


def test_network_device_gets_a_unique_name_from_a_template(oci, bundle, link):
    """Network Devices: with %d at the end of the new name the kernel makes a unique one."""
    bundle.linux["netDevices"] = {link("a"): {"name": "eth%d"}, link("b"): {"name": "eth%d"}}
    seen = oci.inside(bundle, "cat /proc/net/dev")
    assert "eth0:" in seen
    assert "eth1:" in seen


@pytest.mark.parametrize("namespace", [False, True])
def test_network_device_that_cant_be_moved_is_an_error(oci, bundle, link, namespace):
    """Network Devices: it is checked whether the move is possible: a device that is there, a namespace."""
    if namespace:
        bundle.linux["netDevices"] = {"nosuchdevice": {}}
    else:
        bundle.without_namespace("network")
        bundle.unmount("/sys")
        bundle.linux["netDevices"] = {link("d"): {"name": "other"}}
    oci.refuses(bundle)


def test_network_device_isnt_moved_out_again(oci, bundle, link):
    """Network Devices: the runtime doesn't move the device out before deletion."""
    name = link("d")
    bundle.linux["netDevices"] = {name: {}}
    oci.inside(bundle)
    assert not Path("/sys/class/net", name).exists()
