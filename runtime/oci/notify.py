"""Handing a seccomp listener to who is to answer; see config-linux.md, Seccomp."""

from __future__ import annotations

import os
import struct

from runtime import light
from runtime.oci.errors import OciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def hand_over(filtering: Mapping[str, Any], listener: int, state: Mapping[str, Any], pid: int) -> None:
    """Send the listener with the container process state to `listenerPath`.

    Args:
        filtering: `linux.seccomp`.
        listener: descriptor to answer through; closed.
        state: the container's state.
        pid: of the filtered process, on the host.

    Raises:
        OciError: nobody listens there.
    """
    message: dict[str, Any] = {
        "ociVersion": state["ociVersion"],
        "fds": ["seccompFd"],
        "pid": pid,
        "state": dict(state),
    }
    if metadata := filtering.get("listenerMetadata"):
        message["metadata"] = metadata
    socket = light.socket
    path = filtering["listenerPath"]
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        channel.connect(path)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("=i", listener))]
        channel.sendmsg([light.dumps(message).encode()], rights)
    except OSError as error:
        raise OciError(f"can't hand the seccomp listener to {path}: {error.strerror}") from error
    finally:
        channel.close()
        os.close(listener)
