"""Limits as `docker run` takes them, in the words of the kernel and of the OCI runtime specification."""

import os
import resource
import stat
from typing import Any

from runtime.spec import Rlimit
from tare.errors import UsageError
from tare.sizes import parse_size

_RESOURCES = {
    name.removeprefix("RLIMIT_").lower(): number
    for name, number in vars(resource).items()
    if name.startswith("RLIMIT_")
}
_KINDS = {
    "device_read_bps": "throttleReadBpsDevice",
    "device_write_bps": "throttleWriteBpsDevice",
    "device_read_iops": "throttleReadIOPSDevice",
    "device_write_iops": "throttleWriteIOPSDevice",
}


def ulimit(text: str) -> Rlimit:
    """From `NAME=SOFT[:HARD]`, -1 for no limit; see getrlimit(2) for the names.

    Raises:
        UsageError: the text is no limit.
    """
    name, _, values = text.partition("=")
    soft, colon, hard = values.partition(":")
    if name not in _RESOURCES:
        raise UsageError(f"no resource {name!r} has a limit", f"use one of {', '.join(sorted(_RESOURCES))}")
    numbers = [_limit(value, text) for value in ((soft, hard) if colon else (soft, soft))]
    if numbers[1] >= 0 and not 0 <= numbers[0] <= numbers[1]:
        raise UsageError(f"the soft limit of {text!r} is above the hard one", "write NAME=SOFT:HARD")
    return Rlimit(_RESOURCES[name], numbers[0], numbers[1])


def _limit(text: str, whole: str) -> int:
    if text in ("-1", "unlimited"):
        return resource.RLIM_INFINITY
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise UsageError(f"{whole!r} is no limit", "write such as nofile=1024:2048")
    return int(text)


def memory(
    *, swap: str = "", reservation: str = "", swappiness: int | None = None, oom_kill_disable: bool = False
) -> dict[str, Any]:
    """The section `memory`, without the limit itself.

    Raises:
        UsageError: a size is none.
    """
    found: dict[str, Any] = {}
    if swap:
        found["swap"] = -1 if swap == "-1" else parse_size(swap)
    if reservation:
        found["reservation"] = parse_size(reservation)
    if swappiness is not None:
        found["swappiness"] = _within(swappiness, 0, 100, "--memory-swappiness")
    if oom_kill_disable:
        found["disableOOMKiller"] = True
    return found


def processor(
    *, shares: int = 0, period: int = 0, quota: int = 0, cpus: str = "", mems: str = ""
) -> dict[str, Any]:
    """The section `cpu`; times in microseconds.

    Raises:
        UsageError: a list of processors or memory nodes is none.
    """
    found: dict[str, Any] = {}
    if shares:
        found["shares"] = _within(shares, 2, 262144, "--cpu-shares")
    if period:
        found["period"] = _within(period, 1000, 1_000_000, "--cpu-period")
    if quota:
        found["quota"] = quota if quota < 0 else _within(quota, 1000, 1 << 50, "--cpu-quota")
    for key, text in (("cpus", cpus), ("mems", mems)):
        if text:
            found[key] = _list(text, f"--cpuset-{key}")
    return found


def block_io(*, weight: int = 0, **throttles: list[str]) -> dict[str, Any]:
    """The section `blockIO`.

    Args:
        weight: 10 to 1000, 0 for the default.
        throttles: `PATH:RATE` by `device_read_bps` and so on.

    Raises:
        UsageError: a weight or rate has no meaning, or a path is no block device.
    """
    found: dict[str, Any] = {}
    if weight:
        found["weight"] = _within(weight, 10, 1000, "--blkio-weight")
    for option, texts in throttles.items():
        if texts:
            found[_KINDS[option]] = [_throttle(text, option) for text in texts]
    return found


def _throttle(text: str, option: str) -> dict[str, int]:
    path, colon, rate = text.rpartition(":")
    spelled = f"--{option.replace('_', '-')}"
    if not colon or not path.startswith("/"):
        raise UsageError(f"{spelled} {text!r} is no limit", "write such as /dev/sda:1mb")
    if option.endswith("iops"):
        if not (rate.isascii() and rate.isdigit() and 0 < len(rate) <= 18 and int(rate)):
            raise UsageError(f"{spelled} {text!r} is no limit", "write such as /dev/sda:1000")
        number = int(rate)
    else:
        number = parse_size(rate)
    try:
        status = os.stat(path)  # noqa: PTH116 - the device itself
    except OSError as error:
        raise UsageError(f"{spelled}: {path}: {error.strerror}", "name a block device") from error
    if not stat.S_ISBLK(status.st_mode):
        raise UsageError(f"{spelled}: {path} is no block device", "name one such as /dev/sda")
    return {"major": os.major(status.st_rdev), "minor": os.minor(status.st_rdev), "rate": number}


def _within(value: int, lowest: int, highest: int, option: str) -> int:
    if not lowest <= value <= highest:
        raise UsageError(f"{option} {value} has no meaning", f"give {lowest} to {highest}")
    return value


def _list(text: str, option: str) -> str:
    """A list of numbers and ranges; see cpuset(7), List format."""
    for part in text.split(","):
        first, dash, last = part.partition("-")
        numbers = (first, last) if dash else (first,)
        if not all(number.isascii() and number.isdigit() and len(number) < 6 for number in numbers):
            raise UsageError(f"{option} {text!r} is no list of numbers", "write such as 0-2,4")
        if dash and int(first) > int(last):
            raise UsageError(f"{option} {text!r}: the range {part} descends", "write such as 0-2,4")
    return text
