import os
from pathlib import Path

import pytest

from bench.host import fingerprint
from bench.machine_id import machine_id
from results import ResultsError
from results.schema import SCHEMA_VERSION, validate

FILES = {
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "proc/cpuinfo": "processor : 0\nmodel name : Some CPU\n",
    "proc/meminfo": "MemTotal:       16384000 kB\nMemFree: 1 kB\n",
    "sys/devices/system/cpu/cpu0/topology/physical_package_id": "0",
    "sys/devices/system/cpu/cpu0/topology/core_id": "0",
    "sys/devices/system/cpu/cpu1/topology/physical_package_id": "0",
    "sys/devices/system/cpu/cpu1/topology/core_id": "1",
    "sys/class/dmi/id/product_name": "Some Board",
    "proc/sys/kernel/random/boot_id": "aaaa",
    "proc/sys/kernel/hostname": "somewhere",
    "proc/uptime": "100 200",
}


@pytest.fixture
def host(tmp_path) -> Path:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("proc/sys/kernel/random/boot_id", "bbbb"),
        ("proc/sys/kernel/hostname", "elsewhere"),
        ("proc/uptime", "1 2"),
        ("proc/meminfo", "MemTotal:       16380000 kB\nMemFree: 2 kB\n"),
    ],
)
def test_a_reboot_makes_no_other_machine(host, name, text) -> None:
    before = machine_id(host)
    write(host, name, text)
    assert machine_id(host) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("etc/machine-id", "f123456789abcdef0123456789abcdef"),
        ("proc/cpuinfo", "model name : Another CPU"),
        ("proc/meminfo", "MemTotal:       32768000 kB"),
        ("sys/devices/system/cpu/cpu1/topology/core_id", "0"),
        ("sys/devices/system/cpu/cpu2/topology/core_id", "2"),
        ("sys/class/dmi/id/product_name", "Another Board"),
    ],
)
def test_other_hardware_or_another_system_is_another_machine(host, name, text) -> None:
    before = machine_id(host)
    write(host, name, text)
    assert machine_id(host) != before


def test_it_says_nothing_of_what_it_is_made_of_and_works_where_nothing_is_told(host, tmp_path) -> None:
    for root in (host, tmp_path / "nothing"):
        assert len(machine_id(root)) == 16
        int(machine_id(root), 16)


def test_every_user_sees_the_same_machine() -> None:
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        os.write(writes, machine_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        assert pipe.read() == machine_id() == fingerprint()["machine"]


def test_the_schema_knows_it() -> None:
    block = {
        "id": "r1", "schema": SCHEMA_VERSION, "started": "2026-11-24T08:00:00Z", "finished": None,
        "complete": False, "profile": "quick", "seed": 1, "plan": {}, "host": {"machine": machine_id()},
        "subjects": [], "records": [],
    }  # fmt: skip
    validate(block)
    validate({**block, "host": {}})
    with pytest.raises(ResultsError, match=r"\$.host.machine"):
        validate({**block, "host": {"machine": "somewhere"}})
