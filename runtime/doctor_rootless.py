"""What ordinary users need for containers of theirs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from runtime.checking import Check, MissingError, check
from runtime.rootless import mapping
from tare.state import State

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_TUNNEL = "/dev/net/tun"
_LIMITS = {
    "/proc/sys/kernel/unprivileged_userns_clone": "0",
    "/proc/sys/user/max_user_namespaces": "0",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
}
"""Settings of the host that keep ordinary users from user namespaces, with the value that does."""


def checks() -> list[Check]:
    """What there is for the caller, or as root for others, where what lacks is no fault of the host."""
    probes: dict[str, Callable[[], str]] = {
        "user namespaces": _namespaces,
        "subordinate ids": _subordinate,
        "user-mode network": _network,
    }
    found = [check(name, probe) for name, probe in probes.items()]
    if os.geteuid() != 0:
        return found
    return [
        one if one.ok else Check(one.name, True, f"not for ordinary users, root needs none: {one.line}")
        for one in found
    ]


def inside(state: State) -> list[Check]:
    """What the kernel offers an ordinary user in a user namespace, with a network namespace of its own."""
    program = f"import sys; sys.path[:] = {sys.path!r}; from runtime.doctor_rootless import report; report()"
    words = [
        "unshare",
        "--user",
        "--map-root-user",
        "--net",
        "--mount",
        sys.executable,
        "-S",
        "-I",
        "-c",
        program,
    ]
    try:
        ended = subprocess.run(
            [*words, str(state.data), str(state.run)], capture_output=True, text=True, timeout=60, check=False
        )
        return [Check(*found) for found in json.loads(ended.stdout)]
    except FileNotFoundError:
        return [Check("kernel", False, "the program unshare is missing; install util-linux")]
    except ValueError:
        said = (ended.stderr.strip().splitlines() or ["it ended"])[-1]
        return [Check("kernel", False, f"a user namespace can't be looked at: {said}")]


def report() -> None:
    """Print what is found in these namespaces, for `inside`."""
    from runtime import doctor, doctor_storage

    state = State(*map(Path, sys.argv[1:]))
    print(json.dumps([*doctor.kernel(state), *doctor_storage.checks(state)]))


def _namespaces() -> str:
    for setting, forbids in _LIMITS.items():
        path = Path(setting)
        if path.exists() and path.read_text().strip() == forbids:
            name = setting.removeprefix("/proc/sys/").replace("/", ".")
            raise MissingError(f"ordinary users may have none, as {name} is {forbids}")
    return "ordinary users may have them"


def _subordinate() -> str:
    for program in ("newuidmap", "newgidmap"):
        if not shutil.which(program, path=_PATH):
            raise MissingError(
                f"{program} is missing, so there is one user in a container only; install uidmap or shadow"
            )
    if os.geteuid() == 0:
        return "newuidmap and newgidmap are there"
    counts = []
    for file in ("/etc/subuid", "/etc/subgid"):
        if not (ranges := mapping.ranges(file)):
            raise MissingError(
                f"{file} has no range for {mapping.name()}, so there is one user in a container only; run as"
                f" root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {mapping.name()}"
            )
        counts.append(sum(count for _, count in ranges))
    return f"{counts[0]} users and {counts[1]} groups beyond your own"


def network_programs() -> list[str]:
    """The programs that connect the networks of ordinary users with this host, the preferred one first."""
    return [program for program in ("slirp4netns", "pasta") if shutil.which(program, path=_PATH)]


def _network() -> str:
    found = network_programs()
    if not found:
        raise MissingError(
            "neither slirp4netns nor pasta is there, so no network but host and none; install slirp4netns"
        )
    if not os.access(_TUNNEL, os.R_OK | os.W_OK):
        raise MissingError(f"{_TUNNEL} is missing or not yours to open; have it made with mode 0666")
    if found == ["pasta"]:
        return "pasta in place of slirp4netns, without which no ports are published"
    return " and ".join(found) + (" are there" if len(found) > 1 else " is there")
