"""Bad input and faults: one clear line, a distinct exit code, samples kept, nothing left after a clean."""

import os
import re
import select
import signal
import subprocess
from pathlib import Path

import pytest
from inotify_simple import INotify, flags
from leftovers import leftovers

from results.journal import read_journal
from results.store import Store
from tare.errors import ExitCode
from tare.state import State

CASES = [
    (("run", "--image", "no-such-image"), ExitCode.IMAGE, "no-such-image"),
    (("run", "--image", "/etc/passwd"), ExitCode.IMAGE, "/etc/passwd"),
    (("run", "--subjects", "vmware"), ExitCode.USAGE, "no subject is called 'vmware'; choose from host"),
    (("run", "--runtime", "/bin/none"), ExitCode.USAGE, "there is no runtime '/bin/none'; name a program"),
    (("run", "--runtime", "runc"), ExitCode.USAGE, "there is a subject 'runc' already; name the runtime by"),
    (
        ("run", "--scenarios", "speed"),
        ExitCode.USAGE,
        "no scenario is called 'speed'; choose from check",
    ),
    (("run", "--profile", "fast"), ExitCode.USAGE, "no profile is called 'fast'; choose from smoke"),
    (("run", "--profile", "goals", "nonsense"), ExitCode.USAGE, "no goal is called 'nonsense'"),
    (("run", "startup"), ExitCode.USAGE, "'startup' would be a goal's name; name scenarios with --scenarios"),
    (("plan", "--profile", "goals"), ExitCode.USAGE, "goals are no plan"),
    (("report", "no-such-run.json"), ExitCode.RESULTS, "no-such-run.json"),
    (("report",), ExitCode.RESULTS, "there is no run in results/runs"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), CASES, ids=lambda value: str(value)[:40])
def test_bad_input_is_one_clear_line(call, tmp_path, arguments, code, message) -> None:
    done = call("tarebench", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("tarebench: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_an_option_cut_short_is_none(call, tmp_path) -> None:
    done = call("tarebench", "run", "--subject", "host", cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert "unrecognized arguments: --subject" in done.stderr


def test_an_unknown_connection_leaves_the_machines_out(call, tmp_path, nothing_left) -> None:
    arguments = ("--connect", "nonsense:///x", "--subjects", "vm-micro", "--scenarios", "startup")
    done = call("tarebench", "run", *arguments, cwd=tmp_path)
    assert done.returncode in (ExitCode.NO_SUBJECT, ExitCode.HYPERVISOR)
    assert "Traceback" not in done.stderr
    assert "vm-micro: libvirt says: " in done.stderr


def test_without_qemu_the_containers_still_run(call, tmp_path, nothing_left) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("chroot", "tar", "ip", "busybox", "virsh"):
        for directory in [*os.environ["PATH"].split(":"), "/usr/sbin"]:
            if (Path(directory) / name).exists() and not (tools / name).exists():
                (tools / name).symlink_to(Path(directory) / name)
    python = str(Path(os.sys.executable).parent)
    arguments = (
        "--subjects",
        "tarebox,vm-micro",
        "--scenarios",
        "startup",
        "--profile",
        "smoke",
        "--no-report",
    )
    done = call("tarebench", "run", *arguments, cwd=tmp_path, PATH=f"{tools}:{python}")
    assert done.returncode == 0, done.stderr
    assert re.search("vm-micro is left out: .*(QEMU|qemu)", done.stderr)
    store = Store(tmp_path / "results/runs")
    run = store.load(store.latest())
    assert {subject.name: subject.available for subject in run.subjects} == {
        "tarebox": True,
        "tarebox-again": True,
        "vm-micro": False,
    }


@pytest.fixture
def under_way(environment, tmp_path):
    """A run that has journaled samples of both sides and goes on."""
    runs = tmp_path / "results/runs"
    runs.mkdir(parents=True)
    argv = (
        "tarebench",
        "run",
        "--subjects",
        "tarebox,vm-micro",
        "--scenarios",
        "startup,memory",
        "--seed",
        "3",
    )
    with INotify() as inotify:
        inotify.add_watch(runs, flags.MODIFY)
        process = subprocess.Popen(
            argv, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        pidfd = os.pidfd_open(process.pid)
        poll = select.poll()
        poll.register(inotify.fileno(), select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        while True:
            ready = dict(poll.poll(120_000))
            assert ready, "no samples in time"
            assert pidfd not in ready, process.communicate()
            inotify.read()
            (journal,) = runs.glob("*.jsonl")
            if {"tarebox", "vm-micro"} <= {record.subject for record in read_journal(journal).records}:
                break
    yield process, tmp_path
    os.close(pidfd)
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_the_samples_and_leaves_nothing(under_way, number, nothing_left) -> None:
    process, directory = under_way
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, errors
    assert "tarebench: interrupted; the samples taken so far are kept" in errors
    assert "Traceback" not in errors
    store = Store(directory / "results/runs")
    run = store.load(store.latest())
    assert not run.complete
    assert run.records
    assert "incomplete" in (directory / "reports/out/index.html").read_text().lower()


def test_kill_9_keeps_the_samples_and_can_be_cleaned(under_way, call, root) -> None:
    process, directory = under_way
    process.kill()
    process.communicate(timeout=60)
    (journal,) = (directory / "results/runs").glob("*.jsonl")
    run = read_journal(journal)
    assert not run.complete
    assert {"tarebox", "vm-micro"} <= {record.subject for record in run.records}
    assert call("tarebench", "report", cwd=directory).returncode == 0
    done = call("tarebench", "clean", cwd=directory)
    assert done.returncode == 0, done.stderr
    assert leftovers(State.at(root)) == []
    again = call("tarebench", "clean", cwd=directory)
    assert again.stdout == ""


def test_doctor_says_what_this_host_can_do(call, tmp_path, nothing_left) -> None:
    done = call("tarebench", "doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(line[:3] in ("ok ", "no ") for line in lines)
    for word in ("subject tarebox", "subject vm-micro", "subject docker", "accelerator"):
        assert any(word in line for line in lines), done.stdout
