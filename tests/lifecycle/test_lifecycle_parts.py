"""The parts that need no container."""

import json
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import Bind, ContainerSpec, IdMapping, Interface, Limits, Namespace, Rlimit
from runtime.lifecycle import (
    HealthCheck,
    LogOptions,
    Mount,
    Networking,
    RestartPolicy,
    Settings,
    codec,
    journal,
    words,
)
from runtime.lifecycle.cleaning import end_all
from runtime.lifecycle.follow import Follower
from runtime.lifecycle.settings import check_name
from runtime.network.model import Connection
from runtime.spec import DEFAULT_NAMESPACES, Device, Tmpfs
from tare.errors import UsageError
from tare.ports import Published
from tare.resolver import Alias, Resolver
from tare.signals import signal_number

PORTS = st.integers(0, 65535)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(
    argv=st.lists(TEXT, min_size=1, max_size=4),
    env=st.dictionaries(TEXT, TEXT, max_size=4),
    labels=st.dictionaries(TEXT, TEXT, max_size=4),
    memory=st.none() | st.integers(4 << 20, 1 << 40),
    mapped=st.booleans(),
    health=st.none() | st.builds(HealthCheck, st.tuples(TEXT), retries=st.integers(1, 9)),
)
def test_settings_come_back_from_json(argv, env, labels, memory, mapped, health) -> None:
    spec = ContainerSpec(
        Path("/image"),
        tuple(argv),
        env=env,
        limits=Limits(memory=memory),
        rlimits=(Rlimit(7, 1, 2),),
        namespaces=DEFAULT_NAMESPACES | ({Namespace.USER} if mapped else set()),
        mappings=(IdMapping(0, 1000, 10),) if mapped else (),
        binds=(Bind(Path("/a"), "/b", read_only=True),),
        interface=None,
    )
    policy = RestartPolicy("on-failure", 3)
    settings = Settings(spec, labels=labels, restart=policy, health=health, log=LogOptions(9, 2))
    assert codec.decode(Settings, json.loads(json.dumps(codec.encode(settings)))) == settings


ADDRESSES = st.none() | st.ip_addresses(v=4) | st.ip_addresses(v=6)
HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)


@given(
    publish=st.lists(
        st.builds(Published, st.sampled_from(["tcp", "udp"]), ADDRESSES, PORTS, PORTS), max_size=3
    ),
    address=st.none() | st.ip_addresses(v=4),
    aliases=st.lists(HOSTS, max_size=3),
    mounts=st.lists(
        st.builds(
            Mount, st.just("volume"), HOSTS, st.just("/v"), read_only=st.booleans(), copy=st.booleans()
        ),
        max_size=3,
    ),
    sysctls=st.dictionaries(HOSTS, TEXT, max_size=2),
)
def test_networks_and_mounts_come_back_from_json(publish, address, aliases, mounts, sysctls) -> None:
    networking = Networking(
        "front",
        (Connection("front", address, aliases=tuple(aliases)), Connection("back")),
        tuple(publish),
        Resolver(("192.0.2.1",), ("example.com",)),
        (Alias("db", "192.0.2.7"),),
        publish_all=True,
    )
    spec = ContainerSpec(
        Path("/image"),
        ("true",),
        sysctls=sysctls,
        tmpfs=(Tmpfs("/tmp", ("size=1m",)),),
        devices=(Device("/dev/fuse", "/dev/fuse", "rw"),),
        joined=((Namespace.NET, "/proc/1/ns/net"),),
        shm_size=1 << 20,
    )
    bind = Mount("bind", "/a", "/b", propagation="rslave", create=True)
    settings = Settings(
        spec,
        chain="sha256:00",
        image_id="sha256:11",
        driver="overlay",
        networking=networking,
        mounts=(*mounts, bind),
        exposed=("80/tcp",),
        entrypoint=("/init",),
        pid="host",
    )
    assert codec.decode(Settings, json.loads(json.dumps(codec.encode(settings)))) == settings


@pytest.mark.parametrize(
    "values",
    [
        ("bind", "a", "/b"),
        ("disk", "", "/b"),
        ("tmpfs", "", "b"),
        ("tmpfs", "", "/"),
        ("bind", "/a", "/b", False, "up"),
    ],
)
def test_mounts_without_meaning_are_refused(values) -> None:
    with pytest.raises(UsageError):
        Mount(*values)


def test_a_container_in_anothers_network_namespace_is_on_no_network() -> None:
    with pytest.raises(UsageError, match="container:web"):
        Networking("container:web", (Connection("front"),))


def test_addresses_come_back_from_json() -> None:
    from ipaddress import IPv4Address, IPv4Interface

    interface = Interface("br0", IPv4Interface("10.0.0.2/24"), IPv4Address("10.0.0.1"))
    assert codec.decode(Interface, json.loads(json.dumps(codec.encode(interface)))) == interface


def test_what_a_later_version_writes_is_ignored() -> None:
    assert codec.decode(LogOptions, {"max_size": 5, "compress": True}) == LogOptions(5)


def test_generated_names_can_be_names() -> None:
    for attempt in range(6):
        check_name(words.generate(attempt))


@pytest.mark.parametrize("text", ["15", "TERM", "term", "SIGTERM", "sigterm"])
def test_signals_by_number_and_name(text) -> None:
    assert signal_number(text) == signal.SIGTERM


@pytest.mark.parametrize("text", ["", "0", "65", "99", "NOPE", "-1", "SIG"])
def test_what_is_no_signal_is_refused(text) -> None:
    with pytest.raises(UsageError, match="invalid signal"):
        signal_number(text)


def test_a_journal_keeps_one_old_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(journal, "MAXIMUM", 1000)
    events = journal.Journal(tmp_path)
    for number in range(100):
        events.append("start", "0", {"number": str(number)})
    numbers = [int(event.attributes["number"]) for event in events.read()]
    assert numbers == list(range(numbers[0], 100))
    assert len(numbers) > 10
    assert sorted(path.name for path in tmp_path.iterdir()) in (
        ["journal", "journal.1"],
        ["journal.1"],
    )
    last = list(events.read())[-1].time
    assert [event.attributes["number"] for event in events.read(since=last)] == ["99"]


def test_a_line_cut_short_is_passed_over(tmp_path) -> None:
    events = journal.Journal(tmp_path)
    events.append("start", "0", {})
    with events.path.open("a") as file:
        file.write('{"status": "st\n[]\n{}\n')
    events.append("die", "0", {})
    assert [event.status for event in events.read()] == ["start", "die"]


@given(st.lists(st.integers(1, 5), max_size=12), st.integers(1, 4))
def test_no_line_is_lost_when_files_are_renamed(tmp_path_factory, rounds, kept) -> None:
    directory = tmp_path_factory.mktemp("files")
    names = [directory / f"log.{number}" for number in range(20, 0, -1)] + [directory / "log"]
    written = 0
    seen = []
    with Follower(lambda: [str(name) for name in names]) as follower:
        for number, lines in enumerate(rounds):
            for _ in range(lines):
                with (directory / "log").open("a") as file:
                    file.write(f"{written}\n")
                written += 1
            if number % kept == 0:
                seen += follower.lines(follow=False)
            for old, new in zip(names[1:], names, strict=False):
                if old.exists():
                    old.rename(new)
        seen += follower.lines(follow=False)
    assert seen == [str(number) for number in range(written)]


def test_all_are_ended_and_none_comes_back(state, containers, run) -> None:
    identity = run("sleep", "1000", name="box", restart=RestartPolicy("always"))
    waiting = run("false", name="wait", restart=RestartPolicy("always"))
    ended = list(end_all(state))
    assert f"container {identity[:12]} (box)" in ended
    for each in (identity, waiting):
        record = containers.find(each)
        assert record.status() == "exited"
        assert not record.is_alive("monitor")
    assert list(end_all(state)) == []
