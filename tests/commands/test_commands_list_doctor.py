"""`tarebox doctor` on hosts that lack something, made with namespaces."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import doctor_rootless
from runtime.checking import MissingError

TAREBOX = (sys.executable, "-c", "import sys; from runtime.cli import main; sys.exit(main())")


@pytest.fixture
def doctor(environment) -> Callable[..., dict[str, tuple[bool, str]]]:
    """What it finds by name, after a script that runs with it in namespaces of its own."""

    def found(script: str = "true", **variables: str) -> dict[str, tuple[bool, str]]:
        ended = subprocess.run(
            ["unshare", "--mount", "--net", "sh", "-ec", f'{script}; exec "$@"', "sh", *TAREBOX, "doctor"],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.stderr == ""
        lines = [(line[:3].strip(), *line[4:].partition(": ")[::2]) for line in ended.stdout.splitlines()]
        assert all(word in ("ok", "no") for word, _, _ in lines)
        assert ended.returncode == any(word == "no" for word, _, _ in lines)
        return {name: (word == "ok", line) for word, name, line in lines}

    return found


def test_all_is_well_on_a_host_with_everything(doctor, tmp_path):
    found = doctor()
    assert all(ok for ok, _ in found.values()), found
    assert found["network rules"] == (True, "nft is there")
    assert found["storage driver"] == (True, "overlay, the best that can be used here")
    assert "registries.toml" in found["registries"][1]
    assert not (tmp_path / "root").exists()


def test_a_foreign_chain_that_drops_is_found(doctor):
    table = "nft add table ip filter"
    chain = "nft add chain ip filter FORWARD '{ type filter hook forward priority 0; policy drop; }'"
    ok, line = doctor(f"{table}; {chain}")["forwarding"]
    assert not ok
    assert "the chain FORWARD of ip filter drops" in line
    accepting = "nft insert rule ip filter FORWARD {} 'tare*' accept"
    rules = "; ".join(accepting.format(name) for name in ("iifname", "oifname"))
    assert doctor(f"{table}; {chain}; {rules}")["forwarding"][0]


def test_without_nft_there_is_iptables_or_nothing(doctor, tmp_path):
    blank = tmp_path / "blank"
    blank.touch(0o644)

    def hide(program: str) -> str:
        return f"mount --bind {blank} $(readlink -f $(command -v {program}))"

    assert "in place of nft" in doctor(hide("nft"))["network rules"][1]
    assert doctor(f"{hide('nft')}; {hide('iptables-restore')}")["network rules"] == (
        False,
        "neither nft nor iptables, so no network but host and none; install nftables",
    )


def test_a_state_in_memory_or_on_an_overlay(doctor, tmp_path):
    place = tmp_path / "place"
    for name in ("place", "upper", "work"):
        (tmp_path / name).mkdir()
    found = doctor(f"mount -t tmpfs none {place}", TAREBENCH_ROOT=str(place))
    assert "are gone after a reboot" in found["state root"][1]
    overlay = f"lowerdir={place},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    found = doctor(f"mount -t overlay -o {overlay} none {place}", TAREBENCH_ROOT=str(place))
    assert "the storage driver overlay can't keep" in found["state root"][1]
    assert "the best that can be used here; not overlay, as" in found["storage driver"][1]


def test_registries_are_named(doctor, tmp_path):
    file = tmp_path / "registries.toml"
    file.write_text('default = "registry.example:5000"')
    assert doctor(TAREBENCH_REGISTRIES=str(file))["registries"] == (
        True,
        "registry.example:5000 where a name says no other",
    )
    file.write_text("default = 3")
    ok, line = doctor(TAREBENCH_REGISTRIES=str(file))["registries"]
    assert not ok
    assert str(file) in line


def test_what_keeps_users_from_namespaces_is_named(monkeypatch, tmp_path):
    setting = tmp_path / "max_user_namespaces"
    setting.write_text("0\n")
    monkeypatch.setattr(doctor_rootless, "_LIMITS", {str(setting): "0"})
    with pytest.raises(MissingError, match="ordinary users may have none, as .*max_user_namespaces is 0"):
        doctor_rootless._namespaces()
    assert all(one.ok for one in doctor_rootless.checks())


def test_an_ordinary_user_hears_of_what_is_in_a_namespace(bare):
    found = {one.name: one for one in doctor_rootless.inside(bare)}
    assert found["filesystem overlay"].ok
    assert found["veth and bridge"].ok
    assert "storage driver" in found


def test_all_controllers_and_network_programs_are_named(doctor, said):
    mounted = {entry.name for entry in Path("/sys/fs/cgroup").iterdir()} - {"systemd", "unified"}
    assert set(said("info", "-f", '{{join .CgroupControllers " "}}').split()) == mounted
    found = doctor()
    line = found["control groups"][1]
    assert set(line.partition("controllers ")[2].split(", ")) == mounted
    assert said("info", "-f", "{{.NetworkPrograms}}") == "[slirp4netns pasta]"
    assert found["user-mode network"][1] == "slirp4netns and pasta are there"
