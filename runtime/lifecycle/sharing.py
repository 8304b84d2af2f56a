"""Namespaces that a container shares with the host or with another container."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from runtime.lifecycle.directory import Directory
from runtime.lifecycle.errors import StatusError
from runtime.lifecycle.record import Record, has_ended
from runtime.network import mode
from runtime.spec import Bind, ContainerSpec, Namespace

_MEMORY = Path("/dev/shm")
_QUEUES = Path("/dev/mqueue")


@contextmanager
def joined(directory: Directory, record: Record, spec: ContainerSpec) -> Iterator[ContainerSpec]:
    """The specification with the namespaces of others it joins, which stay where they are for this context.

    Raises:
        NoSuchContainerError: there is no container whose namespace it joins.
        StatusError: that doesn't run.
    """
    with ExitStack() as stack:
        for kind, text in modes(record):
            shared = mode.parse(text)
            spec = replace(spec, namespaces=spec.namespaces - {kind})
            if shared.kind == mode.CONTAINER:
                other = directory.find(shared.target)
                descriptor = _open(other, kind)
                stack.callback(os.close, descriptor)
                path = f"/proc/{os.getpid()}/fd/{descriptor}"
                spec = replace(spec, joined=(*spec.joined, (kind, path)))
                if kind is Namespace.NET:
                    # Its name is in the files of names that both have.
                    spec = replace(spec, hostname=other.settings.hostname or other.id[:12])
                if kind is Namespace.IPC:
                    descriptor = _open(other, Namespace.MNT)
                    stack.callback(os.close, descriptor)
                    place = f"/proc/{os.getpid()}/fd/{descriptor}"
                    spec = replace(spec, binds=(Bind(_MEMORY, str(_MEMORY), namespace=place), *spec.binds))
            elif kind is Namespace.IPC:
                binds = (Bind(path, str(path)) for path in (_MEMORY, _QUEUES) if path.is_dir())
                spec = replace(spec, binds=(*binds, *spec.binds))
        yield spec


def modes(record: Record) -> list[tuple[Namespace, str]]:
    """The kinds of namespaces a container shares, and with whom: `host` or `container:ID`."""
    settings = record.settings
    given = (
        (Namespace.NET, settings.networking.mode),
        (Namespace.PID, settings.pid),
        (Namespace.IPC, settings.ipc),
        (Namespace.UTS, settings.uts),
    )
    return [(kind, text) for kind, text in given if mode.parse(text).kind in (mode.HOST, mode.CONTAINER)]


def _open(record: Record, kind: Namespace) -> int:
    record.require("join the namespaces of", "running", "paused")
    pidfd = record.pidfd()
    descriptor = -1
    try:
        if pidfd >= 0:
            with suppress(FileNotFoundError, ProcessLookupError):
                path = f"/proc/{record.state['pid']}/ns/{kind.value}"
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if descriptor >= 0 and not has_ended(pidfd):
            # All the time since the pidfd was opened, the id was this process's.
            return descriptor
    finally:
        if pidfd >= 0:
            os.close(pidfd)
    if descriptor >= 0:
        os.close(descriptor)
    raise StatusError(f"the container {record.name} has ended", "start it first")
