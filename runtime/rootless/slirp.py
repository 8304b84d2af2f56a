# ruff: noqa: PTH100 - plain strings and descriptors, as in system calls
"""The user-mode network of slirp4netns(1); see `forwards` for the ports it opens on the host."""

import os

from runtime.network import files

NAME = "slirp4netns"
_MTU = 65520
_SANDBOX = ("--enable-sandbox", "--enable-seccomp")
SOCKET = "slirp.sock"
"""Where it takes requests, in the holder's directory."""


def start(program: str, namespace: str, log: int) -> int:
    """Start it for as long as this process lives; its process id once the namespace is connected, or 0.

    Args:
        program: its path.
        namespace: path of the network namespace.
        log: descriptor for what it says.
    """
    # The sandbox wants the resolver's configuration to lie below /etc or /run.
    return _start(program, namespace, log, *_SANDBOX) or _start(program, namespace, log)


def _start(program: str, namespace: str, log: int, *options: str) -> int:
    # It ends when nobody has the other end of this any more, however this process ends.
    until, held = os.pipe2(os.O_CLOEXEC)
    ready, tell = os.pipe2(os.O_CLOEXEC)
    for descriptor in (until, tell):
        os.set_inheritable(descriptor, True)
    files.remove(SOCKET)
    words = [
        program, *options, "--configure", f"--mtu={_MTU}", "--disable-host-loopback",
        f"--api-socket={SOCKET}", f"--exit-fd={until}", f"--ready-fd={tell}",
        "--netns-type=path", os.path.abspath(namespace), "tap0",
    ]  # fmt: skip
    actions = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    pid = os.posix_spawn(program, words, os.environ, file_actions=actions)
    for descriptor in (until, tell):
        os.close(descriptor)
    is_ready = os.read(ready, 1) == b"1"
    os.close(ready)
    if not is_ready:
        os.close(held)
        os.waitpid(pid, 0)
    return pid if is_ready else 0
