# ruff: noqa: PTH106, PTH208 - plain strings and descriptors, as in system calls
"""Removing all that a state left on the host, also after a crash, found by the name it carries."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from runtime import device_nodes, syscalls, teardown
from runtime.cgroups import detect, files
from tare.state import PREFIX, State

_DEATH_TIMEOUT = 10_000


def clean(state: State) -> list[str]:
    """End and remove everything of this state's runtime; also what is in use.

    Returns:
        What was removed, one line each.

    Raises:
        NetworkError: a link can't be removed.
        OSError: a group or directory can't be removed.
    """
    name = PREFIX + state.tag
    # Their monitors would start some of them again.
    detached = _end_detached(state)
    groups = list(_groups(name))
    return [
        *detached,
        *_end(dict(_launchers(name)), "launcher"),
        *_end(dict.fromkeys(_members(groups), name) | dict(_rooted(name)), "process"),
        *_unmount(name),
        *_remove_groups(groups),
        *_remove_links(state, name),
        *_remove_directories(state),
        *_sweep_layers(state),
        *_end_holder(),
    ]


def _end_detached(state: State) -> list[str]:
    if not (state.data / "containers2").is_dir():
        return []
    from runtime.lifecycle import cleaning

    return list(cleaning.end_all(state))


def _launchers(name: str) -> Iterator[tuple[int, str]]:
    for pid in _pids():
        with suppress(OSError):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"runtime.launcher" in b"".join(arguments[4:5]) and name.encode() in arguments[5:]:
                yield pid, name


def _rooted(name: str) -> Iterator[tuple[int, str]]:
    """Processes with a root mount of ours."""
    for pid in _pids():
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
                source = line.partition(" - ")[2].split(" ")[1]
                if source.startswith(f"{name}-"):
                    yield pid, source


def _pids() -> list[int]:
    own = os.getpid()
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != own]


def _groups(name: str) -> Iterator[str]:
    version1, unified = detect.hierarchies(Path("/proc/self/mountinfo").read_text())
    tops = [hierarchy.mountpoint for hierarchy in version1] + ([unified] if unified else [])
    usual = [f"{top}/{name}{kind}" for top in tops for kind in ("", device_nodes.PARENT)]
    for parent in [*usual, *sorted(set(detect.driver(name).parents()) - set(usual))]:
        yield from files.below(parent)


def _members(groups: list[str]) -> Iterator[int]:
    for group in groups:
        with suppress(OSError):
            yield from map(int, Path(group, "cgroup.procs").read_text().split())


def _end(processes: dict[int, str], kind: str) -> Iterator[str]:
    for pid, name in processes.items():
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(_DEATH_TIMEOUT)
        except ProcessLookupError:
            continue
        finally:
            os.close(descriptor)
        yield f"{kind} {pid} of {name}"


def _unmount(name: str) -> Iterator[str]:
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        before, _, after = line.partition(" - ")
        if after.split(" ")[1].startswith(f"{name}-"):
            mountpoint = before.split(" ")[4].encode().decode("unicode_escape")
            syscalls.umount2(mountpoint, syscalls.MNT_DETACH)
            yield f"mount {mountpoint}"


def _remove_groups(groups: list[str]) -> Iterator[str]:
    for group in groups:
        try:
            os.rmdir(group)
        except FileNotFoundError:
            continue
        yield f"control group {group}"


def _remove_links(state: State, name: str) -> Iterator[str]:
    has_links = any(link.startswith(name) for link in os.listdir("/sys/class/net"))
    if has_links or (state.run / "networks").is_dir():
        from runtime.network import clean as network

        yield from network.clean(state)


def _sweep_layers(state: State) -> list[str]:
    if not (state.data / "layers").is_dir():
        return []
    from runtime.storage import clean as storage

    return storage.sweep(state)


def _end_holder() -> list[str]:
    from runtime.rootless import ending

    return list(ending.end())


def _remove_directories(state: State) -> Iterator[str]:
    leftovers = [*state.data.glob("containers/*"), *state.data.glob("cache/rootfs/.new-*")]
    for path in leftovers:
        teardown.remove_tree(str(path))
        yield f"directory {path}"
