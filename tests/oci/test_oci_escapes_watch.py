"""Hostile containers that look through the processes which enter them.

They stop each that appears in their PID namespace, and look for a directory of the host, which the caller has
for its working directory and as a descriptor.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from oci_bundle import Bundle
from oci_escapes import MARKER, Lines, compile_helper, grant, lines

TRIES = 30
CAUGHT = 3
NAIVE = """if True:
    import os, sys, time
    from runtime import syscalls
    syscalls.setns(os.pidfd_open(int(sys.argv[1])), syscalls.CLONE_NEWPID)
    if child := os.fork():
        os.waitpid(child, 0)
    else:
        time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def helper(tmp_path_factory) -> Path:
    return compile_helper(tmp_path_factory.mktemp("helper"))


@dataclass(frozen=True)
class Host:
    """A directory of the host with a secret, open as a descriptor that others inherit."""

    path: Path
    descriptor: int

    def careless(self) -> dict[str, Any]:
        """How somebody careless makes a call."""
        secretive = os.environ | {"SECRET": MARKER}
        return {"cwd": self.path, "pass_fds": [self.descriptor], "env": secretive}


@pytest.fixture
def host(tmp_path) -> Iterator[Host]:
    path = tmp_path / "decoy"
    path.mkdir()
    (path / "secret").write_text(MARKER)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.set_inheritable(descriptor, True)
    yield Host(path, descriptor)
    os.close(descriptor)


@pytest.fixture
def hostile(bundle, helper) -> Bundle:
    shutil.copy(helper, bundle.share())
    return bundle


@contextmanager
def watching(oci, bundle: Bundle, *what: str) -> Iterator[Lines]:
    """What a container prints about others that appear in its PID namespace."""
    bundle.process["args"] = ["/mnt/escape_helper", *what]
    with lines() as (printed, writing):
        oci.create(bundle, stdout=writing)
        oci.start()
        assert printed.next() == "ready"
        yield printed


@pytest.fixture
def watcher(oci, hostile, host) -> Iterator[Lines]:
    grant(hostile, "CAP_SYS_PTRACE")
    with watching(oci, hostile, "watch", str(host.path), MARKER) as printed:
        yield printed


def test_watcher_sees_through_a_naive_runtime(oci, watcher, host):
    """What a process gives away that joins a PID namespace while it still is in the host's root."""
    pid = oci.pid()
    naive = [sys.executable, "-c", NAIVE, str(pid)]
    subprocess.run(naive, check=True, timeout=20, **host.careless())
    assert watcher.next() == f"runtime root cwd environ fd/{host.descriptor}"


def test_watcher_sees_what_is_preserved_on_purpose(oci, watcher, host):
    """The descriptors of --preserve-fds are the command's, and so anybody's in the container."""
    script = f"exec {host.descriptor}<&-; exec true"
    oci.ok("exec", f"--preserve-fds={host.descriptor - 2}", oci.name, "sh", "-c", script, **host.careless())
    assert any(f"fd/{host.descriptor}" in line for line in watcher.all())


def test_exec_gives_nothing_of_the_host_away(oci, watcher, host):
    """CVE-2016-9962, CVE-2024-21626: a process that joins a container shows it no part of the host."""
    found: list[str] = []
    for _ in range(TRIES):
        oci.ok("exec", oci.name, "true", **host.careless())
        found += watcher.all()
        if found.count("runtime") > CAUGHT:
            break
    assert set(found) <= {"runtime", "payload"}
    assert found.count("runtime") > CAUGHT


@pytest.mark.parametrize("maps_users", [False, True])
def test_container_that_joins_anothers_processes_gives_nothing_away(oci, hostile, bundles, host, maps_users):
    """CVE-2016-9962: nor does one that starts in a PID namespace, with a root of its own only later.

    Who has CAP_SYS_PTRACE in the host's own user namespace may look through anybody, so it has it in one of
    its own, or not at all.
    """
    other = bundles("other")
    if maps_users:
        hostile.map_ids()
        grant(hostile, "CAP_SYS_PTRACE")
        other.map_ids()
    name = f"{oci.name}-other"
    found = []
    with watching(oci, hostile, "watch", str(host.path), MARKER) as watcher:
        for kind in ("pid", "user") if maps_users else ("pid",):
            other.namespace(kind, f"/proc/{oci.pid()}/ns/{kind}")
        for _ in range(5):
            assert oci.execute(other, name=name, **host.careless()).returncode == 0
            found += watcher.all()
    assert set(found) <= {"runtime", "payload"}


def test_process_that_a_container_stops_hangs_no_exec(oci, hostile):
    """What joins a container and is stopped by it for good ends with an error, not never."""
    with watching(oci, hostile, "stop"):
        for _ in range(TRIES):
            ended = oci.run("exec", "--detach", oci.name, "true")
            if ended.returncode:
                break
        assert "stopped" in ended.stderr
        oci.delete(oci.name, "--force")
