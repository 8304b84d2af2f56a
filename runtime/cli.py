"""The command `tarebox`: containers from the command line, with Docker's habits."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from tare.errors import ExitCode, TareError, UsageError
from tare.state import State

if TYPE_CHECKING:
    from runtime.container import Container
    from runtime.spec import ContainerSpec

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status, that of the command in the container for `run`."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except TareError as error:
        print(f"tarebox: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"tarebox: {error.strerror}: {error.filename or 'the kernel refuses'}", file=sys.stderr)
        return ExitCode.ENGINE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tarebox", description="Run a command in a container.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a command in a new container and remove it", add_help=False)
    run.add_argument("--help", action="help", help="say this")
    run.set_defaults(command=_run)
    run.add_argument("--memory", "-m", metavar="SIZE", help="memory limit, such as 64m")
    run.add_argument("--cpus", metavar="N", help="processor time limit, such as 0.5")
    run.add_argument("--pids", "--pids-limit", metavar="N", help="limit of processes and threads")
    run.add_argument("--hostname", "-h", metavar="NAME", default="tarebox", help="host name inside")
    run.add_argument(
        "--env", "-e", metavar="NAME=VALUE", action="append", default=[], help="environment, repeatable"
    )
    run.add_argument("--workdir", "-w", metavar="DIR", default="/", help="working directory")
    run.add_argument("--user", "-u", metavar="USER[:GROUP]", default="0", help="ids, or names of the image")
    run.add_argument("--read-only", action="store_true", help="make the root read-only")
    run.add_argument(
        "--in-memory",
        dest="on_disk",
        action="store_false",
        help="keep what is written in memory instead of on disk",
    )
    run.add_argument("--no-seccomp", action="store_true", help="install no system call filter")
    run.add_argument("image", metavar="IMAGE", help="a root filesystem directory, or a name in the store")
    run.add_argument("argv", metavar="CMD", nargs=argparse.REMAINDER, help="the command and its arguments")
    image = commands.add_parser("image", help="make images").add_subparsers(required=True, metavar="COMMAND")
    bootstrap = image.add_parser("bootstrap", help="make an image from the host's busybox")
    bootstrap.set_defaults(command=_bootstrap)
    bootstrap.add_argument("name", choices=["busybox"])
    commands.add_parser("clean", help="end and remove all containers").set_defaults(command=_clean)
    commands.add_parser("doctor", help="say what this host can and cannot do").set_defaults(command=_doctor)
    return parser


def _run(options: argparse.Namespace) -> int:
    from runtime.engine import Engine

    state = State.default()
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
    from runtime.images import Images
    from runtime.spec import DEFAULT_PATH, ContainerSpec, Limits, parse_size

    limits = Limits(
        memory=parse_size(options.memory) if options.memory is not None else None,
        cpus=_number(options.cpus, float, "--cpus") if options.cpus is not None else None,
        pids=_number(options.pids, int, "--pids") if options.pids is not None else None,
    )
    rootfs = Images(state).resolve(options.image)
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


def _bootstrap(options: argparse.Namespace) -> int:
    from runtime.images import Images

    print(Images(State.default()).bootstrap_busybox(options.name))
    return ExitCode.OK


def _clean(_: argparse.Namespace) -> int:
    from runtime.clean import clean

    for line in clean(State.default()):
        print(f"removed {line}")
    return ExitCode.OK


def _doctor(_: argparse.Namespace) -> int:
    from runtime.doctor import doctor

    checks = doctor(State.default())
    for check in checks:
        print(f"{'ok' if check.ok else 'no':3} {check.name}: {check.line}")
    return ExitCode.OK if all(check.ok for check in checks) else ExitCode.FAILED
