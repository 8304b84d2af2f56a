"""`tarebox run`: a command in a new container, which is removed at its end."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tare.errors import UsageError
from tare.state import State

if TYPE_CHECKING:
    from runtime.container import Container
    from runtime.spec import ContainerSpec

SUMMARY = "run a command in a new container"
FAILURE = 125

_Number = TypeVar("_Number", int, float)
_FORWARDED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCONT,
    signal.SIGWINCH,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("--memory", "-m", metavar="SIZE", help="memory limit, such as 64m")
    parser.add_argument("--cpus", metavar="N", help="processor time limit, such as 0.5")
    parser.add_argument("--pids", "--pids-limit", metavar="N", help="limit of processes and threads")
    parser.add_argument("--hostname", "-h", metavar="NAME", default="tarebox", help="host name inside")
    parser.add_argument(
        "--env", "-e", metavar="NAME=VALUE", action="append", default=[], help="environment, repeatable"
    )
    parser.add_argument("--workdir", "-w", metavar="DIR", default="/", help="working directory")
    parser.add_argument(
        "--user", "-u", metavar="USER[:GROUP]", default="0", help="ids, or names of the image"
    )
    parser.add_argument("--read-only", action="store_true", help="make the root read-only")
    parser.add_argument(
        "--in-memory",
        dest="on_disk",
        action="store_false",
        help="keep what is written in memory instead of on disk",
    )
    parser.add_argument("--no-seccomp", action="store_true", help="install no system call filter")
    parser.add_argument("image", metavar="IMAGE", help="a root filesystem directory, or a name in the store")
    parser.add_argument("argv", metavar="CMD", nargs=argparse.REMAINDER, help="the command and its arguments")


def run(options: argparse.Namespace, state: State) -> int:
    """Run it; its exit status."""
    from runtime.engine import Engine

    with Engine(state) as engine:
        # The launcher is on its way meanwhile.
        spec = _spec(options, state)
        # A signal that comes before there is a container to forward it to is kept until there is.
        signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
        container = engine.start(spec)
        _forward_signals(container)
        status = container.wait()
        if status == 128 + signal.SIGKILL and container.oom_killed:
            print("tarebox: killed for exceeding its memory limit; raise --memory", file=sys.stderr)
        return status


def _spec(options: argparse.Namespace, state: State) -> "ContainerSpec":
    from runtime import users
    from runtime.image.store import ImageStore
    from runtime.rootfs import flatten
    from runtime.spec import DEFAULT_PATH, ContainerSpec, Limits, parse_size

    limits = Limits(
        memory=parse_size(options.memory) if options.memory is not None else None,
        cpus=_number(options.cpus, float, "--cpus") if options.cpus is not None else None,
        pids=_number(options.pids, int, "--pids") if options.pids is not None else None,
    )
    is_path = "/" in options.image and Path(options.image).is_dir()
    rootfs = Path(options.image) if is_path else flatten(state, ImageStore(state).get(options.image))
    uid, gid = users.lookup(rootfs, options.user)
    environment = {"PATH": DEFAULT_PATH, "HOSTNAME": options.hostname, "HOME": "/root" if uid == 0 else "/"}
    for setting in options.env:
        name, given, value = setting.partition("=")
        if not name:
            raise UsageError(f"{setting!r} sets no variable", "write NAME=VALUE")
        if given or name in os.environ:
            environment[name] = value if given else os.environ[name]
    return ContainerSpec(
        rootfs=rootfs,
        argv=tuple(options.argv),
        env=environment,
        cwd=options.workdir,
        hostname=options.hostname,
        uid=uid,
        gid=gid,
        limits=limits,
        read_only=options.read_only,
        on_disk=options.on_disk,
        seccomp=not options.no_seccomp,
    )


def _number(text: str, kind: Callable[[str], _Number], option: str) -> _Number:
    try:
        return kind(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is no number", "write one such as 2") from None


def _forward_signals(container: "Container") -> None:
    # A handler may interrupt the thread that fetches the pidfd, so it is fetched before.
    _ = container.pidfd
    for number in _FORWARDED:
        signal.signal(number, lambda number, _: container.deliver(number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
