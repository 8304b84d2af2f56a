"""Removes everything that carries the name of a state root, after a crash."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import psutil

import vm_baseline
from bench.command import run
from bench.network import PREFIX
from runtime.clean import clean as clean_containers
from runtime.network.networks import Networks
from tare.errors import NetworkError
from tare.state import State

_GRACE = 10.0


def clean(state: State) -> list[str]:
    """End and remove processes, cgroups, links, domains, mounts and files of this root; a line for each."""
    return [
        *_dockers(state),
        *vm_baseline.clean(state),
        *_networks(state),
        *clean_containers(state),
        *_directories(state),
    ]


def _dockers(state: State) -> list[str]:
    root = str(state.run / "docker")
    found = [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and any(root in argument for argument in _argv(process))
    ]
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
    _, stubborn = psutil.wait_procs(found, timeout=_GRACE)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=_GRACE)
    lines = [f"process {process.pid} of docker" for process in found]
    for cgroup in Path("/sys/fs/cgroup").glob(f"*/tarebench-{state.tag}-docker"):
        for directory in sorted(cgroup.rglob("*/"), reverse=True):
            directory.rmdir()
        cgroup.rmdir()
        lines.append(f"cgroup {cgroup}")
    return lines


def _argv(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def _networks(state: State) -> list[str]:
    if not list(state.data.glob(f"networks/{PREFIX}*")):
        return []
    networks = Networks(state)
    networks.sweep()
    lines = []
    for network in networks.list():
        if network.name.startswith(PREFIX):
            # A harness that still runs removes its own.
            with suppress(NetworkError):
                lines.append(f"network {networks.remove(network.name).name}")
    return lines


def _directories(state: State) -> list[str]:
    lines = []
    for path in (state.data / "docker", state.run / "docker", state.data / "lab", state.run / "lab"):
        if path.exists():
            run(("umount", str(path)), "clean", check=False)
            shutil.rmtree(path)
            lines.append(f"directory {path}")
    return lines
