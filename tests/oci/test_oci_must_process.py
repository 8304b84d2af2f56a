"""What config.md asks of the process: its directory, arguments, user, limits, capabilities and scheduling."""

import resource
from pathlib import Path

import pytest

SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")
STATUS = {"bounding": "Bnd", "effective": "Eff", "permitted": "Prm", "inheritable": "Inh", "ambient": "Amb"}
KILL, CHOWN = 1 << 5, 1 << 0


def capabilities(oci, bundle) -> dict[str, int]:
    lines = oci.inside(bundle, "grep ^Cap /proc/self/status").splitlines()
    values = {line[3:6]: int(line.split()[1], 16) for line in lines}
    return {kind: values[STATUS[kind]] for kind in SETS}


def test_cwd_is_the_working_directory(oci, bundle):
    """Process: cwd is the working directory of the executable."""
    bundle.process["cwd"] = "/usr/bin"
    assert oci.inside(bundle, "pwd") == "/usr/bin\n"


@pytest.mark.parametrize("cwd", ["usr", "", ".", "../etc"])
def test_cwd_that_isnt_absolute_is_an_error(oci, bundle, cwd):
    """Process: cwd is absolute."""
    bundle.process["cwd"] = cwd
    oci.refuses(bundle)


@pytest.mark.parametrize("field", ["cwd", "args"])
def test_field_of_the_process_is_required(oci, bundle, field):
    """Process: cwd is required, and so is one entry of args other than on Windows."""
    del bundle.process[field]
    oci.refuses(bundle)


def test_args_without_an_entry_is_an_error(oci, bundle):
    """Process: at least one entry of args is required."""
    bundle.process["args"] = []
    oci.refuses(bundle)


def test_args_are_the_programs_arguments(oci, bundle):
    """Process: args has the semantics of execvp's argv, the empty string and all bytes included."""
    bundle.process["args"] = ["sh", "-c", 'for each; do echo "<$each>"; done', "x", "a b", "", "$HOME", "ü\n"]
    assert oci.inside(bundle) == "<a b>\n<>\n<$HOME>\n<ü\n>\n"


@pytest.mark.parametrize("path", [["PATH=/nosuch:/opt"], ["PATH=/opt"]])
def test_first_argument_is_searched_as_execvp_does(oci, bundle, path):
    """Process: the first entry is execvp's file: without a slash it is searched in PATH."""
    root = bundle.own_root()
    (root / "opt").mkdir()
    (root / "opt/mine").symlink_to("/bin/busybox")
    bundle.process.update({"env": path, "args": ["mine"]})
    assert oci.run("create", "--bundle", str(bundle.write()), oci.name).returncode == 0
    oci.asked.add(oci.name)
    oci.start()


def test_first_argument_with_a_slash_is_relative_to_cwd(oci, bundle):
    """Process: a file with a slash isn't searched; a relative one starts at cwd."""
    bundle.process.update({"cwd": "/bin", "args": ["./busybox", "echo", "found"]})
    assert oci.inside(bundle) == "found\n"


def test_env_is_the_environment(oci, bundle):
    """Process: env has the semantics of environ; nothing of the runtime's own is added."""
    bundle.process["env"] = ["PATH=/usr/bin", "A=b=c", "EMPTY=", "HOME=/root"]
    bundle.process["args"] = ["env"]
    assert sorted(oci.inside(bundle, env={"HOST": "secret"}).splitlines()) == [
        "A=b=c",
        "EMPTY=",
        "HOME=/root",
        "PATH=/usr/bin",
    ]


@pytest.mark.parametrize("entry", ["=x", "novalue"])
def test_env_that_isnt_name_and_value_is_an_error(oci, bundle, entry):
    """Process: strings of environ have the form name=value."""
    bundle.process["env"].append(entry)
    oci.refuses(bundle)


def test_console_size_is_ignored_without_a_terminal(oci, bundle):
    """Process: consoleSize is ignored if terminal is false or unset."""
    bundle.process["consoleSize"] = {"height": 25, "width": 80}
    assert oci.inside(bundle, "test -t 0 || echo none") == "none\n"


@pytest.mark.parametrize("field", ["height", "width"])
def test_field_of_the_console_size_is_required(oci, bundle, console, field):
    """Process: height and width of consoleSize are required."""
    bundle.process.update(terminal=True, consoleSize={"height": 25, "width": 80})
    del bundle.process["consoleSize"][field]
    oci.refuses(bundle, "--console-socket", console.path)


def test_rlimits_are_those_of_the_process(oci, bundle):
    """POSIX process: after the call getrlimit returns the configured soft and hard values."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    bundle.process["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": min(200, hard)},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
    ]
    lines = oci.inside(bundle, "grep -e files -e core /proc/self/limits").splitlines()
    assert [line.split()[-3:-1] for line in lines] == [["0", "0"], ["100", "200"]]


def test_unknown_rlimit_is_an_error(oci, bundle):
    """POSIX process: a type that has no kernel interface is an error."""
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOSUCH", "soft": 1, "hard": 1}]
    oci.refuses(bundle)


def test_duplicated_rlimit_is_an_error(oci, bundle):
    """POSIX process: two entries of one type are an error."""
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100}] * 2
    oci.refuses(bundle)


@pytest.mark.parametrize("field", ["type", "soft", "hard"])
def test_field_of_an_rlimit_is_required(oci, bundle, field):
    """POSIX process: type, soft and hard are required."""
    limit = {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100}
    del limit[field]
    bundle.process["rlimits"] = [limit]
    oci.refuses(bundle)


def test_soft_limit_above_the_hard_one_is_an_error(oci, bundle):
    """POSIX process: getrlimit can't return what setrlimit refuses, so it is an error."""
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 200, "hard": 100}]
    oci.refuses(bundle)


def test_rlimits_not_listed_stay(oci, bundle):
    """POSIX process: only listed limits are set."""
    bundle.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert oci.inside(bundle, "ulimit -Sn; ulimit -Hn").split() == [str(soft), str(hard)]


@pytest.mark.parametrize("reduced", ["bounding", "inheritable", "ambient"])
def test_capability_sets_are_those_of_the_process(oci, bundle, reduced):
    """Linux process: each set has the capabilities that are listed for it, and no others."""
    fewer = {"bounding": SETS, "inheritable": ("inheritable", "ambient"), "ambient": ("ambient",)}[reduced]
    lists = {kind: ["CAP_KILL"] + ([] if kind in fewer else ["CAP_CHOWN"]) for kind in SETS}
    bundle.process.update(capabilities=lists, user={"uid": 1, "gid": 1}, noNewPrivileges=False)
    seen = capabilities(oci, bundle)
    both = KILL | CHOWN
    assert seen["bounding"] == (KILL if "bounding" in fewer else both)
    assert seen["inheritable"] == (KILL if "inheritable" in fewer else both)
    # By capabilities(7) a user's ambient set is all that is left of the others after execve.
    assert (seen["ambient"], seen["permitted"], seen["effective"]) == (KILL, KILL, KILL)


def test_no_capabilities_are_none(oci, bundle):
    """Linux process: what isn't listed isn't kept."""
    bundle.process["capabilities"] = {}
    assert set(capabilities(oci, bundle).values()) == {0}


def test_capabilities_of_root_are_the_listed_ones(oci, bundle):
    """Linux process: what isn't listed isn't kept, for the superuser too."""
    bundle.process["capabilities"] = {kind: ["CAP_KILL"] for kind in ("bounding", "effective", "permitted")}
    seen = capabilities(oci, bundle)
    assert (seen["bounding"], seen["effective"], seen["permitted"]) == (KILL, KILL, KILL)


@pytest.mark.parametrize("name", ["CAP_NO_SUCH", "CAP_SYS_RESOURCE", "nonsense"])
def test_capability_that_cant_be_granted_is_a_warning(oci, bundle, name):
    """Linux process: what can't be mapped or granted is logged as a warning."""
    for kind in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][kind].append(name)
    bundle.shell("echo on")
    ended = oci.execute(bundle)
    assert (ended.returncode, ended.stdout) == (0, "on\n")
    if name != "CAP_SYS_RESOURCE" or not has_sys_resource():
        assert name in ended.stderr


def has_sys_resource() -> bool:
    bounding = next(line for line in Path("/proc/self/status").read_text().splitlines() if "CapBnd" in line)
    return bool(int(bounding.split()[1], 16) >> 24 & 1)


@pytest.mark.parametrize("asked", [False, True])
def test_no_new_privileges_is_as_configured(oci, bundle, asked):
    """Linux process: noNewPrivileges keeps the process from gaining privileges; it is off otherwise."""
    bundle.process["noNewPrivileges"] = asked
    assert oci.inside(bundle, "grep NoNewPrivs /proc/self/status").split()[1] == str(int(asked))


def test_oom_score_adj_is_set(oci, bundle):
    """Linux process: oom_score_adj is set to the given value."""
    bundle.process["oomScoreAdj"] = 777
    assert oci.inside(bundle, "cat /proc/self/oom_score_adj") == "777\n"


def test_oom_score_adj_isnt_changed_when_not_set(oci, bundle):
    """Linux process: oom_score_adj isn't changed when it isn't configured."""
    own = Path("/proc/self/oom_score_adj").read_text()
    assert oci.inside(bundle, "cat /proc/self/oom_score_adj") == own


@pytest.mark.parametrize(("policy", "number"), [("SCHED_BATCH", 3), ("SCHED_IDLE", 5), ("SCHED_OTHER", 0)])
def test_scheduler_is_applied(oci, bundle, policy, number):
    """Linux process: scheduler's policy is that of the process."""
    bundle.process["scheduler"] = {"policy": policy}
    assert oci.inside(bundle, "cut -d ' ' -f 41 /proc/self/stat") == f"{number}\n"


def test_scheduler_sets_the_nice_value(oci, bundle):
    """Linux process: scheduler's nice is that of the process, and 0 where it isn't given."""
    bundle.process["scheduler"] = {"policy": "SCHED_OTHER", "nice": 7}
    assert oci.inside(bundle, "cut -d ' ' -f 19 /proc/self/stat") == "7\n"
    del bundle.process["scheduler"]["nice"]
    assert oci.inside(bundle, "cut -d ' ' -f 19 /proc/self/stat") == "0\n"


def test_real_time_scheduler_has_its_priority(oci, bundle):
    """Linux process: scheduler's priority is that of a real-time process."""
    bundle.process["scheduler"] = {"policy": "SCHED_FIFO", "priority": 5}
    # A new group of version 1 has no real-time budget of its own.
    bundle.linux["cgroupsPath"] = f"/{oci.name}"
    if Path("/sys/fs/cgroup/cpu/cpu.rt_runtime_us").exists():
        bundle.resources["cpu"] = {"realtimeRuntime": 1000, "realtimePeriod": 1_000_000}
    assert oci.inside(bundle, "cut -d ' ' -f 40,41 /proc/self/stat") == "5 1\n"


@pytest.mark.parametrize("scheduler", [{}, {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_NOSUCH"]}])
def test_scheduler_needs_a_policy_and_known_flags(oci, bundle, scheduler):
    """Linux process: policy is required, flags are of the list."""
    bundle.process["scheduler"] = scheduler
    oci.refuses(bundle)


@pytest.mark.parametrize(("kind", "seen"), [("BE", "best-effort: prio 6"), ("IDLE", "idle")])
def test_io_priority_is_applied(oci, bundle, kind, seen):
    """Linux process: ioPriority's class and priority are those of the process."""
    bundle.process["ioPriority"] = {"class": f"IOPRIO_CLASS_{kind}", "priority": 6}
    assert seen in oci.inside(bundle, "exec ionice -p $$")


@pytest.mark.parametrize(
    "priority", [{"class": "IOPRIO_CLASS_BE", "priority": 8}, {"priority": 4}, {"class": "IOPRIO_CLASS_BE"}]
)
def test_io_priority_out_of_range_or_in_part_is_an_error(oci, bundle, priority):
    """Linux process: class and priority are required, the latter is from 0 to 7."""
    bundle.process["ioPriority"] = priority
    oci.refuses(bundle)


def test_user_and_groups_are_those_of_the_process(oci, bundle):
    """User: uid, gid and additionalGids in the container's namespace, and no other groups."""
    bundle.process["user"] = {"uid": 5, "gid": 6, "additionalGids": [7, 8]}
    lines = oci.inside(bundle, "grep -e ^Uid -e ^Gid -e ^Groups /proc/self/status").splitlines()
    assert [line.split()[1:] for line in lines] == [["5"] * 4, ["6"] * 4, ["7", "8"]]


def test_no_additional_groups_are_none(oci, bundle):
    """User: the runtime's own groups aren't those of the process."""
    lines = oci.inside(bundle, "grep ^Groups /proc/self/status").split()
    assert set(lines[1:]) <= {"0"}


@pytest.mark.parametrize("field", ["uid", "gid"])
def test_field_of_the_user_is_required(oci, bundle, field):
    """User: uid and gid are required."""
    del bundle.process["user"][field]
    oci.refuses(bundle)


@pytest.mark.parametrize(("umask", "seen"), [(0o77, "0077"), (0, "0000"), (0o27, "0027")])
def test_umask_is_that_of_the_process(oci, bundle, umask, seen):
    """User: umask is the one of the process."""
    bundle.process["user"]["umask"] = umask
    assert oci.inside(bundle, "umask") == f"{seen}\n"


def test_umask_isnt_changed_when_not_set(oci, bundle):
    """User: without umask it is that of the calling process."""
    assert oci.inside(bundle, "umask", umask=0o22) == "0022\n"


@pytest.mark.parametrize("field", ["apparmorProfile", "selinuxLabel"])
def test_label_the_host_doesnt_know_is_an_error(oci, bundle, field):
    """Create: a property that can't be applied is an error; no silence about a missing protection."""
    bundle.process[field] = "nosuch_profile"
    oci.refuses(bundle)
