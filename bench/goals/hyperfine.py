"""hyperfine as a second opinion on how long a command takes."""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path


def hyperfine(
    argv: Sequence[str],
    out: Path,
    *,
    runs: int,
    warm_up: int = 3,
    forget: Path | None = None,
    rests: bool = False,
    executor: Executor | None = None,
    env: Mapping[str, str] | None = None,
) -> list[float]:
    """Seconds of each of so many runs, without a shell and after some that don't count.

    Args:
        argv: the command.
        out: a file for hyperfine's results.
        runs: how many.
        warm_up: how many before.
        forget: a file that is removed before each run.
        rests: whether the kernel is at rest before each run, as `bench.rest` has it.
        executor: runs hyperfine in one of its threads (which may live in another mount namespace).
        env: the environment, or None for ours.
    """
    before = [shlex.join(("rm", "-f", str(forget)))] if forget else []
    before += [shlex.join((sys.executable, "-m", "bench.rest"))] if rests else []
    prepare = ("--prepare", shlex.join(("sh", "-c", "; ".join(before)))) if before else ()
    options = ("--runs", str(runs), "--warmup", str(warm_up), *prepare, "--export-json", str(out))
    command = ("hyperfine", "-N", *options, shlex.join(argv))

    def call() -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)

    executor.submit(call).result() if executor else call()
    times: list[float] = json.loads(out.read_text())["results"][0]["times"]
    return times
