"""OCI runtimes that a person names by their files."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from tare.errors import UsageError


def found(given: Iterable[str]) -> dict[str, str]:
    """Absolute paths by the files' names, which their subjects get.

    Args:
        given: paths, or names on PATH.

    Raises:
        UsageError: there is no such program, or two have the same name.
    """
    programs: dict[str, str] = {}
    for text in given:
        path = shutil.which(text)
        if path is None:
            raise UsageError(f"there is no runtime {text!r}", "name a program")
        name = Path(path).name
        if name in programs or "," in name:
            raise UsageError(f"{text!r} gives a subject no name of its own", "name it by a link")
        programs[name] = str(Path(path).absolute())
    return programs
