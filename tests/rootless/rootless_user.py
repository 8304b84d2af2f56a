"""An ordinary user as the harness makes one, and what tests do as that user."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from bench import ordinary as harness
from bench.ordinary import COUNT, ID, become

PROJECT = Path(__file__).parents[2]
_NUMBERS = itertools.count()
_APART = 100_000
_MOST = 2_000


class User:
    """Runs commands as the user.

    Args:
        uid: also the group's id.
        place: directory on a real disk, with the user's `home` and runtime directory `run`.
        stage: the user's mount namespace, as a file.
    """

    def __init__(self, uid: int, place: Path, stage: Path) -> None:
        self.uid = uid
        self.first_id = uid + 1
        self.home = place / "home"
        self.runtime = place / "run"
        self.data = self.home / ".local/share/tarebench"
        self.holder = self.runtime / "tarebench/rootless"
        self._stage = stage

    def command(self, *argv: str, **environment: str) -> list[str]:
        """The words that run a command as the user."""
        values = {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **environment,
        }
        enter = ["nsenter", f"--mount={self._stage}", f"--wd={self.home}"]
        settings = [f"{name}={value}" for name, value in values.items()]
        return [*enter, *become(self.uid), "env", "-i", *settings, *argv]

    def run(self, *argv: str, timeout: float = 60, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        command = self.command(*argv, **environment)
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    def box(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `tarebox`."""
        return self.run("tarebox", *arguments)

    def ok(self, *arguments: str) -> str:
        """What `tarebox` prints, which has to succeed."""
        done = self.box(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout.strip()

    def inside(self, name: str) -> Any:
        """What a function of rootless_inside returns."""
        done = self.run("python", str(Path(__file__).with_name("rootless_inside.py")), name)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def processes(self) -> list[str]:
        """What runs under the user's ids."""
        own = range(self.uid, self.first_id + COUNT)
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.uids().real in own and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid} {' '.join(process.cmdline())}")
        return found


@contextlib.contextmanager
def ordinary(*, ranges: bool = True, tunnel: bool = True, without: str = "") -> Iterator[User]:
    """A user, of whom nothing may be left in the end.

    Args:
        ranges: whether there are subordinate ids.
        tunnel: whether the user may make tunnels.
        without: a program that isn't there.
    """
    uid = ID + _APART * (1 + (os.getpid() + next(_NUMBERS)) % _MOST)
    place = Path(tempfile.mkdtemp(prefix="rootless-", dir="/var/tmp"))
    (place / "run").mkdir(mode=0o700)
    os.chown(place / "run", uid, uid)
    missing = [
        *([] if ranges else [": >/etc/subuid"]),
        *([] if tunnel else ["chmod 600 /dev/net/tun"]),
        *([f'mount --bind /dev/null "$(command -v {without})"'] if without else []),
    ]
    try:
        with harness.ordinary(place, uid, PROJECT) as stage:
            stage.submit(subprocess.run, ("sh", "-ec", "\n".join(missing)), check=True).result()
            thread = stage.submit(threading.get_native_id).result()
            user = User(uid, place, Path(f"/proc/{os.getpid()}/task/{thread}/ns/mnt"))
            yield user
            user.ok("clean")
            assert user.processes() == []
            assert [path.name for path in user.holder.iterdir()] == ["lock"]
    finally:
        shutil.rmtree(place)
