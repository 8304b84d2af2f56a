"""Hooks as config.md has them, called as the commands and a container's first process call them."""

import json
import os
import signal
import subprocess
from contextlib import suppress

import psutil
import pytest
from oci_box import COMMAND, ROOT, hook

from runtime.oci import hooks
from runtime.oci.errors import HookError

STATE = {"ociVersion": "1.3.0", "id": "box", "status": "created", "pid": 1, "bundle": "/"}


def test_hook_gets_state_arguments_and_environment(tmp_path):
    log = tmp_path / "log"
    script = f"(cat; echo; echo $0 $1; env | sort) > {log}"
    hooks.run(
        [{"path": "/bin/sh", "args": ["name", "-c", script, "a", "b"], "env": ["B=2=3", "A="]}],
        STATE,
        what="test",
    )
    state, arguments, *environment = log.read_text().splitlines()
    assert json.loads(state) == STATE
    assert arguments == "a b"
    assert [line for line in environment if not line.startswith(("PWD=", "_=", "SHLVL="))] == ["A=", "B=2=3"]


def test_hook_without_arguments_or_environment_gets_neither(tmp_path):
    program = tmp_path / "program"
    program.write_text(
        f"#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/environ > {tmp_path}/log; echo $# >> {tmp_path}/log\n"
    )
    program.chmod(0o755)
    hooks.run([{"path": str(program)}], STATE, what="test")
    assert (tmp_path / "log").read_text() == "0\n"


def test_hook_inherits_neither_descriptors_nor_signals(tmp_path):
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        before = signal.getsignal(signal.SIGPIPE)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        try:
            script = f"(readlink /proc/self/fd/*; grep ^Sig /proc/self/status) > {tmp_path}/log"
            hooks.run([hook(script)], STATE, what="test")
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        assert signal.getsignal(signal.SIGPIPE) == before
        assert os.get_inheritable(file.fileno())
    text = (tmp_path / "log").read_text()
    assert "secret" not in text
    assert "SigBlk:\t0000000000000000" in text
    ignored = int(text.partition("SigIgn:\t")[2].split()[0], 16)
    # The C library ignores its own two signals in whatever it spawns; see nptl(7).
    assert ignored & ~(0b11 << 31) == 0


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            hook("echo first; echo second >&2; exit 4"),
            "test hook /bin/sh failed with exit status 4: first second",
        ),
        (hook("kill -9 $$"), "test hook /bin/sh was killed by signal 9"),
        (hook("sleep 1000", timeout=0.1), "took longer than its timeout of 0.1 s"),
        ({"path": "/no/such"}, "test hook /no/such can't be executed: No such file or directory"),
        ({"path": "/"}, "can't be executed: Permission denied"),
        ({"path": "/bin/sh", "args": ["a\0b"]}, "can't be executed"),
        (hook("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1"), "exit status 1: " + "x" * 1024),
    ],
)
def test_hook_that_fails(one, said, tmp_path):
    with pytest.raises(HookError) as caught:
        hooks.run([one, hook(f"touch {tmp_path}/next")], STATE, what="test")
    assert str(caught.value).endswith(said) or said in str(caught.value)
    assert len(str(caught.value)) < 1200
    assert not (tmp_path / "next").exists()


def test_hook_leaves_no_child_and_no_descriptor():
    before, children = os.listdir("/proc/self/fd"), psutil.Process().children()
    for timeout in (None, 0.05):
        with suppress(HookError):
            hooks.run(
                [hook("sleep 1000 & wait" if timeout else "exit 1", timeout=timeout)], STATE, what="test"
            )
    assert os.listdir("/proc/self/fd") == before
    assert psutil.Process().children() == children


@pytest.mark.parametrize("proc", [True, False])
def test_hooks_run_in_other_namespaces(tmp_path, proc):
    (tmp_path / "hooks.json").write_text(
        json.dumps([hook(f"cat > {tmp_path}/log"), hook("sleep 9", timeout=0.1)])
    )
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from runtime import light
from runtime.oci import hooks
hooks.run(light.loads(open("{tmp_path}/hooks.json").read()), {STATE!r}, what="createContainer")
"""
    inside = ["sh", "-c", 'umount -l /proc; exec "$@"', "sh"] if not proc else []
    command = ["unshare", "--pid", "--fork", "--mount", *inside, *COMMAND, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert "HookError: createContainer hook /bin/sh took longer" in done.stderr
    assert json.loads((tmp_path / "log").read_text()) == STATE
