"""The process that talks to libvirt: `python -m vm_baseline.worker SOCKET URI RUN_DIRECTORY [ROOT]`.

libvirt gets a process of its own because its embedded driver takes one root directory per process for good,
starts threads, and leaves QEMU behind when its process dies; this one ends its domains when its
parent hangs up.
Above it a process adopts and reaps QEMU, for libvirt waits for that, and some hosts' init is slow with it.
Requests and replies are JSON objects, one a line.
"""

import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null")

import libvirt

_PR_SET_CHILD_SUBREAPER = 36


class Worker:
    """Serves one connection to libvirt.

    Args:
        uri: libvirt's connection URI.
        root: of the embedded driver, or None with a daemon.
    """

    def __init__(self, uri: str, root: Path | None) -> None:
        libvirt.registerErrorHandler(lambda *_: None, None)
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=_run_events, daemon=True).start()
        self._connection = libvirt.open(uri)
        self._root = root
        self._names: set[str] = set()

    def version(self) -> dict[str, int]:
        """Versions of libvirt and QEMU as libvirt's numbers (major * 1000000 + minor * 1000 + micro)."""
        return {"libvirt": self._connection.getLibVersion(), "qemu": self._connection.getVersion()}

    def create(self, xml: str, name: str) -> dict[str, int | None]:
        """Start a domain; monotonic ns before libvirt was asked and once the domain runs, and QEMU's pid."""
        asked = time.monotonic_ns()
        self._connection.createXML(xml)
        created = time.monotonic_ns()
        self._names.add(name)
        pid = int((self._root / "run/qemu" / f"{name}.pid").read_text()) if self._root else None
        return {"asked_ns": asked, "created_ns": created, "pid": pid}

    def native(self, xml: str) -> str:
        """The QEMU command line libvirt would use."""
        return str(self._connection.domainXMLToNative("qemu-argv", xml))

    def xml(self, name: str) -> str:
        """The running domain's full description."""
        return str(self._connection.lookupByName(name).XMLDesc())

    def destroy(self, name: str) -> None:
        """End a domain; one that is gone already is no error."""
        self._names.discard(name)
        try:
            self._connection.lookupByName(name).destroy()
        except libvirt.libvirtError as error:
            if error.get_error_code() not in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID):
                raise

    def names(self, prefix: str) -> list[str]:
        """The names of running domains that start so."""
        return [name for d in self._connection.listAllDomains() if (name := d.name()).startswith(prefix)]

    def close(self) -> None:
        """End all domains made here and leave libvirt."""
        for name in list(self._names):
            with contextlib.suppress(libvirt.libvirtError):
                self.destroy(name)
        self._connection.close()


def _run_events() -> None:
    while libvirt.virEventRunDefaultImpl() == 0:
        pass


def _message(error: libvirt.libvirtError) -> str:
    """Libvirt's message without its own class words, on one line."""
    text = re.sub(r"^(internal error|unsupported configuration|operation failed): ", "", str(error))
    return " ".join(text.split())


def _answer(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": getattr(worker, request.pop("call"))(**request)}
    except libvirt.libvirtError as error:
        return {"error": _message(error)}


def main() -> None:
    """Fork the server, and reap until it has ended."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = os.fork()
    if server == 0:
        _serve(channel)
        return
    channel.close()
    signal.signal(signal.SIGTERM, lambda *_: os.kill(server, signal.SIGTERM))
    while os.wait()[0] != server:
        pass


def _serve(channel: socket.socket) -> None:
    """Answer requests until the parent hangs up."""
    signal.signal(signal.SIGTERM, lambda *_: channel.shutdown(socket.SHUT_RD))
    with channel.makefile("rwb") as stream:
        try:
            worker = Worker(sys.argv[2], Path(sys.argv[4]) if len(sys.argv) > 4 else None)
        except libvirt.libvirtError as error:
            stream.write(json.dumps({"error": _message(error)}).encode() + b"\n")
            return
        stream.write(b'{"value": null}\n')
        stream.flush()
        try:
            for line in stream:
                stream.write(json.dumps(_answer(worker, json.loads(line))).encode() + b"\n")
                stream.flush()
        except BrokenPipeError:
            pass  # the parent died while its request was served
        finally:
            worker.close()


if __name__ == "__main__":
    main()
