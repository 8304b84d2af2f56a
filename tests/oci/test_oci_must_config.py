"""What bundle.md, config.md and glossary.md ask of the configuration as a whole, its root and annotations."""

import json
import os
import shutil
from pathlib import Path

import pytest


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0-rc.2", "1.2.1", "1.3.0"])
def test_every_version_of_the_major_one_is_accepted(oci, bundle, version):
    """Specification version: minor versions of one major version are compatible."""
    bundle.config["ociVersion"] = version
    assert oci.inside(bundle, "echo on") == "on\n"


@pytest.mark.parametrize("version", ["2.0.0", "0.9.0", "1", "1.0", "one", "", "1.0.0.0", "01.0.0", 1, None])
def test_version_that_isnt_semver_or_compatible_is_an_error(oci, bundle, version):
    """Specification version: ociVersion is in SemVer 2.0.0 format, of a supported major version."""
    bundle.config["ociVersion"] = version
    oci.refuses(bundle)


def test_version_is_required(oci, bundle):
    """Specification version: ociVersion is required."""
    del bundle.config["ociVersion"]
    oci.refuses(bundle)


def test_configuration_is_config_json_in_the_bundle(oci, bundle):
    """Bundle: config.json is required, by this name, in the bundle's directory."""
    bundle.write()
    (bundle.path / "config.json").rename(bundle.path / "Config.json")
    oci.fails("create", "--bundle", str(bundle.path), oci.name)
    oci.fails("state", oci.name)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"ociVersion": "1.0.0"}', b'\xff\xfe{"a": 1}', b"[" * 9999],
    ids=["empty", "cut", "array", "null", "string", "bare", "little", "utf16", "deep"],
)
def test_configuration_that_isnt_json_of_the_schema_is_an_error(oci, bundle, text):
    """Glossary, JSON: the configuration is JSON in UTF-8; what is required has to be there."""
    bundle.write()
    (bundle.path / "config.json").write_bytes(text)
    oci.asked.add(oci.name)
    oci.fails("create", "--bundle", str(bundle.path), oci.name)
    oci.fails("state", oci.name)


def test_configuration_is_read_as_utf_8(oci, bundle):
    """Glossary, JSON: the configuration is encoded in UTF-8."""
    bundle.shell('echo "$GREETING"')
    bundle.process["env"].append("GREETING=grüße, 世界 🐋")
    config = bundle.write() / "config.json"
    config.write_text(json.dumps(bundle.config, ensure_ascii=False), "utf-8")
    oci.asked.add(oci.name)
    assert oci.ok("run", "--bundle", str(bundle.path), oci.name) == "grüße, 世界 🐋\n"


def test_order_of_the_configurations_entries_doesnt_matter(oci, bundle):
    """Glossary, JSON: the order of the entries of an object has no meaning."""
    bundle.shell("echo on; hostname")
    bundle.config = dict(reversed(bundle.config.items()))
    bundle.config["process"] = dict(reversed(bundle.process.items()))
    assert oci.inside(bundle) == "on\nbox\n"


def test_root_is_required(oci, bundle):
    """Root: the field is required other than for Windows."""
    del bundle.config["root"]
    oci.refuses(bundle)


def test_root_path_is_required(oci, bundle):
    """Root: path is required."""
    bundle.config["root"] = {"readonly": True}
    oci.refuses(bundle)


@pytest.mark.parametrize("absolute", [False, True])
def test_root_path_is_absolute_or_relative_to_the_bundle(oci, bundle, absolute):
    """Root: path is absolute or relative to the bundle, wherever the runtime was started."""
    copy = bundle.own_root()
    (copy / "etc/marker").write_text("here\n")
    if absolute:
        bundle.config["root"]["path"] = str(copy)
    assert oci.inside(bundle, "cat /etc/marker", cwd="/") == "here\n"


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_root_path_that_isnt_a_directory_is_an_error(oci, bundle, kind):
    """Root: a directory exists at path."""
    bundle.config["root"] = {"path": "place"}
    if kind == "file":
        bundle.write()
        (bundle.path / "place").touch()
    oci.refuses(bundle)


def test_readonly_root_is_read_only_inside(oci, bundle):
    """Root: with readonly the root filesystem is read-only inside the container."""
    bundle.own_root()
    bundle.config["root"]["readonly"] = True
    assert oci.inside(bundle, "touch /new 2>&1 || echo refused").endswith("Read-only file system\nrefused\n")
    assert not (bundle.root / "new").exists()


def test_root_is_writable_by_default(oci, bundle):
    """Root: readonly is false when it isn't given."""
    root = bundle.own_root()
    oci.inside(bundle, "echo new > /new")
    assert (root / "new").read_text() == "new\n"


def test_readonly_root_doesnt_make_the_hosts_directory_read_only(oci, bundle):
    """Root: read-only inside the container, and only there."""
    root = bundle.own_root()
    bundle.config["root"]["readonly"] = True
    oci.create(bundle)
    (root / "new").touch()
    assert not os.statvfs(root).f_flag & os.ST_RDONLY


def test_hostname_and_domainname_are_seen_inside(oci, bundle):
    """Hostname, Domainname: as the container's processes see them, set in its UTS namespace."""
    bundle.config |= {"hostname": "slartibartfast", "domainname": "foobarbaz.test"}
    before = (Path("/proc/sys/kernel/hostname").read_text(), Path("/proc/sys/kernel/domainname").read_text())
    script = "cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname"
    assert oci.inside(bundle, script) == "slartibartfast\nfoobarbaz.test\n"
    assert Path("/proc/sys/kernel/hostname").read_text() == before[0]
    assert Path("/proc/sys/kernel/domainname").read_text() == before[1]


def test_annotation_keys_are_not_empty(oci, bundle):
    """Annotations: keys are not empty strings."""
    bundle.config["annotations"] = {"": "value"}
    oci.refuses(bundle)


@pytest.mark.parametrize("value", [1, None, True, ["a"], {"a": "b"}])
def test_annotation_values_are_strings(oci, bundle, value):
    """Annotations: values are strings."""
    bundle.config["annotations"] = {"com.example.key": value}
    oci.refuses(bundle)


@pytest.mark.parametrize("annotations", [["a"], "a", 1])
def test_annotations_are_a_map(oci, bundle, annotations):
    """Annotations: a key-value map."""
    bundle.config["annotations"] = annotations
    oci.refuses(bundle)


def test_unknown_annotations_are_ignored(oci, bundle):
    """Annotations: unknown keys are handled as any other unknown property."""
    bundle.config["annotations"] = {
        "com.example.unknown": "",
        "org.opencontainers.image.stopSignal": "SIGUSR1",
        "org.opencontainers.nosuch": "x",
    }
    assert oci.inside(bundle, "echo on") == "on\n"


@pytest.mark.parametrize("place", ["", "process", "root", "linux", "mounts", "user", "resources", "hooks"])
def test_unknown_properties_are_ignored(oci, bundle, place):
    """Extensibility: an unknown property isn't an error."""
    bundle.hook("poststop", "true")
    objects = {
        "": bundle.config,
        "user": bundle.process["user"],
        "mounts": bundle.config["mounts"][0],
        "resources": bundle.resources,
        "hooks": bundle.config["hooks"]["poststop"][0],
    }
    where = objects[place] if place in objects else bundle.config[place]
    where |= {"com.example.unknown": {"deep": [1, 2.5, None]}, "x": None}
    assert oci.inside(bundle, "echo on") == "on\n"


def test_sections_of_other_platforms_are_ignored(oci, bundle):
    """Platform-specific configuration: only linux is ours; the others are unknown properties here."""
    bundle.config |= {"windows": {"layerFolders": ["x"]}, "solaris": {}, "zos": {}, "freebsd": {"jail": {}}}
    assert oci.inside(bundle, "echo on") == "on\n"


INVALID = {
    "process.user.uid": -1,
    "process.user.gid": "root",
    "process.args": "true",
    "process.env": {"A": "b"},
    "process.terminal": "yes",
    "process.noNewPrivileges": 1,
    "process.oomScoreAdj": 1001,
    "process.capabilities": ["CAP_KILL"],
    "process.scheduler": {"policy": "SCHED_NOSUCH"},
    "process.ioPriority": {"class": "IOPRIO_CLASS_NOSUCH", "priority": 4},
    "root.readonly": "yes",
    "hostname": 1,
    "mounts": {"destination": "/x"},
    "hooks": [],
    "linux": [],
    "linux.namespaces": [{"type": "nosuch"}],
    "linux.devices": [{"type": "x", "path": "/dev/x", "major": 1, "minor": 3}],
    "linux.rootfsPropagation": "nosuch",
    "linux.maskedPaths": "/proc/kcore",
    "linux.sysctl": {"net.ipv4.ip_forward": 1},
    "linux.resources.memory": {"limit": "1g"},
    "linux.resources.pids": {"limit": "ten"},
    "linux.resources.devices": [{"allow": True, "access": "x"}],
    "linux.seccomp": {"defaultAction": "SCMP_ACT_NOSUCH"},
    "linux.personality": {"domain": "NOSUCH"},
    "linux.memoryPolicy": {"mode": "MPOL_NOSUCH"},
    "linux.cgroupsPath": 1,
}


@pytest.mark.parametrize("place", INVALID)
def test_invalid_value_is_an_error(oci, bundle, place):
    """Valid values: an error when invalid or unsupported values are encountered."""
    *parents, key = place.split(".")
    where = bundle.config
    for parent in parents:
        where = where[parent]
    where[key] = INVALID[place]
    oci.refuses(bundle)


@pytest.mark.parametrize("place", ["hostname", "process.cwd", "process.args", "process.env", "root.path"])
def test_nul_in_a_string_for_the_kernel_is_an_error(oci, bundle, place):
    """Valid values: no string for the kernel can hold a NUL; it must not be cut short either."""
    *parents, key = place.split(".")
    where = bundle.config[parents[0]] if parents else bundle.config
    value = where[key]
    where[key] = [*value[:-1], value[-1] + "\0x"] if isinstance(value, list) else value + "\0x"
    oci.refuses(bundle)


def test_bundle_may_be_moved_before_it_is_created(oci, bundle):
    """Bundle: the directory itself isn't part of the bundle, so its place doesn't matter."""
    bundle.own_root()
    bundle.write()
    moved = bundle.path.with_name("moved")
    shutil.move(bundle.path, moved)
    bundle.path = moved
    assert oci.inside(bundle, "echo on") == "on\n"
