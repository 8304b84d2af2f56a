import os
import signal
import threading
import time
from pathlib import Path

import pytest

from runtime import ContainerSpec, Engine
from runtime.errors import CommandNotExecutableError, CommandNotFoundError, EngineError
from tare.errors import ImageError


def test_exit_status_and_standard_streams(run):
    ended = run("sh", "-c", "cat; exit 7", stdin=b"passed through\n")
    assert (ended.status, ended.output) == (7, "passed through\n")


def test_death_by_signal(start):
    container = start("sleep", "60")
    container.signal(signal.SIGKILL)
    assert container.wait(10) == 128 + signal.SIGKILL
    container.signal(signal.SIGKILL)
    container.remove()


def test_a_handled_signal_reaches_process_one(engine, image):
    read_end, write_end = os.pipe()
    spec = ContainerSpec(image, ("sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"))
    container = engine.start(spec, stdout=write_end)
    os.close(write_end)
    assert os.read(read_end, 6) == b"ready\n"
    os.close(read_end)
    assert container.stop(10) == 5
    container.remove()


def test_stop_does_not_wait_for_a_command_that_minds_no_signal(start):
    container = start("sleep", "60")
    started = time.monotonic()
    assert container.stop(30) == 128 + signal.SIGKILL
    assert time.monotonic() - started < 30
    container.remove()


def test_times_are_in_order(start):
    before = time.monotonic_ns()
    container = start("true")
    assert container.wait() == 0
    assert container.exited_ns
    assert before < container.created_ns < container.exited_ns < time.monotonic_ns()
    container.remove()
    container.remove()


def test_wait_times_out_and_can_be_repeated(start):
    container = start("sleep", "60")
    with pytest.raises(TimeoutError):
        container.wait(0.05)
    container.signal(signal.SIGKILL)
    assert container.wait() == container.wait() == 137
    container.remove()


def test_exec_joins_everything(start):
    container = start("sleep", "60", hostname="joined")
    names = "cgroup ipc mnt net pid uts user time"
    ended = container.exec(
        ("sh", "-c", f"cat; for n in {names}; do readlink /proc/self/ns/$n; done; hostname; exit 3"),
        stdin=b"in\n",
    )
    assert ended.returncode == 3
    first, *links, hostname = ended.stdout.decode().splitlines()
    assert (first, hostname) == ("in", "joined")
    assert links == [str(Path(f"/proc/{container.pid}/ns/{name}").readlink()) for name in names.split()]
    fields = "Cap|Seccomp|NoNew"
    own = container.exec(("grep", "-E", fields, "/proc/self/status")).stdout
    assert own == container.exec(("grep", "-E", fields, "/proc/1/status")).stdout
    container.remove()


def test_exec_is_counted_with_the_container_and_ends_with_it(start):
    container = start("sleep", "60")
    results = []
    thread = threading.Thread(target=lambda: results.append(container.exec(("sleep", "60")).returncode))
    thread.start()
    while len(container.processes()) < 2:
        assert thread.is_alive()
    container.signal(signal.SIGKILL)
    thread.join(10)
    assert results == [128 + signal.SIGKILL]
    container.remove()


def test_one_thread_waits_while_another_execs_and_stops(start):
    container = start("sleep", "60")
    statuses = []
    waiting = [threading.Thread(target=lambda: statuses.append(container.wait())) for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert container.exec(("echo", "x")).stdout == b"x\n"
    with pytest.raises(TimeoutError):
        container.wait(0.05)
    assert container.stop(0) == 137
    for thread in waiting:
        thread.join(10)
    assert statuses == [137] * 3
    container.remove()


def test_exec_faults(start):
    container = start("sleep", "60")
    with pytest.raises(TimeoutError):
        container.exec(("sleep", "60"), timeout=0.2)
    with pytest.raises(CommandNotFoundError):
        container.exec(("nonsense",))
    large = container.exec(("sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"))
    assert (len(large.stdout), len(large.stderr)) == (300000, 300000)
    container.signal(signal.SIGKILL)
    container.wait()
    with pytest.raises(EngineError):
        container.exec(("true",))
    container.remove()


def test_faults_of_the_start(run, engine, tmp_path):
    with pytest.raises(CommandNotFoundError):
        run("nonsense")
    with pytest.raises(CommandNotFoundError):
        run("/no/such/command")
    with pytest.raises(CommandNotExecutableError):
        run("/etc/passwd")
    with pytest.raises(ImageError):
        engine.start(ContainerSpec(tmp_path / "none", ("true",)))


def test_many_starts_leave_no_descriptor(start):
    counts = []
    for _ in range(200):
        container = start("true")
        assert container.wait() == 0
        container.remove()
        counts.append(len(os.listdir("/proc/self/fd")))
    assert len(set(counts)) == 1


def test_starts_from_many_threads(start):
    statuses = []

    def work(number: int) -> None:
        for _ in range(5):
            container = start("sh", "-c", f"exit {number}")
            statuses.append((number, container.wait()))
            container.remove()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == sorted((number, number) for number in range(8) for _ in range(5))


def test_closing_the_engine_removes_what_runs(state, image):
    with Engine(state) as engine:
        containers = [engine.start(ContainerSpec(image, ("sleep", "60"))) for _ in range(3)]
        descriptor = os.pidfd_open(containers[0].pid)
    with pytest.raises(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, 0)
    os.close(descriptor)
    with pytest.raises(EngineError, match="launcher"):
        engine.start(ContainerSpec(image, ("true",)))


def test_the_launcher_killed_takes_its_containers_along(state, image):
    with Engine(state) as engine:
        container = engine.start(ContainerSpec(image, ("sleep", "60")))
        assert container.pid
        os.kill(engine._launcher.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match="launcher"):
            container.wait(10)
        container.remove()
        with pytest.raises(EngineError, match="launcher"):
            engine.start(ContainerSpec(image, ("true",)))


def test_two_engines_of_one_state_do_not_disturb_each_other(state, image):
    with Engine(state) as first:
        with Engine(state) as second:
            assert second.start(ContainerSpec(image, ("true",))).wait() == 0
        assert first.start(ContainerSpec(image, ("true",))).wait() == 0
