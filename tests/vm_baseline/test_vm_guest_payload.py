"""The payload's streams, signals and end, and guests that misbehave."""

import shutil
import subprocess
import threading
from signal import SIGTERM

import pytest

from vm_baseline import compiling
from vm_baseline.errors import HypervisorError, NotReadyError
from vm_baseline.guest_program import guest_program
from vm_baseline.prepared import prepare

LIMIT = 60


def test_input_output_and_errors_are_apart(shared_hypervisor, spec) -> None:
    output, errors = bytearray(), bytearray()
    code = "echo begun; cat; echo wrong >&2; echo $WORD $PWD; exit 9"
    machine = shared_hypervisor.start(
        spec("vm-micro", "sh", "-c", code, has_input=True, env={"WORD": "a"}, directory="/srv/work"),
        output=output.extend,
        errors=errors.extend,
    )
    first = machine.wait_output(LIMIT)
    machine.write(b"given\n", LIMIT)
    machine.close_stdin()
    assert machine.wait(LIMIT) == 9
    assert (output, errors) == (b"begun\ngiven\na /srv/work\n", b"wrong\n")
    assert sorted(machine.output.splitlines()) == sorted((output + errors).splitlines())
    assert machine.ready_ns < first < machine.exited_ns
    machine.remove()


def test_signals_and_sizes_reach_a_payload_on_a_terminal(shared_hypervisor, spec) -> None:
    code = "trap 'stty size' WINCH; trap 'echo int' INT; stty size; while :; do sleep 0.02; done"
    said, changed = bytearray(), threading.Condition()

    def take(data: bytes) -> None:
        with changed:
            said.extend(data)
            changed.notify_all()

    def wait_for(text: bytes) -> None:
        with changed:
            assert changed.wait_for(lambda: text in said, LIMIT), said

    machine = shared_hypervisor.start(
        spec("vm-micro", "sh", "-c", code, terminal=(25, 81), has_input=True), output=take
    )
    wait_for(b"25 81\r\n")
    machine.resize(40, 120)
    wait_for(b"40 120\r\n")
    machine.write(b"\x03")
    wait_for(b"int\r\n")
    machine.kill(SIGTERM)
    assert machine.wait(LIMIT) == 128 + SIGTERM
    machine.remove()


def test_a_slow_reader_slows_the_payload_and_nothing_else(shared_hypervisor, spec) -> None:
    go, sizes = threading.Event(), []

    def take(data: bytes) -> None:
        go.wait(LIMIT)
        sizes.append(len(data))

    machine = shared_hypervisor.start(
        spec("vm-micro", "sh", "-c", "dd if=/dev/zero bs=1M count=20; exit 3"), output=take
    )
    machine.wait_output(LIMIT)
    for _ in range(20):
        assert machine.exec(["true"], timeout=LIMIT).returncode == 0
    assert machine.exec(["pidof", "dd"], timeout=LIMIT).returncode == 0
    go.set()
    assert machine.wait(LIMIT) == 3
    assert sum(sizes) > 20 << 20
    assert len(machine.output) == 16 << 20
    machine.remove()


def test_garbage_and_forged_lines_on_the_console_do_no_harm(shared_hypervisor, spec) -> None:
    code = (
        "for i in 1 2 3 4 5 6 7 8; do echo 0000:ready 1 2; head -c 4096 /dev/urandom; done > /dev/console;"
        " ls /.tare; echo really; exit 6"
    )
    machine = shared_hypervisor.start(spec("vm-micro", "sh", "-c", code))
    assert machine.wait(LIMIT) == 6
    assert machine.output == b"ls: /.tare: No such file or directory\nreally\n"
    machine.remove()


def test_a_panic_is_an_end_with_its_reason(shared_hypervisor, spec) -> None:
    machine = shared_hypervisor.start(
        spec(
            "vm-micro", "sh", "-c", "echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger; sleep 99"
        )
    )
    with pytest.raises(HypervisorError, match=r"without reporting .*: its kernel panicked: .*Kernel panic"):
        machine.wait(LIMIT)
    machine.remove()


def test_an_agent_that_never_answers_is_waited_for_no_longer_than_asked(shared_hypervisor, spec) -> None:
    machine = shared_hypervisor.start(spec(hold=True))
    with pytest.raises(subprocess.TimeoutExpired):
        machine.exec(["true"], timeout=0.1)
    machine.destroy()
    with pytest.raises(HypervisorError, match="the guest ended before true could run to its end"):
        machine.exec(["true"], timeout=LIMIT)
    machine.remove()


def test_what_process_1_cannot_do_are_its_last_words(shared_hypervisor, spec, state, monkeypatch) -> None:
    wanted = spec("vm-q35", "true")
    shared = prepare(state, wanted)
    monkeypatch.setattr("vm_baseline.hypervisor.Job", _with_wrong_type)
    machine = shared_hypervisor.start(wanted, prepared=shared)
    with pytest.raises(
        NotReadyError, match=r"ended before .* words were .*can't mount /.tare/root: No such device"
    ):
        machine.wait_ready(LIMIT)


def _with_wrong_type(*fields, **named):
    from vm_baseline.initramfs import Job

    return Job(*fields, **{**named, "file_system": "nosuch"})


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_the_program_is_compiled_without_a_warning(tmp_path, architecture) -> None:
    for compiler in compiling.compilers(architecture):
        done = subprocess.run(
            [compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Os", "-static", "-o", tmp_path / "out",
             *compiling.sources()], capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
    assert compiling.compilers(architecture)


def test_a_missing_compiler_is_one_line(state) -> None:
    with pytest.raises(HypervisorError) as fault:
        guest_program(state, "riscv64")
    assert str(fault.value) == (
        "the guest's program can't be made: there is no C compiler for riscv64;"
        " install the package gcc-riscv64-linux-gnu"
    )


def test_the_program_is_made_anew_where_the_installed_one_is_older(state, monkeypatch, tmp_path) -> None:
    shutil.copytree(compiling.sources()[0].parent, tmp_path / "guest")
    with (tmp_path / "guest/init.c").open("a") as source:
        source.write("/* newer */\n")
    before = compiling.digest()
    monkeypatch.setattr(compiling, "_SOURCES", tmp_path / "guest")
    assert compiling.digest() != before
    assert compiling.digest().encode() in guest_program(state)
