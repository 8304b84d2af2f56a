# ruff: noqa: PTH100 - plain strings and descriptors, as in system calls
"""The user-mode network of pasta(1); no ports are published there, as it takes none while it runs."""

import os
import select
import signal

from runtime import syscalls
from runtime.network import files
from runtime.rootless import connection

NAME = "pasta"
_READY = "pasta.pid"


def start(program: str, namespace: str, log: int) -> int:
    """As that of slirp."""
    none = (word for option in ("-t", "-u", "-T", "-U") for word in (option, "none"))
    words = [
        program, "--foreground", "--quiet", "--config-net", "--no-map-gw", *none, "--ns-ifname", "tap0",
        "--dns-forward", connection.RESOLVER, "--pid", _READY, "--netns", os.path.abspath(namespace),
    ]  # fmt: skip
    # It writes its process id there when all is done.
    files.remove(_READY)
    os.mkfifo(_READY, 0o600)
    ready = os.open(_READY, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _become(words, log)
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    for descriptor in (ready, pidfd):
        poll.register(descriptor, select.POLLIN)
    is_ready = any(event & select.POLLIN for descriptor, event in poll.poll() if descriptor == ready)
    os.close(ready)
    os.close(pidfd)
    if not is_ready:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return pid if is_ready else 0


def _become(words: list[str], log: int) -> None:
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        # It takes a signal that is ignored already for an error.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execv(words[0], words)
    finally:
        os._exit(127)
