"""The programs of other packages that this one needs."""

import os
import shutil
import subprocess
from pathlib import Path

from tare import owners
from vm_baseline.errors import HypervisorError

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def run(
    tool: str,
    *arguments: str,
    package: str,
    environment: dict[str, str] | None = None,
    given: str | None = None,
    tree: Path | None = None,
) -> str:
    """Run a tool for its output.

    Args:
        tool: the program.
        arguments: its.
        package: that has it.
        environment: variables besides ours.
        given: its standard input.
        tree: a directory whose files it sees as they are in their image, see `tare.owners`.

    Raises:
        HypervisorError: it is missing or fails.
    """
    command = [require(tool, package), *arguments]
    if tree and (shown := owners.command(tree)):
        require("fakeroot", "fakeroot")
        command = [*shown, *command]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, input=given,
        env={**os.environ, "PATH": _PATH, "LC_ALL": "C", **(environment or {})},
    )  # fmt: skip
    if done.returncode:
        message = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise HypervisorError(f"{tool} failed: {message}")
    return done.stdout


def require(tool: str, package: str) -> str:
    """Where a tool is.

    Raises:
        HypervisorError: it is missing.
    """
    if (found := shutil.which(tool, path=_PATH)) is None:
        raise HypervisorError(f"{tool} is missing", f"install the package {package} or run tools/setup")
    return found
