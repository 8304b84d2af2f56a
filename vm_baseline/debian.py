"""Files of Debian packages without installing them, of the host's architecture or of another one.

For another one apt gets a configuration with a state of its own, so that the host's knows nothing of it.
Source: apt.conf(5), "Directories" and "#clear"; apt-get(8), `download`; dpkg-deb(1).
"""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tare.state import State
from vm_baseline.architecture import Architecture, host_name
from vm_baseline.cache import cached
from vm_baseline.errors import KernelError

_CONFIGURATION = """\
// The host's own commands after an update are none of this one's business.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
APT::Architecture "{name}";
APT::Architectures {{ "{name}"; }};
Dir::State "{place}/state";
Dir::State::status "{place}/status";
Dir::Cache "{place}/cache";
"""


class Packages:
    """The packages of an architecture that the host's distribution has.

    Args:
        state: where what apt knows of a foreign architecture is kept.
        architecture: of the packages.

    Raises:
        KernelError: the host has no apt, or it can't reach what it needs.
    """

    def __init__(self, state: State, architecture: Architecture) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise KernelError("the host has no apt", "use --kernel FILE")
        self._options: list[str] = []
        if architecture.name != host_name():
            place = cached(
                state.data / "apt" / architecture.debian, lambda product: _furnish(product, architecture)
            )
            self._options = ["-c", str(place / "apt.conf")]

    def behind(self, metapackage: str, pattern: str) -> list[str]:
        """The packages whose names match, on which a package depends."""
        command = ["apt-cache", *self._options, "depends", "--recurse", "--important", metapackage]
        listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return sorted(set(re.findall(rf"^({pattern})$", listing, re.MULTILINE)))

    def has(self, name: str) -> bool:
        """Whether there is a package of that name."""
        command = ["apt-cache", *self._options, "show", name]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def unpack(self, names: Iterable[str], directory: Path) -> None:
        """Download packages and put their files below a directory.

        Raises:
            KernelError: a package can't be had.
        """
        _run(["apt-get", *self._options, "download", "-q", *names], directory)
        for archive in directory.glob("*.deb"):
            _run(["dpkg-deb", "-x", archive.name, "."], directory)
            archive.unlink()


def _furnish(product: Path, architecture: Architecture) -> None:
    """What apt needs for an architecture, with its lists; the paths are those that it will have."""
    final = product.parent.parent / product.name
    for place in ("state/lists/partial", "cache/archives/partial"):
        (product / place).mkdir(parents=True)
    (product / "status").touch()
    configuration = product / "apt.conf"
    configuration.write_text(_CONFIGURATION.format(name=architecture.debian, place=product))
    _run(["apt-get", "-c", str(configuration), "update", "-q"], product)
    configuration.write_text(_CONFIGURATION.format(name=architecture.debian, place=final))


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        message = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise KernelError(f"{command[0]} failed: {message}", "run apt-get update, or use --kernel FILE")
