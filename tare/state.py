"""The one root under which all state lives, and the tag that marks what it made in the kernel."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tare.hashing import sha256

PREFIX = "tare"


@dataclass(frozen=True)
class State:
    """Directories of one Tarebench installation.

    Args:
        data: what outlives a reboot (images, kernels, disks, cached probes), and files of any size.
        run: what belongs to running instances (sockets, pid files); it may be memory.
    """

    data: Path
    run: Path

    @classmethod
    def at(cls, root: Path) -> "State":
        """State wholly below one directory, as TAREBENCH_ROOT asks for."""
        return cls(data=root / "data", run=root / "run")

    @classmethod
    def default(cls) -> "State":
        """TAREBENCH_ROOT, or the system directories as root, or the XDG ones (XDG Base Directory 0.8)."""
        if root := os.environ.get("TAREBENCH_ROOT"):
            return cls.at(Path(root).absolute())
        if os.geteuid() == 0 and not os.environ.get("TAREBOX_ROOTLESS"):
            return cls(data=Path("/var/lib/tarebench"), run=Path("/run/tarebench"))
        home = Path.home()
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "tarebench"
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        return cls(data=data, run=Path(runtime) / "tarebench" if runtime else data / "run")

    @cached_property
    def tag(self) -> str:
        """Six hex digits that tell this root's kernel objects from another root's; at most 6 characters."""
        return sha256(str(self.run).encode()).hexdigest()[:6]

    def directory(self, *parts: str, volatile: bool = False) -> Path:
        """The directory of that name below `data` (or `run` when volatile), made when missing, mode 0700."""
        path = (self.run if volatile else self.data).joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path
