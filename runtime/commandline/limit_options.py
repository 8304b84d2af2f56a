"""The options that limit a container, of `run`, `create` and `update`."""

import argparse
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tare.errors import UsageError

if TYPE_CHECKING:
    from runtime.spec import Limits

_Number = TypeVar("_Number", int, float)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those that can change while a container runs."""
    group = parser.add_argument_group("limits")
    add = group.add_argument
    add("-m", "--memory", metavar="SIZE", default="", help="memory, such as 64m")
    add("--memory-swap", metavar="SIZE", default="", help="memory and swap together, -1 for no limit of swap")
    add("--memory-reservation", metavar="SIZE", default="", help="memory it is left when memory is short")
    add("--cpus", metavar="N", help="processors' worth of time, such as 0.5")
    add("--cpu-shares", metavar="N", default=0, type=int, help="share of time when processors are short")
    add("--cpu-period", metavar="US", default=0, type=int, help="microseconds a quota is for")
    add("--cpu-quota", metavar="US", default=0, type=int, help="microseconds of time in a period")
    add("--cpuset-cpus", "--cpuset", metavar="LIST", default="", help="processors, such as 0-2,4")
    add("--cpuset-mems", metavar="LIST", default="", help="memory nodes")
    add("--pids-limit", "--pids", metavar="N", type=int, help="processes and threads, -1 for no limit")
    add("--blkio-weight", metavar="N", default=0, type=int, help="share of block devices, 10 to 1000")


def limits(options: argparse.Namespace) -> "Limits":
    """What the options say, without what is not limited.

    Raises:
        UsageError: a value without meaning.
    """
    from runtime.spec import Limits
    from tare.sizes import parse_size

    return Limits(
        memory=parse_size(options.memory) if options.memory else None,
        cpus=_processors(options.cpus) if options.cpus is not None else None,
        pids=options.pids_limit if options.pids_limit is not None and options.pids_limit > 0 else None,
    )


def resources(
    options: argparse.Namespace, memory: Mapping[str, Any] | None = None, **throttles: list[str]
) -> dict[str, Any]:
    """The rest, as `linux.resources` of the OCI runtime specification.

    Args:
        options: those of the command line.
        memory: more of the section `memory`.
        throttles: see runtime.making.limits.block_io.

    Raises:
        UsageError: a value without meaning, or two that exclude each other.
    """
    from runtime.making import limits as making

    if options.cpus is not None and (options.cpu_period or options.cpu_quota):
        raise UsageError("--cpus excludes --cpu-period and --cpu-quota", "leave one of both out")
    processor = making.processor(
        shares=options.cpu_shares,
        period=options.cpu_period,
        quota=options.cpu_quota,
        cpus=options.cpuset_cpus,
        mems=options.cpuset_mems,
    )
    asked = making.memory(swap=options.memory_swap, reservation=options.memory_reservation)
    sections = {
        "memory": {**asked, **(memory or {})},
        "cpu": processor,
        "blockIO": making.block_io(weight=options.blkio_weight, **throttles),
        "pids": {"limit": -1} if options.pids_limit is not None and options.pids_limit <= 0 else {},
    }
    return {name: section for name, section in sections.items() if section}


def check_swap(memory: int | None, section: Mapping[str, Any]) -> None:
    """See that swap and reservation fit to the limit of memory.

    Raises:
        UsageError: they don't.
    """
    swap, reservation = section.get("swap", -1), section.get("reservation", 0)
    if swap != -1 and memory is None:
        raise UsageError("--memory-swap without --memory has no meaning", "give both")
    if swap != -1 and memory is not None and swap < memory:
        raise UsageError("--memory-swap is memory and swap together", "give at least what --memory has")
    if memory is not None and reservation > memory:
        raise UsageError("--memory-reservation is above --memory", "give less")


def _processors(text: str) -> float:
    number, there = _number(text, float, "--cpus"), len(os.sched_getaffinity(0))
    if number > there:
        raise UsageError(
            f"--cpus {text} is out of range: 0.01 to {there}.00, as there are only {there} CPUs available",
            "ask for less",
        )
    return number


def _number(text: str, kind: Callable[[str], _Number], option: str) -> _Number:
    try:
        return kind(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is no number", "write one such as 2") from None
