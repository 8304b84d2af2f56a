"""The process that talks to libvirt: `python -m vm_baseline.worker SOCKET URI RUN_DIRECTORY [ROOT]`.

libvirt gets a process of its own because its embedded driver takes one root directory per process for good,
starts threads, and leaves QEMU behind when its process dies; this one ends its domains when its
parent hangs up.
Above it a process adopts QEMU and has the kernel reap it at once (SIG_IGN for SIGCHLD, wait(2)): libvirt
looks for its end only every 0.2 s, and some hosts' init is slow with it.
Requests and replies are JSON objects, one a line. Each request is served in a thread, so that one that takes
long delays no other, and has a number that its reply repeats.
"""

import contextlib
import ctypes
import json
import os
import re
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null")

import libvirt

from vm_baseline import migration

_PR_SET_CHILD_SUBREAPER = 36


class Worker:
    """Serves one connection to libvirt.

    Args:
        uri: libvirt's connection URI.
        root: of the embedded driver, or None with a daemon.
        lost: called in another thread when the daemon has ended.
    """

    def __init__(self, uri: str, root: Path | None, lost: Callable[[], None]) -> None:
        libvirt.registerErrorHandler(lambda *_: None, None)
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=_run_events, daemon=True).start()
        self._connection = libvirt.open(uri)
        self._connection.registerCloseCallback(lambda *_: lost(), None)
        self._root = root
        self._status = (root / "run" if root else Path("/run/libvirt")) / "qemu"
        """What libvirt calls the driver's stateDir."""
        self._names: set[str] = set()
        self._starved: set[str] = set()
        event = libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON
        self._connection.domainEventRegisterAny(None, event, self._on_fault, None)

    def _on_fault(
        self, _connection: Any, domain: Any, _path: str, _device: str, action: int, reason: str, _opaque: Any
    ) -> None:
        """A guest that was paused because its disk found no room would wait for ever."""
        name = domain.name()
        if name in self._names and action == libvirt.VIR_DOMAIN_EVENT_IO_ERROR_PAUSE and reason == "enospc":
            self._starved.add(name)
            # libvirt delivers events, and answers, in this thread.
            threading.Thread(target=self.destroy, args=(name,), daemon=True).start()

    def is_starved(self, name: str) -> bool:
        """Whether a domain was ended because its disk found no room."""
        return name in self._starved

    def version(self) -> dict[str, int]:
        """Versions of libvirt and QEMU as libvirt's numbers (major * 1000000 + minor * 1000 + micro)."""
        return {"libvirt": self._connection.getLibVersion(), "qemu": self._connection.getVersion()}

    def host(self) -> str:
        """The name of the host where the machines run."""
        return str(self._connection.getHostname())

    def create(self, xml: str, name: str) -> dict[str, int | None]:
        """Start a domain; monotonic ns before libvirt was asked and once the domain runs, and QEMU's pid."""
        asked = time.monotonic_ns()
        self._connection.createXML(xml)
        created = time.monotonic_ns()
        self._names.add(name)
        return {"asked_ns": asked, "created_ns": created, "pid": self._pid(name)}

    def _pid(self, name: str) -> int | None:
        return int((self._status / f"{name}.pid").read_text()) if self._root else None

    def servers(self, name: str) -> list[int]:
        """The processes that libvirt has started to serve a domain's volumes.

        Source: `qemuVirtioFSCreatePidFilename` in libvirt's src/qemu/qemu_virtiofs.c; its names have changed.
        """
        number = self._connection.lookupByName(name).ID()
        return [int(file.read_text()) for file in self._status.glob(f"{number}-*-fs[0-9]*.pid")]

    def restore(self, xml: str, name: str, devices: str) -> dict[str, int | None]:
        """Start a domain, paused, with the devices' state of a saved guest; times and pid as `create`."""
        asked = time.monotonic_ns()
        domain = self._connection.createXML(xml, libvirt.VIR_DOMAIN_START_PAUSED)
        self._names.add(name)
        try:
            migration.load(self._connection, domain, Path(devices))
        except BaseException:
            self.destroy(name)
            raise
        return {"asked_ns": asked, "created_ns": time.monotonic_ns(), "pid": self._pid(name)}

    def resume(self, name: str) -> dict[str, int]:
        """Let a paused guest go on; monotonic ns before libvirt was asked and once it does."""
        asked = time.monotonic_ns()
        self._connection.lookupByName(name).resume()
        return {"asked_ns": asked, "created_ns": time.monotonic_ns()}

    def suspend(self, name: str) -> None:
        """Pause a guest."""
        self._connection.lookupByName(name).suspend()

    def save(self, name: str, devices: str) -> None:
        """Stop a guest for good and write the state of its devices to a new file."""
        migration.save(self._connection, self._connection.lookupByName(name), Path(devices))

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

    def set_memory(self, name: str, size: int, timeout: float) -> int:
        """Ask a guest's balloon for bytes of memory, and wait; the bytes it has then."""
        domain, kib, changed = self._connection.lookupByName(name), size // 1024, threading.Event()

        def on_change(_connection: Any, _domain: Any, actual: int, _opaque: Any) -> None:
            if actual == kib:
                changed.set()

        event = libvirt.VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE
        callback = self._connection.domainEventRegisterAny(domain, event, on_change, None)
        try:
            domain.setMemoryFlags(kib, libvirt.VIR_DOMAIN_AFFECT_LIVE)
            if domain.memoryStats().get("actual") != kib:
                changed.wait(timeout)
        finally:
            self._connection.domainEventDeregisterAny(callback)
        return int(domain.memoryStats()["actual"]) * 1024

    def memory(self, name: str) -> dict[str, int]:
        """What libvirt and the guest's balloon say of its memory, by libvirt's names, sizes in KiB."""
        return dict(self._connection.lookupByName(name).memoryStats())

    def names(self, prefix: str) -> list[str]:
        """The names of running domains that start so."""
        return [name for d in self._connection.listAllDomains() if (name := d.name()).startswith(prefix)]

    def close(self) -> None:
        """End all domains made here and leave libvirt."""
        for name in list(self._names):
            with contextlib.suppress(libvirt.libvirtError):
                self.destroy(name)
        with contextlib.suppress(libvirt.libvirtError):  # the daemon may be gone
            self._connection.close()


def _run_events() -> None:
    while libvirt.virEventRunDefaultImpl() == 0:
        pass


def _message(error: Exception) -> str:
    """What it says without libvirt's words for its class, on one line."""
    text = re.sub(r"^(internal error|unsupported configuration|operation failed): ", "", str(error))
    return " ".join(text.split())


def _answer(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": getattr(worker, request.pop("call"))(**request)}
    except (libvirt.libvirtError, OSError) as error:
        return {"error": _message(error)}


def main() -> None:
    """Fork the server, and adopt what it leaves until it has ended."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = os.fork()
    if server == 0:
        _serve(channel)
        return
    channel.close()
    end = os.pidfd_open(server)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.pidfd_send_signal(end, signal.SIGTERM))
    select.select([end], [], [])


def _serve(channel: socket.socket) -> None:
    """Answer requests until the parent hangs up."""

    def hang_up(*_: object) -> None:
        channel.shutdown(socket.SHUT_RD)

    signal.signal(signal.SIGTERM, hang_up)
    with channel.makefile("rwb") as stream:
        try:
            worker = Worker(sys.argv[2], Path(sys.argv[4]) if len(sys.argv) > 4 else None, hang_up)
        except libvirt.libvirtError as error:
            stream.write(json.dumps({"error": _message(error)}).encode() + b"\n")
            return
        stream.write(json.dumps({"value": os.getpid()}).encode() + b"\n")
        stream.flush()
        writing = threading.Lock()

        def serve(request: dict[str, Any]) -> None:
            number = request.pop("number")
            try:
                answer = _answer(worker, request)
            except BaseException:
                hang_up()  # whoever waits for it hears our end
                raise
            # The parent may have died while its request was served.
            with writing, contextlib.suppress(BrokenPipeError):
                stream.write(json.dumps({"number": number, **answer}).encode() + b"\n")
                stream.flush()

        serving: list[threading.Thread] = []
        for line in stream:
            serving = [thread for thread in serving if thread.is_alive()]
            serving.append(threading.Thread(target=serve, args=(json.loads(line),)))
            serving[-1].start()
        for thread in serving:
            thread.join()
        worker.close()


if __name__ == "__main__":
    main()
