"""Goal: 200 containers in a row, through the library and the command line, leave nothing growing."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from bench.goals.programs import TAREBOX_OCI
from runtime import ContainerSpec, Engine, Limits, bootstrap_busybox, write_bundle
from tare.state import State

_CONTAINERS = 200
_WARM_UP = 20
_SLACK = 16 << 10
"""Bytes by which resident memory may differ: a few pages come and go with the kernel's accounting."""


def test_library_endures(benchmark: Any, tmp_path: Path) -> None:
    """Memory and descriptors of the launcher, descriptors of this process, control groups and mounts."""
    state = State.at(tmp_path)
    spec = _spec(state)
    with Engine(state) as engine, Path(os.devnull).open("r+b") as null:
        stdio = {"stdin": null.fileno(), "stdout": null.fileno(), "stderr": null.fileno()}
        (launcher,) = psutil.Process().children()

        def one() -> None:
            container = engine.start(spec, **stdio)
            assert container.wait() == 0
            container.remove()

        def counts() -> dict[str, int]:
            return {
                "launcher's bytes": launcher.memory_info().rss,
                "launcher's descriptors": launcher.num_fds(),
                "own descriptors": psutil.Process().num_fds(),
                **_kernel(state),
            }

        _endure(benchmark, "library", one, counts)


def test_command_line_endures(benchmark: Any, tmp_path: Path) -> None:
    """Control groups, mounts, and entries of the root directory; nothing else outlives a command."""
    state = State.at(tmp_path)
    bundle = write_bundle(_spec(state), tmp_path / "bundle", cgroups_path=f"/tare{state.tag}").parent
    root = tmp_path / "root"
    command = (TAREBOX_OCI, "--root", str(root), "run", "--bundle", str(bundle), f"tare{state.tag}")

    def counts() -> dict[str, int]:
        return {"entries": sum(1 for _ in root.rglob("*")), **_kernel(state)}

    _endure(benchmark, "command line", lambda: subprocess.run(command, check=True), counts)


def _endure(
    benchmark: Any, name: str, one: Callable[[], object], counts: Callable[[], dict[str, int]]
) -> None:
    """Run them; what grows does so in both halves, while an allocator takes a new piece of memory once."""
    seen: list[dict[str, int]] = []

    def containers() -> None:
        for number in range(-_WARM_UP, _CONTAINERS + 1):
            if number in (0, _CONTAINERS // 2, _CONTAINERS):
                seen.append(counts())
            one()

    benchmark.pedantic(containers)
    benchmark.extra_info["counts"] = seen
    before, halfway, after = seen
    growth = {what: min(halfway[what] - first, after[what] - halfway[what]) for what, first in before.items()}
    grown = {what for what, by in growth.items() if by > (_SLACK if what.endswith("bytes") else 0)}
    print(
        f"\n{_CONTAINERS} containers through the {name}:"
        f" {', '.join(f'{what} {before[what]} {by:+d}' for what, by in growth.items())}"
        f" (goal no growth: {'missed' if grown else 'met'})"
    )
    assert not grown


def _spec(state: State) -> ContainerSpec:
    limits = Limits(memory=64 << 20, cpus=1.0, pids=100)
    return ContainerSpec(bootstrap_busybox(state), ("/bin/true",), limits=limits)


def _kernel(state: State) -> dict[str, int]:
    groups = (name for _, names, _ in os.walk("/sys/fs/cgroup") for name in names)
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return {
        "control groups": sum(state.tag in name for name in groups),
        "mounts": sum(state.tag in line or str(state.data) in line for line in mounts),
    }
