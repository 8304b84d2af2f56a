"""What a subject needs of the host."""

import os
import shutil
from collections.abc import Callable

from bench.command import run
from bench.subject import Availability, SubjectError


def installed(*programs: str, version: tuple[str, ...], prefix: str) -> Availability:
    """Whether we are root and programs on PATH, and what one of them says of its version after `prefix`."""
    if os.geteuid() != 0:
        return Availability(False, f"{programs[0]} is measured as root only; run with sudo")
    for program in programs:
        if shutil.which(program) is None:
            return Availability(False, f"{program} is not installed")
    try:
        lines = run(version, version[0]).stdout.decode().strip().splitlines()
    except SubjectError as error:
        return Availability(False, str(error))
    if not lines:
        return Availability(False, f"{version[0]} doesn't say its version")
    return Availability(True, version=lines[0].removeprefix(prefix).strip())


def with_mounts(found: Availability, make: Callable[[], object]) -> Availability:
    """The same, unless what `make` makes, a mount namespace, is forbidden to us."""
    if found.usable:
        try:
            make()
        except OSError as error:
            return Availability(False, f"it needs a mount namespace of its own: {error.strerror}")
    return found
