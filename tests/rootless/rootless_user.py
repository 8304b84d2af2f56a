"""An ordinary user whom this host doesn't know, with subordinate ids, in a private mount namespace."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

PROJECT = Path(__file__).parents[2]
COUNT = 65_536
_NUMBERS = itertools.count()
_NEEDED = (Path(sys.base_prefix), Path(sys.prefix), PROJECT)
# Where a directory is closed to others, only what is needed shows through.
_STAGE = """\
set -e
mount -t tmpfs -o mode=755 tmpfs "$PLACE/stage"
cd "$PLACE/stage"
cat /etc/passwd - >passwd <<END
rootless:x:$ID:$ID::$PLACE/home:/bin/sh
END
echo "$RANGES" >subuid
[ -n "$RANGES" ] || : >subuid
mknod -m "$TUNNEL" tun c 10 200
mknod -m 666 fuse c 10 229
mount --bind passwd /etc/passwd
touch_bind() { [ -e "$2" ] || : >"$2"; mount --bind "$1" "$2"; }
touch_bind subuid /etc/subuid
touch_bind subuid /etc/subgid
mount --bind tun /dev/net/tun
mount --bind fuse /dev/fuse
for program in $WITHOUT; do mount --bind /dev/null "$(command -v "$program")"; done
number=0
for closed in $CLOSED; do
    number=$((number + 1))
    mkdir "closed$number"
    for path in $PATHS; do
        case $path in "$closed"/*)
            mkdir -p "closed$number${path#"$closed"}"
            mount --rbind "$path" "closed$number${path#"$closed"}" ;;
        esac
    done
    mount --rbind "closed$number" "$closed"
done
echo ready
exec cat
"""


class User:
    """Runs commands as the user.

    Args:
        uid: also the group's id.
        first_id: of the subordinate ones.
        place: directory on a real disk, with the user's `home` and runtime directory `run`.
        stage: pid of a process in the mount namespace.
    """

    def __init__(self, uid: int, first_id: int, place: Path, stage: int) -> None:
        self.uid = uid
        self.first_id = first_id
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
        enter = ["nsenter", f"--mount=/proc/{self._stage}/ns/mnt", f"--wd={self.home}"]
        become = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        settings = [f"{name}={value}" for name, value in values.items()]
        return [*enter, *become, "env", "-i", *settings, *argv]

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
        own = {self.uid, *range(self.first_id, self.first_id + COUNT)}
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
    number = next(_NUMBERS)
    uid = 20_000 + (os.getpid() + number) % 10_000
    first_id = 300_000 + number * COUNT
    place = Path(tempfile.mkdtemp(prefix="rootless-", dir="/var/tmp"))
    place.chmod(0o755)
    for name in ("stage", "home", "run"):
        (place / name).mkdir(mode=0o700)
        if name != "stage":
            os.chown(place / name, uid, uid)
    closed = dict.fromkeys(
        str(parent)
        for path in _NEEDED
        for parent in reversed(path.parents)
        if not parent.stat().st_mode & 0o001
    )
    environment = {
        **os.environ,
        "PLACE": str(place),
        "ID": str(uid),
        "RANGES": f"rootless:{first_id}:{COUNT}" if ranges else "",
        "TUNNEL": "666" if tunnel else "600",
        "WITHOUT": without,
        "CLOSED": " ".join(closed),
        "PATHS": " ".join(str(path) for path in dict.fromkeys(_NEEDED)),
    }
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _STAGE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as stage:
        assert stage.stdin and stage.stdout
        try:
            assert stage.stdout.readline() == "ready\n"
            user = User(uid, first_id, place, stage.pid)
            yield user
            user.ok("clean")
            assert user.processes() == []
            assert [path.name for path in user.holder.iterdir()] == ["lock"]
        finally:
            stage.stdin.close()
            stage.wait()
            shutil.rmtree(place)
