"""Goal: 200 containers in a row, through the library and the command line, leave nothing growing."""

import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from bench.goals.endurance import endure
from bench.goals.programs import TAREBOX_OCI
from runtime import ContainerSpec, Engine, Limits, bootstrap_busybox, write_bundle
from tare.state import State

_CONTAINERS = 200
_WARM_UP = 20


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

        endure(benchmark, "containers through the library", one, counts, times=_CONTAINERS, warm_up=_WARM_UP)


def test_command_line_endures(benchmark: Any, tmp_path: Path) -> None:
    """Control groups, mounts, and entries of the root directory; nothing else outlives a command."""
    state = State.at(tmp_path)
    bundle = write_bundle(_spec(state), tmp_path / "bundle", cgroups_path=f"/tare{state.tag}").parent
    root = tmp_path / "root"
    command = (TAREBOX_OCI, "--root", str(root), "run", "--bundle", str(bundle), f"tare{state.tag}")

    def counts() -> dict[str, int]:
        return {"entries": sum(1 for _ in root.rglob("*")), **_kernel(state)}

    run = partial(subprocess.run, command, check=True)
    endure(benchmark, "containers through the command line", run, counts, times=_CONTAINERS, warm_up=_WARM_UP)


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
