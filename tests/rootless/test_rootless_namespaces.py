"""How an ordinary user gets namespaces, and how they go."""

import json
import os
import select
import signal
import subprocess
from pathlib import Path

import psutil
from rootless_user import User, ordinary

from bench.ordinary import COUNT, NAME

IMPATIENT = """
import sys; sys.path.insert(0, sys.argv[1])
from runtime.rootless import enter, holder
from tare.state import State
words = holder.command
changed = "from runtime.rootless import holder; holder.IDLE = 0.1; main()"
def impatient(*arguments):
    return [word.replace("main()", changed) for word in words(*arguments)]
holder.command = impatient
enter(State.default())
print(open(sys.argv[2] + "/holder.json").read())
"""


def holder(user: User) -> psutil.Process:
    """The process on record."""
    return psutil.Process(json.loads((user.holder / "holder.json").read_text())["pid"])


def inside(user: User, code: str) -> str:
    """What Python prints in the namespaces."""
    setup = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r});"
    setup += "from runtime.rootless import enter; from tare.state import State; enter(State.default());"
    done = user.run("python", "-S", "-I", "-c", f"{setup}import os; {code}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_user_is_root_over_a_range_of_ids(user: User) -> None:
    assert inside(user, "print(os.geteuid(), *open('/proc/self/uid_map').read().split())").split() == [
        "0", "0", str(user.uid), "1", "1", str(user.first_id), str(COUNT)
    ]  # fmt: skip


def test_a_command_stays_in_its_directory_and_in_the_hosts_network(user: User) -> None:
    found = inside(user, "print(os.getcwd(), os.readlink('/proc/self/ns/net'), State.default().data)")
    assert found.split() == [str(user.home), str(Path("/proc/self/ns/net").readlink()), str(user.data)]


def test_all_commands_share_one_holder(user: User) -> None:
    assert len({inside(user, "print(os.readlink('/proc/self/ns/user'))") for _ in range(3)}) == 1


def test_several_at_once_make_one_holder() -> None:
    with ordinary() as fresh:
        code = "from runtime.rootless import enter; from tare.state import State; import os, sys;"
        code += "enter(State.default()); print(os.readlink('/proc/self/ns/mnt'))"
        script = f'cd {Path(__file__).parents[2]}; for one in 1 2 3 4; do python -S -c "$CODE" & done; wait'
        done = fresh.run("sh", "-c", script, CODE=code)
        assert len(done.stdout.split()) == 4, done.stderr
        assert len(set(done.stdout.split())) == 1


def test_a_killed_holder_is_made_anew(user: User) -> None:
    inside(user, "")
    killed = holder(user)
    pidfd = os.pidfd_open(killed.pid)
    killed.send_signal(signal.SIGKILL)
    select.select([pidfd], [], [])
    os.close(pidfd)
    assert inside(user, "print(os.geteuid())") == "0"
    assert holder(user).is_running() and holder(user).pid != killed.pid


def test_a_record_of_another_boot_is_stale(user: User) -> None:
    path = user.holder / "holder.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "boot": "another", "pid": os.getpid()}))
    assert inside(user, "print(os.geteuid())") == "0"
    assert holder(user).pid not in (os.getpid(), record["pid"])
    psutil.Process(record["pid"]).kill()


def test_without_a_range_the_user_is_told() -> None:
    with ordinary(ranges=False) as poor:
        done = poor.box("image", "bootstrap", "busybox")
        assert done.returncode == 0
        assert done.stderr.splitlines() == [
            f"tarebox: all files will be yours inside: /etc/subuid has no range for {NAME}; "
            "see usermod(8), --add-subuids and --add-subgids"
        ]
        assert poor.inside("alone") == ["0", "0"]


def test_forbidden_namespaces_are_one_line(user: User) -> None:
    # Only what is executed once root is mapped has root's capabilities.
    forbid = 'cd /; read _; exec sh -c "echo 0 >/proc/sys/user/max_user_namespaces; $*"'
    run = user.command("tarebox", "clean", TAREBENCH_ROOT=str(user.home / "forbidden"))
    within, become = run[:2], run[3:]
    command = [*within, "unshare", "--user", "sh", "-c", forbid, "sh", *become]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as limited:
        while Path(f"/proc/{limited.pid}/ns/user").readlink() == Path("/proc/self/ns/user").readlink():
            os.sched_yield()
        for kind in ("uid", "gid"):
            Path(f"/proc/{limited.pid}/{kind}_map").write_text("0 0 4294967295")
        _, errors = limited.communicate("go\n")
    assert errors == (
        "tarebox: an ordinary user may have no containers here: making a user namespace: "
        "No space left on device; run as root, or set the sysctl user.max_user_namespaces to 10000\n"
    )


def test_a_holder_ends_when_nothing_needs_it() -> None:
    with ordinary() as one:
        done = one.run("python", "-c", IMPATIENT, str(Path(__file__).parents[2]), str(one.holder))
        pid = json.loads(done.stdout)["pid"]
        psutil.wait_procs([process for process in psutil.process_iter() if process.pid == pid], timeout=10)
        assert [path.name for path in one.holder.iterdir()] == ["lock"]
        assert one.processes() == []
