"""Removes everything that carries the name of a state root, after a crash."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import vm_baseline
from bench.command import run
from bench.imported import discard
from bench.network import PREFIX
from bench.peer import Peer, peers
from bench.revision import roots
from runtime.clean import clean as clean_containers
from runtime.network.networks import Networks
from tare.errors import NetworkError
from tare.state import State

ELSEWHERE = "elsewhere"
"""Directory of the state below which `bench.elsewhere` has another."""


def clean(state: State) -> list[str]:
    """End and remove processes, cgroups, links, domains, mounts and files of this root; a line for each."""
    return [
        *(line for root in roots(state) for line in clean(State.at(root))),
        *_elsewhere(state),
        *_peers(state),
        *vm_baseline.clean(state),
        *_networks(state),
        *clean_containers(state),
        *(discard(state) if (state.data / "image").exists() else ()),
        *_directories(state),
    ]


def _elsewhere(state: State) -> list[str]:
    """A second root in which a killed run started what it had moved there."""
    root = state.data / ELSEWHERE
    if not root.is_dir():
        return []
    lines = clean(State.at(root))
    shutil.rmtree(root)
    return [*lines, f"directory {root}"]


def _peers(state: State) -> list[str]:
    """All at once, as each is given time to end."""
    with ThreadPoolExecutor() as pool:
        return [line for lines in pool.map(Peer.clear, peers(state)) for line in lines]


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
    for path in (state.data / "lab", state.run / "lab"):
        if path.exists():
            run(("umount", str(path)), "clean", check=False)
            shutil.rmtree(path)
            lines.append(f"directory {path}")
    return lines
