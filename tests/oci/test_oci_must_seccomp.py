"""What config-linux.md asks of seccomp: profiles, and the process state sent to a listener."""

import errno
import os
import socket
from collections.abc import Callable

import pytest
from oci_seccomp_agent import Agent, serving
from oci_socket import bind

from runtime import seccomp

MKDIR = ["mkdir", "mkdirat"]


def deny(*names: str, action: str = "SCMP_ACT_ERRNO", **more: object) -> dict:
    return {"names": list(names), "action": action, **more}


@pytest.fixture
def filtered(bundle) -> Callable[..., None]:
    """Gives the bundle a profile that allows all but the given rules."""

    def give(*rules: dict, **fields: object) -> None:
        bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list(rules), **fields}

    return give


@pytest.fixture
def notified(filtered, tmp_path) -> Agent:
    """A profile that asks an agent about mkdir, and this agent."""
    agent = Agent(tmp_path / "agent", errno.ENOMEDIUM)
    filtered(
        deny(*MKDIR, action="SCMP_ACT_NOTIFY"),
        listenerPath=str(agent.path),
        listenerMetadata="opaque data",
    )
    return agent


def test_filter_applies_to_the_process(oci, bundle, filtered):
    """Seccomp: the actions are taken for matched system calls."""
    filtered(deny(*MKDIR))
    assert oci.inside(bundle, "mkdir /dev/shm/x 2>&1 || grep ^Seccomp: /proc/self/status").endswith("\t2\n")


def test_process_without_a_profile_has_no_filter(oci, bundle):
    """Seccomp: the object is optional; without it there is no filter."""
    assert oci.inside(bundle, "grep ^Seccomp: /proc/self/status") == "Seccomp:\t0\n"


def test_errno_is_eperm_by_default(oci, bundle, filtered):
    """Seccomp: the errno of a rule is EPERM by default."""
    filtered(deny(*MKDIR))
    assert "Operation not permitted" in oci.inside(bundle, "mkdir /dev/shm/x 2>&1 || true")


def test_errno_is_the_given_one(oci, bundle, filtered):
    """Seccomp: errnoRet is the errno of a rule, 0 included."""
    filtered(deny(*MKDIR, errnoRet=errno.ENOSPC))
    assert "No space left" in oci.inside(bundle, "mkdir /dev/shm/x 2>&1 || true")
    filtered(deny(*MKDIR, errnoRet=0))
    assert oci.inside(bundle, "mkdir /dev/shm/x && test ! -e /dev/shm/x && echo nothing") == "nothing\n"


@pytest.mark.parametrize("given", [None, errno.ENOSYS])
def test_errno_of_the_default_action(oci, bundle, given):
    """Seccomp: defaultErrnoRet is the errno of the default action, EPERM if it isn't given."""
    profile = seccomp.profile(frozenset())
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name not in MKDIR]
    profile.pop("defaultErrnoRet", None)
    bundle.linux["seccomp"] = profile | ({} if given is None else {"defaultErrnoRet": given})
    assert os.strerror(given or errno.EPERM) in oci.inside(bundle, "mkdir /dev/shm/x 2>&1 || true")


@pytest.mark.parametrize("action", ["SCMP_ACT_ALLOW", "SCMP_ACT_KILL", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY"])
def test_errno_of_an_action_without_one_is_an_error(oci, bundle, filtered, action):
    """Seccomp: an errno for an action that doesn't support one is printed as an error, and it fails."""
    filtered(deny(*MKDIR, action=action, errnoRet=1), listenerPath="/no/such/agent")
    assert "errno" in oci.refuses(bundle).lower()


def test_default_errno_of_an_action_without_one_is_an_error(oci, bundle, filtered):
    """Seccomp: a default errno for an action that doesn't support one is an error, and it fails."""
    filtered(deny(*MKDIR), defaultErrnoRet=1)
    assert "errno" in oci.refuses(bundle).lower()


@pytest.mark.parametrize(("action", "status"), [("KILL_PROCESS", 159), ("KILL", 159), ("KILL_THREAD", 159)])
def test_kill_actions_end_the_process(oci, bundle, filtered, action, status):
    """Seccomp: the kill actions are valid and end the process with SIGSYS."""
    filtered(deny(*MKDIR, action=f"SCMP_ACT_{action}"))
    assert oci.inside(bundle, "mkdir /dev/shm/x; echo $?").endswith(f"{status}\n")


@pytest.mark.parametrize("action", ["SCMP_ACT_LOG", "SCMP_ACT_ALLOW"])
def test_other_actions_let_the_call_pass(oci, bundle, filtered, action):
    """Seccomp: log and allow are valid and let the call pass."""
    filtered(deny(*MKDIR, action=action))
    assert oci.inside(bundle, "mkdir /dev/shm/x; ls /dev/shm") == "x\n"


def test_trap_action_sends_sigsys(oci, bundle, filtered):
    """Seccomp: trap is valid and sends SIGSYS."""
    filtered(deny(*MKDIR, action="SCMP_ACT_TRAP"))
    assert oci.inside(bundle, "mkdir /dev/shm/x; echo $?").endswith("159\n")


def test_trace_action_without_a_tracer_fails_the_call(oci, bundle, filtered):
    """Seccomp: trace is valid, with an errno for the tracer; without a tracer it is ENOSYS."""
    filtered(deny(*MKDIR, action="SCMP_ACT_TRACE", errnoRet=5))
    assert "Function not implemented" in oci.inside(bundle, "mkdir /dev/shm/x 2>&1 || true")


# Operator -> nice values that match a comparison with 5 (with the mask 6 against 4).
OPERATORS = {"NE": {4, 6}, "LT": {4}, "LE": {4, 5}, "EQ": {5}, "GE": {5, 6}, "GT": {6}, "MASKED_EQ": {4, 5}}


RENICE = "for n in 4 5 6; do sh -c 'renice -n '$n' -p $$' 2> /dev/null || echo $n; done"


@pytest.mark.parametrize("operator", OPERATORS)
def test_operator_compares_an_argument(oci, bundle, filtered, operator):
    """Seccomp: every operator of the list is valid and does what libseccomp says."""
    comparison = {"index": 2, "op": f"SCMP_CMP_{operator}", "value": 5}
    if operator == "MASKED_EQ":
        comparison |= {"value": 6, "valueTwo": 4}
    filtered(deny("setpriority", args=[comparison]))
    assert {int(line) for line in oci.inside(bundle, RENICE).split()} == OPERATORS[operator]


def test_comparisons_of_a_rule_all_have_to_match(oci, bundle, filtered):
    """Seccomp: args matches when each of its entries does."""
    process, low = (
        {"index": 0, "op": "SCMP_CMP_EQ", "value": 0},
        {"index": 2, "op": "SCMP_CMP_GE", "value": 5},
    )
    filtered(deny("setpriority", args=[process, low]))
    assert oci.inside(bundle, RENICE).split() == ["5", "6"]
    filtered(deny("setpriority", args=[process | {"value": 2}, low]))
    assert oci.inside(bundle, RENICE).split() == []


@pytest.mark.parametrize(
    "rule",
    [
        {"names": [], "action": "SCMP_ACT_ERRNO"},
        {"action": "SCMP_ACT_ERRNO"},
        {"names": ["mkdir"]},
        {"names": ["mkdir"], "action": "SCMP_ACT_NOSUCH"},
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1}]},
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [{"value": 1, "op": "SCMP_CMP_EQ"}]},
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "op": "SCMP_CMP_EQ"}]},
        {
            "names": ["mkdir"],
            "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}],
        },
        {
            "names": ["mkdir"],
            "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_NOSUCH"}],
        },
    ],
    ids=["empty", "names", "action", "unknown", "op", "index", "value", "far", "operator"],
)
def test_rule_that_lacks_what_is_required_is_an_error(oci, bundle, filtered, rule):
    """Seccomp: names with an entry, action, index, value and op are required, and of the lists."""
    filtered(rule)
    oci.refuses(bundle)


def test_default_action_is_required(oci, bundle, filtered):
    """Seccomp: defaultAction is required."""
    filtered()
    del bundle.linux["seccomp"]["defaultAction"]
    oci.refuses(bundle)


@pytest.mark.parametrize("fields", [{"architectures": ["SCMP_ARCH_NOSUCH"]}, {"flags": ["SECCOMP_NOSUCH"]}])
def test_architecture_or_flag_that_isnt_of_the_list_is_an_error(oci, bundle, filtered, fields):
    """Seccomp: architectures and flags are constants of the lists."""
    filtered(deny(*MKDIR), **fields)
    oci.refuses(bundle)


@pytest.mark.parametrize("flag", ["TSYNC", "LOG", "SPEC_ALLOW"])
def test_flag_is_valid(oci, bundle, filtered, flag):
    """Seccomp: the flags of the list are valid."""
    filtered(deny(*MKDIR), flags=[f"SECCOMP_FILTER_FLAG_{flag}"])
    assert "not permitted" in oci.inside(bundle, "mkdir /dev/shm/x 2>&1 || true")


def test_architectures_of_the_host_and_others_are_valid(oci, bundle, filtered):
    """Seccomp: architectures lists those whose calls are matched."""
    filtered(
        deny(*MKDIR),
        architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"],
    )
    assert "not permitted" in oci.inside(bundle, "mkdir /dev/shm/x 2>&1 || true")


def test_unknown_call_is_left_out(oci, bundle, filtered):
    """Seccomp: a name that this architecture or libseccomp hasn't matches no call."""
    filtered(deny("nosuchcall", *MKDIR))
    assert "not permitted" in oci.inside(bundle, "mkdir /dev/shm/x 2>&1 || true")


def test_notified_call_is_answered_by_the_agent(oci, bundle, notified):
    """Seccomp, listenerPath: the descriptor that is sent is that of the filter."""
    with serving(notified):
        assert "No medium found" in oci.inside(bundle, "mkdir /dev/shm/x 2>&1 || true")


def test_listener_gets_exactly_one_state_per_connection(oci, bundle, notified):
    """Seccomp, listenerPath: exactly one process state is sent per connection."""
    with serving(notified):
        oci.inside(bundle)
    assert len(notified.states) == 1


def test_connection_is_closed_after_the_state(oci, bundle, notified):
    """Seccomp, listenerPath: the connection isn't used again, and it is closed after sending."""
    with serving(notified):
        oci.inside(bundle)
    assert notified.closed


def test_descriptors_are_sent_in_the_first_call_and_named(oci, bundle, notified):
    """Container Process State: descriptors come with the first message; fds names them, seccompFd first."""
    with serving(notified):
        oci.inside(bundle)
    assert notified.states[0]["fds"] == ["seccompFd"]
    assert (notified.descriptors[0], sum(notified.descriptors)) == (1, 1)


def test_process_state_has_what_is_required(oci, bundle, notified):
    """Container Process State: ociVersion, pid as the runtime sees it, the metadata and the state."""
    bundle.config["annotations"] = {"a": "b"}
    with serving(notified):
        pid = oci.running(bundle)
        oci.stop()
    [sent] = notified.states
    assert sent["ociVersion"].startswith("1.")
    assert sent["pid"] == pid
    assert sent["metadata"] == "opaque data"
    state = sent["state"]
    assert (state["id"], state["pid"], state["bundle"]) == (oci.name, pid, str(bundle.path))
    assert state["status"] == "creating"
    assert state["annotations"] == {"a": "b"}


def test_listener_that_isnt_there_is_an_error(oci, bundle, filtered, tmp_path):
    """Seccomp, listenerPath: an error if sending fails."""
    filtered(deny(*MKDIR, action="SCMP_ACT_NOTIFY"), listenerPath=str(tmp_path / "nobody"))
    oci.asked.add(oci.name)
    if oci.run("create", "--bundle", str(bundle.write()), oci.name).returncode == 0:
        oci.fails("start", oci.name)


def test_listener_of_another_socket_type_is_an_error(oci, bundle, filtered, tmp_path):
    """Seccomp, listenerPath: the socket is of AF_UNIX and SOCK_STREAM."""
    filtered(deny(*MKDIR, action="SCMP_ACT_NOTIFY"), listenerPath=str(tmp_path / "datagram"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        bind(server, tmp_path / "datagram")
        oci.asked.add(oci.name)
        if oci.run("create", "--bundle", str(bundle.write()), oci.name).returncode == 0:
            oci.fails("start", oci.name)


def test_listener_is_ignored_without_the_notify_action(oci, bundle, filtered):
    """Seccomp, listenerPath: the value is ignored if SCMP_ACT_NOTIFY isn't used."""
    filtered(deny(*MKDIR), listenerPath="/no/such/agent")
    assert oci.inside(bundle, "echo on") == "on\n"


def test_metadata_without_a_listener_is_an_error(oci, bundle, filtered):
    """Seccomp, listenerMetadata: not set if listenerPath isn't."""
    filtered(deny(*MKDIR), listenerMetadata="opaque data")
    oci.refuses(bundle)


def test_notify_without_a_listener_is_an_error(oci, bundle, filtered):
    """Create: an action that can't be applied is an error: there is nobody to notify."""
    filtered(deny(*MKDIR, action="SCMP_ACT_NOTIFY"))
    oci.refuses(bundle)


def test_notify_as_default_action_is_an_error(oci, bundle):
    """Create: what can't be applied is an error: a process that waits for an agent with its first call."""
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/no/such/agent"}
    oci.refuses(bundle)
