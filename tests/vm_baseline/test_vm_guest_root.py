"""Roots a guest can't write, and a network without privileges."""

import dataclasses
import http.server
import subprocess
import threading

import pytest

from vm_baseline.initramfs import build_base
from vm_baseline.modules import resolve
from vm_baseline.prepared import prepare

LIMIT = 60
MAKERS = {
    "squashfs": lambda root, disk: [
        "mksquashfs",
        root,
        disk,
        "-noappend",
        "-quiet",
        "-no-progress",
        "-comp",
        "gzip",
    ],
    "erofs": lambda root, disk: ["mkfs.erofs", disk, root],
}


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_guest_writes_above_a_root_that_is_read_only(
    shared_hypervisor, state, spec, rootfs, tmp_path, kind
) -> None:
    wanted = spec("vm-q35", "sh", "-c", "echo new > /www/new; rm /www/index.html; ls /www; exit 5")
    shared = prepare(state, wanted)
    modules = [*shared.boot_modules, kind, "overlay"]
    disk = tmp_path / "disk"
    subprocess.run(MAKERS[kind](rootfs, disk), check=True, capture_output=True)
    shared = dataclasses.replace(
        shared,
        disk=disk,
        file_system=kind,
        boot_modules=tuple(name for name, _ in resolve(shared.kernel.modules, modules)),
        initramfs=(build_base(state, shared.kernel, [*modules, *shared.agent_modules]),),
    )
    machine = shared_hypervisor.start(wanted, prepared=shared)
    assert machine.wait(LIMIT) == 5
    assert machine.output == b"new\n"
    machine.remove()


@pytest.fixture
def port(tmp_path):
    """A server on the host's loopback."""
    (tmp_path / "page").write_text("from the host\n")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *how) -> None:
            super().__init__(*how, directory=tmp_path)

        def log_message(self, *_) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_network_without_privileges_reaches_the_host(shared_hypervisor, spec, port) -> None:
    machine = shared_hypervisor.start(spec("vm-micro", user_network=True))
    fetched = machine.exec(["wget", "-qO-", f"http://10.0.2.2:{port}/page"], timeout=LIMIT)
    assert (fetched.returncode, fetched.stdout) == (0, b"from the host\n")
    assert machine.exec(["cat", "/etc/resolv.conf"], timeout=LIMIT).stdout == b"nameserver 10.0.2.3\n"
    machine.remove()
