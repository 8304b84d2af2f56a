"""What the kernel does with the programs of seccomp profiles, and that runc's does the same."""

import ctypes
import errno
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from seccomp_profiles import OPERATORS, compare, described, rule

from runtime import seccomp, syscalls
from runtime.capabilities import DEFAULT
from runtime.seccomp import compile_filter, filter_flags

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers of x86_64")

GETPPID, PERSONALITY = 110, 135
WORD = 2**32 - 1
LONG = 2**64 - 1

libc = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: int) -> int:
    """The errno of a raw system call, or 0."""
    ctypes.set_errno(0)
    libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(argument) for argument in arguments))
    return ctypes.get_errno()


def in_child(body: Callable[[], int]) -> int:
    """What a forked child exits with, as os.waitstatus_to_exitcode has it."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(body())
        finally:
            os._exit(255)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def filtered(profile: dict, number: int, *arguments: int) -> int:
    """The errno of a system call under a profile; negative the signal that ended the caller."""
    program, flags = compile_filter(profile), filter_flags(profile)

    def body() -> int:
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        syscalls.seccomp_filter(program, flags)
        return call(number, *arguments)

    return in_child(body)


@pytest.mark.parametrize(
    ("action", "fields", "status"),
    [
        ("KILL", {}, -signal.SIGSYS),
        ("KILL_THREAD", {}, -signal.SIGSYS),
        ("KILL_PROCESS", {}, -signal.SIGSYS),
        ("TRAP", {}, -signal.SIGSYS),
        ("ERRNO", {}, errno.EPERM),
        ("ERRNO", {"errnoRet": 77}, 77),
        ("TRACE", {}, errno.ENOSYS),
        ("LOG", {}, 0),
        ("ALLOW", {}, 0),
    ],
)
def test_the_kernel_takes_the_actions(action, fields, status):
    profile = described(rule("getppid", action=action, **fields), default="ALLOW")
    assert filtered(profile, GETPPID) == status


@pytest.mark.parametrize("flags", [[], ["SECCOMP_FILTER_FLAG_TSYNC"], ["SECCOMP_FILTER_FLAG_LOG"], None])
def test_the_kernel_takes_the_flags(flags):
    profile = described(rule("getppid", action="ERRNO"), default="ALLOW", flags=flags)
    assert filtered(profile, GETPPID) == errno.EPERM


@pytest.mark.parametrize("value", [0, 7, 2**32 + 7, 2**63])
@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_the_kernel_compares_as_the_model(op, value):
    profile = described(
        rule("personality", action="ERRNO", errnoRet=99, args=[compare(1, op, value, 6)]), default="ALLOW"
    )
    for argument in (0, 6, 7, 8, 2**32 + 7, 2**63 - 1, LONG):
        status = filtered(profile, PERSONALITY, WORD, argument)
        assert status == (99 if OPERATORS[op](argument, value, 6) else 0)


def test_the_kernel_hands_out_a_listener():
    profile = described(rule("getppid", action="NOTIFY"), default="ALLOW", listenerPath="/agent")
    program, flags = compile_filter(profile), filter_flags(profile)

    def body() -> int:
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        listener = syscalls.seccomp_listener(program, flags)
        assert not os.get_inheritable(listener)
        os.close(listener)
        return call(GETPPID)

    assert in_child(body) == errno.ENOSYS


CALLER = r"""
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each argument is a system call, "number,argument,...": prints its errno, or minus the signal it ends by. */
int main(int count, char **calls) {
    for (int index = 1; index < count; index++) {
        unsigned long words[7] = {0};
        char *rest = calls[index];
        for (int place = 0; place < 7 && *rest; place++, rest += *rest == ',')
            words[place] = strtoul(rest, &rest, 0);
        int status;
        pid_t child = fork();
        if (child == 0) {
            errno = 0;
            syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
            _exit(errno);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0)
            return 1;
        printf("%d\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def caller(tmp_path_factory) -> Path:
    """A program that makes the system calls its arguments name."""
    program = tmp_path_factory.mktemp("caller") / "caller"
    command = ["cc", "-Wall", "-Wextra", "-Werror", "-static", "-x", "c", "-", "-o", program]
    subprocess.run(command, input=CALLER, text=True, check=True)
    return program


@pytest.fixture
def runc(oci) -> Iterator[type]:
    """The runtime that all others are measured by."""
    other = type(oci)("runc", oci.root.with_name("runc"), f"{oci.name}-runc")
    yield other
    for name in other.asked:
        other.run("delete", "--force", name)


CALLS = [
    "0,-1",
    "39",
    "41,40,1,0",
    "41,1,1,0",
    "56,0x10000011",
    "110",
    "121,1",
    "135,0xffffffff",
    "135,0xffffffff,7",
    "135,0xffffffff,0x100000007",
    "135,0xffffffff,7,7",
    "165",
    "250",
    "425",
    "435",
    "437",
    "600",
    "1000",
    "0x40000027",
    "0x40000400",
    "-1",
]
DOCKER = {key: value for key, value in seccomp.profile(DEFAULT).items() if key != "defaultErrnoRet"}
SEVEN = compare(1, "EQ", 7)


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(seccomp.profile(DEFAULT), id="the default profile"),
        pytest.param(DOCKER, id="failing with EPERM by default"),
        pytest.param(
            DOCKER | {"architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_X86"]}, id="with x32"
        ),
        pytest.param(described(rule("getppid", action="KILL_PROCESS"), default="ALLOW"), id="denying one"),
        pytest.param(
            described(rule("personality", action="ERRNO", args=[compare(1, "GT", WORD)]), default="ALLOW"),
            id="comparing 64 bits",
        ),
        pytest.param(
            described(
                rule("personality", action="ERRNO", errnoRet=7, args=[SEVEN, compare(2, "EQ", 0)]),
                rule("personality", action="TRAP", args=[SEVEN, compare(2, "NE", 0)]),
                rule("getpgid", action="TRACE"),
                default="ALLOW",
            ),
            id="several comparisons and rules",
        ),
        pytest.param(
            described(
                rule("personality", action="ERRNO", args=[SEVEN, compare(1, "EQ", 2**32 + 7)]),
                rule("getpgid", args=[SEVEN]),
                default="ALLOW",
            ),
            id="one argument twice",
        ),
    ],
)
def test_calls_end_as_under_runc(oci, runc, bundle, caller, profile):
    bundle.mount("/mnt", "none", str(caller.parent), "bind", "ro")
    bundle.process["args"] = ["/mnt/caller", *CALLS]
    bundle.linux["seccomp"] = profile
    ours, theirs = oci.inside(bundle), runc.inside(bundle)
    assert dict(zip(CALLS, ours.split(), strict=True)) == dict(zip(CALLS, theirs.split(), strict=True))


@pytest.mark.parametrize(
    "profile",
    [
        described(rule("personality", args=[SEVEN]), rule("personality", action="TRAP", args=[SEVEN])),
        described(rule("write", action="NOTIFY"), default="ALLOW", listenerPath="/agent"),
        described(rule("getppid", action="NOTIFY"), default="ALLOW"),
        described(default="NOTIFY", listenerPath="/agent"),
        described(architectures=["SCMP_ARCH_Z80"]),
        described(rule("read", args=[compare(6, "EQ", 0)])),
    ],
    ids=lambda profile: str(profile)[:80],
)
def test_what_runc_refuses_is_refused(oci, runc, bundle, profile):
    bundle.linux["seccomp"] = profile
    for runtime in (oci, runc):
        ended = runtime.execute(bundle)
        assert ended.returncode != 0
        assert re.search("seccomp|NOTIFY|listenerPath", ended.stderr, re.IGNORECASE), ended.stderr
