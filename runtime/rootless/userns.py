# ruff: noqa: PTH115, PTH123 - plain strings; a start can't afford pathlib's detours
"""What the user namespace of this process lets it do; see user_namespaces(7)."""

import os

_INITIAL = "user:[4026531837]"
"""PROC_USER_INIT_INO of linux/proc_ns.h."""
VARIABLE = "TAREBOX_ROOTLESS"
"""Names the directory of the holder's files in the environment of all that runs in its namespaces."""

GROUP = "group"
"""The file there with the path of the control group that is delegated, if one is."""


def is_initial() -> bool:
    """Whether this is the host's own, where root may do everything."""
    return os.readlink("/proc/self/ns/user") == _INITIAL


def is_privileged() -> bool:
    """Whether this process may do all that root may on the host."""
    return os.geteuid() == 0 and is_initial()


def maps_group(number: int) -> bool:
    """Whether a group id exists here."""
    return any(first <= number < first + count for first, count in _map("gid"))


def has_range() -> bool:
    """Whether there are users here other than root."""
    return sum(count for _, count in _map("uid")) > 1


def may_set_groups() -> bool:
    """Whether setgroups(2) is allowed."""
    with open("/proc/self/setgroups") as file:
        return file.read().strip() == "allow"


def delegated_group() -> str:
    """The version 2 group that all of a user's containers are to be in, as a path from the mount point."""
    try:
        with open(f"{os.environ[VARIABLE]}/{GROUP}") as file:
            return file.read()
    except (KeyError, FileNotFoundError):
        return ""


def _map(kind: str) -> list[tuple[int, int]]:
    """First id inside and length of each range."""
    with open(f"/proc/self/{kind}_map") as file:
        lines = [line.split() for line in file]
    return [(int(inside), int(count)) for inside, _, count in lines]
