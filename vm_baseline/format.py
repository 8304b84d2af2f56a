"""Formats of disk images; one file in `formats/` each."""

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tare.errors import UsageError
from vm_baseline.tools import run


@dataclass(frozen=True)
class Format:
    """One format.

    Args:
        name: qemu-img's, and what a file's name ends with.
        options: of qemu-img for a new image, as `-o` has them.
    """

    name: str
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    def convert(self, raw: Path, dest: Path) -> None:
        """Write a raw image in this format.

        Raises:
            HypervisorError: qemu-img is missing or fails.
        """
        options = [word for option in self.options for word in ("-o", option)]
        run("qemu-img", "convert", "-f", "raw", "-O", self.name, *options, str(raw), str(dest),
            package="qemu-utils")  # fmt: skip


@cache
def formats() -> dict[str, Format]:
    """All formats by name; a module in `vm_baseline.formats` with a FORMAT is one."""
    package = importlib.import_module("vm_baseline.formats")
    modules = (
        importlib.import_module(f"{package.__name__}.{m.name}")
        for m in pkgutil.iter_modules(package.__path__)
    )
    return {module.FORMAT.name: module.FORMAT for module in modules}


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return formats()[name]
    except KeyError:
        raise UsageError(
            f"there is no disk format {name}", f"choose one of {', '.join(sorted(formats()))}"
        ) from None
