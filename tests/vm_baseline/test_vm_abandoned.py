"""The next open of a state ends what processes that were killed left running."""

import os
import random
import signal
import subprocess
import sys

import pytest
from vm_remains import PROFILES, remains

from tare.state import State
from vm_baseline import Accelerator, Hypervisor, MachineSpec, clean
from vm_baseline.connection import WORKER
from vm_baseline.place import data_directory, link_path
from vm_baseline.prepared import prepare
from vm_baseline.processes import command_lines

MOMENTS = 8
LATEST = 1.6
"""Seconds in which the command line is loaded, libvirt started, the domain created and its kernel entered."""
VICTIMS = ("harness", "libvirt", "both")


def victims(state: State, harness: "subprocess.Popen[bytes]", who: str) -> list[int]:
    places = {str(state.run), str(link_path(state))}
    workers = [pid for pid, words in command_lines() if WORKER in words and not places.isdisjoint(words)]
    return [harness.pid] * (who != "libvirt") + workers * (who != "harness")


@pytest.fixture(scope="module")
def home(data, rootfs, tmp_path_factory) -> State:
    """What a start would build first is there, so that all moments are in the start itself."""
    root = tmp_path_factory.mktemp("home")
    (root / "data").symlink_to(data)
    for profile in PROFILES:
        prepare(State.at(root), MachineSpec(profile, rootfs, accelerator=Accelerator.TCG))
    return State.at(root)


def opened(state: State) -> None:
    with Hypervisor(state):
        pass


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_whatever_is_killed_in_a_start_the_next_open_leaves_nothing(home, rootfs, moment) -> None:
    chance = random.Random(moment)
    after = (moment + chance.random()) * LATEST / MOMENTS
    command = [
        sys.executable,
        "-m",
        "vm_baseline.cli",
        "run",
        "--accelerator",
        "tcg",
        "--profile",
        chance.choice(PROFILES),
    ]
    with subprocess.Popen(
        [*command, str(rootfs), "sleep", "999"],
        env={**os.environ, "TAREBENCH_ROOT": str(home.run.parent)},
        stderr=subprocess.DEVNULL,
    ) as harness:
        with pytest.raises(subprocess.TimeoutExpired):
            harness.wait(after)
        for pid in victims(home, harness, VICTIMS[moment % len(VICTIMS)]):
            os.kill(pid, signal.SIGKILL)
        # Without libvirt the machine runs on, until the harness ends it.
        harness.terminate()
    opened(home)
    assert remains(home) == []
    assert clean(home) in ([], [f"removed {link_path(home)}"])


@pytest.mark.parametrize("end", [opened, clean])
def test_a_killed_machines_disk_goes_whichever_way_it_is_found(home, rootfs, end) -> None:
    words = ["run", "--accelerator", "tcg", "--profile", "vm-q35", rootfs, "sh", "-c", "echo up; sleep 999"]
    with subprocess.Popen(
        [sys.executable, "-m", "vm_baseline.cli", *words],
        env={**os.environ, "TAREBENCH_ROOT": str(home.run.parent)},
        stdout=subprocess.PIPE,
    ) as harness:
        assert harness.stdout.readline() == b"up\n"
        assert len(list(data_directory(home).glob("vm/*/disk.qcow2"))) == 1
        for pid in victims(home, harness, "both"):
            os.kill(pid, signal.SIGSTOP)
        for pid in victims(home, harness, "both"):
            os.kill(pid, signal.SIGKILL)
    end(home)
    assert remains(home) == []
