"""The command `tarevm`: virtual machines from the command line."""

import argparse
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tare.errors import ExitCode, ImageError, TareError, UsageError
from tare.state import State

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status, that of the guest's command for `boot`."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return command(options)
    except TareError as error:
        print(f"tarevm: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"tarevm: {error.strerror}: {error.filename or 'the kernel refuses'}", file=sys.stderr)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        print("tarevm: interrupted; the machine has been removed", file=sys.stderr)
        return ExitCode.INTERRUPTED


def size(text: str) -> int:
    """Bytes of a size such as 256m.

    Raises:
        UsageError: it is none.
    """
    match = re.fullmatch(r"(\d+)([kmg]?)i?b?", text.lower())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"{text!r} is not a size", "write it as 256m or 1g")
    return int(match[1]) * _UNITS[match[2]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tarevm", description="Boot an image as a virtual machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    boot = commands.add_parser("boot", help="boot a machine, run a command in it and remove it")
    boot.set_defaults(command=_boot)
    boot.add_argument("--profile", default="vm-micro", metavar="NAME", help="vm-micro or vm-q35")
    boot.add_argument("--memory", "-m", default="256m", metavar="SIZE", help="memory, such as 256m")
    boot.add_argument("--vcpus", default="1", metavar="N", help="number of virtual processors")
    boot.add_argument("--kernel", type=Path, metavar="FILE", help="a bzImage or vmlinux to boot")
    boot.add_argument("--connect", metavar="URI", help="a libvirt to use instead of a private one")
    boot.add_argument(
        "--timeout", default="60", metavar="SECONDS", help="limit until the guest must be ready"
    )
    boot.add_argument(
        "--accelerator", choices=("auto", "kvm", "tcg"), default="auto", help="default: the proven one"
    )
    boot.add_argument(
        "--env", "-e", action="append", default=[], metavar="NAME=VALUE", help="environment, repeatable"
    )
    boot.add_argument("image", metavar="DIRECTORY", help="a root filesystem")
    boot.add_argument("argv", metavar="CMD", nargs=argparse.REMAINDER, help="the command and its arguments")
    commands.add_parser("doctor", help="say what this host can do").set_defaults(command=_doctor)
    commands.add_parser("clean", help="remove what machines left behind").set_defaults(command=_clean)
    return parser


def _boot(options: argparse.Namespace) -> int:
    from vm_baseline import Accelerator, Hypervisor, MachineSpec
    from vm_baseline.kernel import find_kernel

    state = State.default()
    spec = MachineSpec(
        options.profile,
        _rootfs(options.image),
        argv=tuple(options.argv) or None,
        env=_environment(options.env),
        kernel=find_kernel(state, options.kernel) if options.kernel else None,
        memory=size(options.memory),
        vcpus=int(_positive(options.vcpus, "a number of processors")),
        accelerator=None if options.accelerator == "auto" else Accelerator(options.accelerator),
        ready_timeout=_positive(options.timeout, "a number of seconds"),
    )
    with Hypervisor(state, options.connect) as hypervisor:
        shared = hypervisor.prepare(spec)
        started = time.monotonic_ns()
        machine = hypervisor.start(spec, prepared=shared, output=_pass_through)
        ready = machine.wait_ready()
        if spec.argv is not None:
            return machine.wait()
        print(
            f"ready after {(ready - started) / 1e9:.3f} s"
            f" ({machine.accelerator}, Linux {machine.kernel.release})"
        )
        machine.stop()
        return ExitCode.OK


def _doctor(_: argparse.Namespace) -> int:
    from vm_baseline import doctor

    checks = doctor(State.default())
    for name, ok, line in checks:
        print(f"{'ok' if ok else 'no':<3} {name:<14} {line}")
    return ExitCode.OK if all(ok for _, ok, _ in checks) else ExitCode.FAILED


def _clean(_: argparse.Namespace) -> int:
    from vm_baseline import clean

    for line in clean(State.default()):
        print(line)
    return ExitCode.OK


def _rootfs(image: str) -> Path:
    """The root directory a person means."""
    place = Path(image)
    if not image or not place.is_dir():
        raise ImageError(
            f"there is no directory {image!r}", "`tarebox image mount IMAGE` prints that of an image"
        )
    return place.absolute()


def _environment(words: list[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word[1:]:
            raise UsageError(f"{word!r} is not an environment variable", "write it as NAME=VALUE")
    return dict(word.split("=", 1) for word in words)


def _positive(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < 1_000_000:
        raise UsageError(f"{text!r} is not {what}")
    return number


def _pass_through(data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # the machine runs on when nobody reads
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]


def _terminated(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
