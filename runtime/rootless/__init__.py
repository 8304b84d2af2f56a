"""Containers of ordinary users: every command runs in one user and mount namespace of the state's own.

A small process, the holder, keeps the namespaces between commands. There a user is root over a range of
subordinate ids (subuid(5)), and all that works for root does: overlays, bridges, rules. Commands stay in the
host's network namespace, so that registries on the host and `--network host` mean what they say. Only the
networks of containers are in a namespace of the holder's, which slirp4netns(1) connects with the host.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tare.state import State


def enter(state: State) -> None:
    """Move this process into the namespaces of the state, made when missing; nothing happens to root.

    Only for a process with a single thread; see setns(2).

    Raises:
        PrivilegeError: this host doesn't let an ordinary user have namespaces.
    """
    import os

    if os.geteuid() != 0:
        from runtime.rootless import entering

        entering.enter(state)
