"""Whether a systemd unit runs (systemctl(1))."""

import errno
import subprocess
from dataclasses import dataclass

PREFIX = "service:"
ACTIVE, INACTIVE = "active", "inactive"


@dataclass(frozen=True)
class Service:
    """A unit that is started or stopped until the next boot; its value is "active" or "inactive"."""

    unit: str

    @property
    def key(self) -> str:
        """Its name, marked as no file's."""
        return PREFIX + self.unit

    def is_known(self) -> bool:
        """Whether systemd runs this host and has the unit."""
        try:
            return self._ask("LoadState") == "loaded"
        except OSError:
            return False

    def read(self) -> str:
        """Whether it runs. Raises: OSError: systemd doesn't say."""
        return ACTIVE if self._ask("ActiveState") in (ACTIVE, "activating", "reloading") else INACTIVE

    def write(self, value: str) -> None:
        """Start or stop it. Raises: OSError: systemd can't."""
        self._call("start" if value == ACTIVE else "stop", self.unit)

    def _ask(self, name: str) -> str:
        return self._call("show", f"--property={name}", "--value", self.unit)

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            ("systemctl", *arguments),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise OSError(errno.EIO, (done.stderr.strip().splitlines() or ["systemctl failed"])[-1])
        return done.stdout.strip()
