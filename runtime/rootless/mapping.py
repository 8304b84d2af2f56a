"""Which ids an ordinary user has in a user namespace; see subuid(5), newuidmap(1)."""

import os
import pwd
import subprocess
from pathlib import Path

from tare.errors import PrivilegeError

Range = tuple[int, int]
"""First id on the host and how many."""


def write(pid: int) -> str:
    """Map the caller to root in the namespace of a process, and their subordinate ids to those from 1 on.

    Returns:
        Why it is only the caller that is mapped, a clause; empty where all are.

    Raises:
        PrivilegeError: newuidmap or the kernel refuses.
    """
    reason = _lacking()
    if reason:
        _write(pid, "setgroups", "deny")
        _write(pid, "gid_map", f"0 {os.getgid()} 1")
        _write(pid, "uid_map", f"0 {os.getuid()} 1")
        return reason
    for kind, own in (("gid", os.getgid()), ("uid", os.getuid())):
        words = ["0", str(own), "1"]
        inside = 1
        for first, count in ranges(f"/etc/sub{kind}"):
            words += [str(inside), str(first), str(count)]
            inside += count
        program = f"new{kind}map"
        ran = subprocess.run([program, str(pid), *words], capture_output=True, text=True, check=False)
        if ran.returncode:
            said = (ran.stderr.strip().splitlines() or ["no reason given"])[0]
            raise PrivilegeError(
                f"can't map the {kind}s of an ordinary user: {said}",
                f"see that {program} is set-user-ID root and /etc/sub{kind} has a range of yours alone",
            )
    return ""


def ranges(file: str) -> list[Range]:
    """The caller's ranges in a file such as /etc/subuid; lines without meaning don't count."""
    uid = os.getuid()
    names = {str(uid), name()}
    found = []
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        owner, *numbers = line.strip().split(":")
        if owner in names and len(numbers) == 2 and all(number.isdecimal() for number in numbers):
            first, count = map(int, numbers)
            if count:
                found.append((first, count))
    return found


def name() -> str:
    """The caller's name, or number without one."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _lacking() -> str:
    from shutil import which

    for program in ("newuidmap", "newgidmap"):
        if not which(program):
            return f"{program} is not installed (package uidmap or shadow)"
    for file in ("/etc/subuid", "/etc/subgid"):
        if not ranges(file):
            return f"{file} has no range for {name()}; see usermod(8), --add-subuids and --add-subgids"
    return ""


def _write(pid: int, file: str, text: str) -> None:
    try:
        Path(f"/proc/{pid}/{file}").write_text(text)
    except OSError as error:
        raise PrivilegeError(
            f"can't map the ids of an ordinary user: {error.strerror}", "see user_namespaces(7)"
        ) from error
