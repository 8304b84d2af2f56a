"""An ordinary user whom the host doesn't know, with subordinate ids, in a mount namespace."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import bench
from bench.mounts import without_unified_cgroup
from bench.subject import SubjectError

ID = 1_900_000_000
"""The user's and their group's; systemd gives none so high to anybody (systemd, UIDS-GIDS.md)."""
COUNT = 65_536
"""Of the subordinate ids, which follow the user's own."""
NAME = "tarebench"

# Directories that are closed to others are covered by one that shows only what is needed of them.
_STAGE = """\
mkdir -p "$PLACE/stage"
mount -t tmpfs -o mode=755 tare "$PLACE/stage"
cd "$PLACE/stage"
{ cat /etc/passwd; echo "$NAME:x:$ID:$ID::$PLACE/home:/bin/sh"; } >passwd
echo "$NAME:$FIRST:$COUNT" >subids
mknod -m 666 tun c 10 200
mknod -m 666 fuse c 10 229
show() { [ -e "$2" ] || : >"$2"; mount --bind "$1" "$2"; }
show passwd /etc/passwd
show subids /etc/subuid
show subids /etc/subgid
mkdir -p /dev/net
show tun /dev/net/tun
show fuse /dev/fuse
number=0
for closed in $CLOSED; do
    number=$((number + 1))
    mkdir "closed$number"
    for path in $NEEDED; do
        case $path in "$closed"/*)
            mkdir -p "closed$number${path#"$closed"}"
            mount --rbind "$path" "closed$number${path#"$closed"}" ;;
        esac
    done
    mount --rbind "closed$number" "$closed"
done
"""


def become(user: int = ID) -> tuple[str, ...]:
    """What a command of theirs begins with."""
    return ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")


@contextmanager
def ordinary(place: Path, user: int = ID, *shown: Path) -> Iterator[ThreadPoolExecutor]:
    """A one-thread executor whose children find the user, this program, and `place` with the user's `home`.

    Args:
        place: an existing directory.
        user: the user's id and their group's.
        shown: what else has to be seen, though it be in a directory that is closed to others.

    Raises:
        OSError: the host does not let us make a mount namespace.
        SubjectError: it does not let us mount in it.
    """
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, user, user)
    place.chmod(0o755)
    packages = (Path(path).parent for path in bench.__path__)
    needed = list(dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix), *packages, *shown, place)))
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PLACE": str(place),
        "NAME": NAME,
        "ID": str(user),
        "FIRST": str(user + 1),
        "COUNT": str(COUNT),
        "CLOSED": " ".join(map(str, _closed(needed))),
        "NEEDED": " ".join(map(str, needed)),
    }
    with without_unified_cgroup() as executor:
        command = ("sh", "-ec", _STAGE)
        stage = executor.submit(subprocess.run, command, env=environment, capture_output=True, check=False)
        done: subprocess.CompletedProcess[bytes] = stage.result()
        if done.returncode:
            raise SubjectError(f"no place for an ordinary user: {done.stderr.decode().strip()}")
        yield executor


def _closed(paths: Iterable[Path]) -> Iterator[Path]:
    parents = (parent for path in paths for parent in reversed(path.parents))
    yield from (parent for parent in dict.fromkeys(parents) if not parent.stat().st_mode & 0o001)
