"""Runs hooks; see config.md, POSIX-platform Hooks.

Also used between a container's clone and its exec: everything is imported before and nothing global changes.
"""

from __future__ import annotations

import os
import select

from runtime import light
from runtime.oci.errors import HookError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_SAID = 1024
"""How many bytes of what a failed hook printed last are quoted."""
_SIGNALS = tuple(range(1, 32))


def run(hooks: Iterable[dict[str, Any]], state: dict[str, Any], *, what: str) -> None:
    """Run hooks one after the other, up to the first that fails.

    Needs SIGCHLD not to be ignored, as else the kernel forgets how a hook ended.

    Args:
        hooks: as in config.json: `path`, `args`, `env`, `timeout` in seconds.
        state: what they read from their standard input.
        what: kind of the hooks, for errors.

    Raises:
        HookError: one can't be executed, fails, or takes longer than its timeout, when it is killed.
    """
    text = light.dumps(state).encode()
    for hook in hooks:
        said = os.memfd_create("hook-output")
        try:
            failure = _run(hook, text, said)
            if failure:
                raise HookError(f"{what} hook {hook['path']} {failure}{_quoted(said)}")
        finally:
            os.close(said)


def _run(hook: dict[str, Any], text: bytes, said: int) -> str:
    try:
        pid = _spawn(hook, text, said)
    except (OSError, ValueError) as error:
        return f"can't be executed: {getattr(error, 'strerror', None) or error}"
    timeout = hook.get("timeout")
    has_ended = False
    try:
        has_ended = _await(pid, timeout)
    finally:
        if not has_ended:
            os.killpg(pid, light.signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    if not has_ended:
        return f"took longer than its timeout of {timeout} s"
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"was killed by signal {-code}"
    return f"failed with exit status {code}" if code else ""


def _spawn(hook: dict[str, Any], text: bytes, said: int) -> int:
    state = os.memfd_create("state")
    try:
        os.write(state, text)
        os.lseek(state, 0, os.SEEK_SET)
        streams = [
            (os.POSIX_SPAWN_DUP2, source, target) for source, target in ((state, 0), (said, 1), (said, 2))
        ]
        others = [(os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _descriptors() if descriptor > 2]
        return os.posix_spawn(
            hook["path"],
            hook.get("args") or [hook["path"]],
            dict(entry.partition("=")[::2] for entry in hook.get("env") or ()),
            file_actions=[*streams, *others],
            setpgroup=0,
            setsigmask=(),
            setsigdef=_SIGNALS,
        )
    finally:
        os.close(state)


def _descriptors() -> Iterable[int]:
    """All that are open, and maybe some that aren't, which a hook's start doesn't mind."""
    try:
        return map(int, os.listdir("/proc/self/fd"))
    except OSError:
        return range(min(os.sysconf("SC_OPEN_MAX"), 1024))


def _await(pid: int, timeout: float | None) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))
    finally:
        os.close(descriptor)


def _quoted(said: int) -> str:
    size = os.fstat(said).st_size
    text = os.pread(said, _SAID, max(0, size - _SAID)).replace(b"\0", b"").decode(errors="replace")
    return ": " + " ".join(text.split()) if text.strip() else ""
