"""`tarebox-oci exec`: run another command in a running container, as runc does."""

from __future__ import annotations

import os

from runtime import light
from runtime.oci import arguments, foreground, plan, process, spawn
from runtime.oci import config as configuration
from runtime.oci.creation import hand_console, write_pid_file
from runtime.oci.errors import ConfigError, OciError
from runtime.oci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from runtime.oci.cli import Options

_VALUES = {
    "process": "process",
    "p": "process",
    "cwd": "cwd",
    "user": "user",
    "u": "user",
    "pid-file": "pid_file",
    "console-socket": "console_socket",
    "preserve-fds": "preserved",
    "process-label": "label",
    "apparmor": "apparmor",
}
_FLAGS = {
    "tty": "terminal",
    "t": "terminal",
    "detach": "detached",
    "d": "detached",
    "no-new-privs": "no_new_privileges",
    "ignore-paused": "ignore_paused",
}
_LISTS = {"env": "env", "e": "env", "cap": "caps", "c": "caps", "additional-gids": "groups", "g": "groups"}
FAILED = 255
"""Exit status where the command could not be run, as runc's."""


def run(options: Options, words: list[str]) -> int:
    """Run one command; the exit status is the command's, or 255 where it could not be run.

    Raises:
        TareError: it could not be run.
    """
    found, rest = arguments.parse(words, values=_VALUES, flags=_FLAGS, lists=_LISTS, stops=True)
    if not rest:
        raise OciError("a container id is needed", "see --help")
    name, *argv = rest
    if not found.get("detached"):
        foreground.hold()
    try:
        child, master = _spawn(options, Record.load(options.root, name), found, argv)
    except OciError as error:
        error.exit_code = FAILED
        raise
    if path := found.get("pid_file"):
        write_pid_file(path, child.pid)
    if found.get("detached"):
        return 0
    return foreground.wait(child, master)


def _spawn(
    options: Options, record: Record, found: Mapping[str, Any], argv: Sequence[str]
) -> tuple[spawn.Child, int]:
    pidfd = record.pidfd()
    status = record.status()
    if pidfd < 0 or status not in {"created", "running", "paused"}:
        raise OciError(f"cannot exec in container {record.name!r}: it is {status}", "start it first")
    if status == "paused" and not found.get("ignore_paused"):
        raise OciError(f"cannot exec in container {record.name!r}: it is paused", "resume it first")
    config = record.config()
    described = _process(config, found, argv)
    for warning in configuration.check_process(described):
        options.warn(warning)
    linux = config.get("linux") or {}
    namespaces = plan.Namespaces(linux)
    affinity = described.get("execCPUAffinity") or {}
    steps = [
        ("session",),
        *([("keyring", keyring)] if (keyring := record.values.get("keyring")) else []),
        *process.affinity(affinity.get("initial") or ""),
        *([("another_terminal", process.console_size(described))] if described.get("terminal") else []),
        *process.steps(
            described,
            filtering=linux.get("seccomp"),
            cache=f"{options.root}/.cache",
            warn=options.warn,
            preserved=arguments.number(found.get("preserved", "0"), "--preserve-fds"),
            maps_users="user" in namespaces.own,
            waits=[*process.affinity(affinity.get("final") or ""), ("report", "ready")],
        ),
    ]
    masters: list[int] = []
    socket = found.get("console_socket")
    if described.get("terminal") and found.get("detached") and not socket:
        raise OciError("the process wants a terminal and nobody takes it", "use --console-socket")
    groups = record.cgroups()
    child = spawn.joining(
        pidfd,
        plan.joined_flags(record.pid, namespaces),
        steps,
        before=[*process.oom_score(described), *process.labels(described)],
        unified=groups.unified_of(record.pid) if groups else "",
        groups=groups.join if groups else (),
    )
    os.close(pidfd)
    try:
        _follow(child, linux, hand_console(socket) if socket else masters.append, record)
    except BaseException:
        child.end()
        raise
    child.leave()
    return child, masters[0] if masters else -1


def _follow(
    child: spawn.Child, linux: Mapping[str, Any], on_console: Callable[[int], None], record: Record
) -> None:
    """See the process up to its command, for which it closes the channel."""
    while True:
        message, descriptors = child.follow()
        if message == "console":
            on_console(descriptors[0])
        elif message == "listener":
            from runtime.oci import notify

            notify.hand_over(linux["seccomp"], descriptors[0], record.state(), child.pid)
        elif not message:
            return


def _process(config: Mapping[str, Any], found: Mapping[str, Any], argv: Sequence[str]) -> dict[str, Any]:
    """The process to run: of the file given, or the container's own with other arguments."""
    if path := found.get("process"):
        described = _read(path)
    else:
        described = dict(config.get("process") or {})
        described["terminal"] = found.get("terminal", False)
        described["args"] = list(argv)
        if not argv:
            raise OciError("no command given", "name a command of the image")
    described["env"] = [*(described.get("env") or ()), *found.get("env", ())]
    if cwd := found.get("cwd"):
        described["cwd"] = cwd
    if user := found.get("user"):
        uid, _, gid = user.partition(":")
        described["user"] = dict(described.get("user") or {}, uid=arguments.number(uid, "--user"))
        if gid:
            described["user"]["gid"] = arguments.number(gid, "--user")
    if groups := found.get("groups"):
        numbers = [arguments.number(group, "--additional-gids") for group in groups]
        described["user"] = dict(described.get("user") or {}, additionalGids=numbers)
    if found.get("no_new_privileges"):
        described["noNewPrivileges"] = True
    if profile := found.get("apparmor"):
        described["apparmorProfile"] = profile
    if label := found.get("label"):
        described["selinuxLabel"] = label
    if added := found.get("caps"):
        sets = described.get("capabilities") or {}
        names = ("bounding", "effective", "permitted", "inheritable", "ambient")
        described["capabilities"] = {
            name: [*(sets.get(name) or ()), *(added if name not in {"inheritable", "ambient"} else ())]
            for name in names
        }
    return described


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            described = light.loads(file.read())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"can't read the process {path}: {error}") from error
    if not isinstance(described, dict):
        raise ConfigError(f"can't read the process {path}: it is no object")
    return described
