"""What `features` and `spec` print is what the runtime accepts."""

import json
from pathlib import Path
from typing import Any

import pytest
from oci_configs import FULL, changed

from runtime import seccomp
from runtime.oci import config
from runtime.oci.cli import Options
from runtime.oci.commands import features, spec
from runtime.oci.errors import OciError


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    assert features.run(Options(), []) == 0
    return json.loads(capsys.readouterr().out)


def test_the_features_structure_has_the_shape_specified(printed: Any) -> None:
    """features.md and features-linux.md: names and types of all properties."""
    words = list[str]
    assert shape(printed) == {
        "ociVersionMin": str,
        "ociVersionMax": str,
        "hooks": words,
        "mountOptions": words,
        "potentiallyUnsafeConfigAnnotations": [],
        "linux": {
            "namespaces": words,
            "capabilities": words,
            "cgroup": dict.fromkeys(("v1", "v2", "systemd", "systemdUser", "rdma"), bool),
            "seccomp": {
                "enabled": bool,
                **dict.fromkeys(("actions", "operators", "archs", "knownFlags", "supportedFlags"), words),
            },
            "apparmor": {"enabled": bool},
            "selinux": {"enabled": bool},
            "intelRdt": {"enabled": bool},
            "memoryPolicy": {"modes": words, "flags": words},
            "mountExtensions": {"idmap": {"enabled": bool}},
            "netDevices": {"enabled": bool},
        },
    }


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list) and value:
        assert {type(item) for item in value} == {str}
        return list[str]
    return value if value == [] else type(value)


@pytest.mark.parametrize(
    ("listed", "path"),
    [
        ("ociVersionMin", "ociVersion"),
        ("ociVersionMax", "ociVersion"),
        ("linux/capabilities", "process/capabilities/bounding/0"),
        ("linux/seccomp/archs", "linux/seccomp/architectures/0"),
        ("linux/seccomp/knownFlags", "linux/seccomp/flags/0"),
    ],
)
def test_everything_listed_is_accepted(printed: Any, listed: str, path: str) -> None:
    values = printed
    for name in listed.split("/"):
        values = values[name]
    for value in [values] if isinstance(values, str) else values:
        assert config.check(changed((path, value))) == []


def test_every_hook_namespace_policy_action_and_operator_listed_is_accepted(printed: Any) -> None:
    assert set(printed["hooks"]) == set(FULL["hooks"])
    linux = printed["linux"]
    assert set(linux["namespaces"]) == {entry["type"] for entry in FULL["linux"]["namespaces"]}
    for mode in linux["memoryPolicy"]["modes"]:
        nodes = "" if mode in ("MPOL_DEFAULT", "MPOL_LOCAL") else "0"
        config.check(changed(("linux/memoryPolicy", {"mode": mode, "nodes": nodes})))
    for flag in linux["memoryPolicy"]["flags"]:
        config.check(changed(("linux/memoryPolicy/flags", [flag])))
    for action in linux["seccomp"]["actions"]:
        for operator in linux["seccomp"]["operators"]:
            argument = {"index": 0, "value": 1, "valueTwo": 2, "op": operator}
            rule = {"names": ["personality"], "action": action, "args": [argument]}
            seccomp.compile_filter({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})


@pytest.mark.parametrize("arguments", [[], ["--rootless"]])
def test_spec_writes_a_valid_configuration_once(tmp_path: Path, arguments: list[str]) -> None:
    assert spec.run(Options(), ["--bundle", str(tmp_path), *arguments]) == 0
    written, raw = config.load(str(tmp_path))
    assert config.check(written) == []
    assert ("uidMappings" in written["linux"]) == bool(arguments)
    with pytest.raises(OciError, match="is there already"):
        spec.run(Options(), ["-b", str(tmp_path)])
    assert (tmp_path / "config.json").read_bytes() == raw


def test_spec_says_what_it_can_not_write(tmp_path: Path) -> None:
    with pytest.raises(OciError, match="can't write .*No such file"):
        spec.run(Options(), ["--bundle", str(tmp_path / "absent")])
    with pytest.raises(OciError, match="unexpected argument"):
        spec.run(Options(), [str(tmp_path)])
    with pytest.raises(OciError, match="unexpected argument"):
        features.run(Options(), ["x"])
