import os
import subprocess
import sys

from bench import footprint

MIB = 1 << 20


def test_ballast_shows_in_pss() -> None:
    code = "import sys; ballast = bytearray(64 << 20); print('ready', flush=True); sys.stdin.read()"
    idle = "import sys; print('ready', flush=True); sys.stdin.read()"
    sizes = []
    for program in (idle, code):
        argv = (sys.executable, "-S", "-I", "-c", program)
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            sizes.append(footprint.measure(process.pid).pss)
    assert abs(sizes[1] - sizes[0] - 64 * MIB) <= MIB


def test_a_process_in_our_own_cgroup_has_none_of_its_own() -> None:
    with subprocess.Popen(("sleep", "100")) as process:
        assert footprint.cgroup_memory(process.pid) is None
        assert footprint.cgroup_directory(process.pid, "memory") is None
        process.kill()


def test_what_is_gone_weighs_nothing() -> None:
    process = subprocess.Popen(("true",))
    process.wait()
    assert footprint.pss(process.pid) == 0
    assert footprint.cpu_seconds(process.pid) == 0
    assert footprint.family(process.pid) == []


def test_family_has_the_children() -> None:
    with subprocess.Popen(("sh", "-c", "sleep 100 & echo ready; wait"), stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        family = footprint.family(process.pid)
        assert process.pid == family[0]
        assert len(family) == 2
        for pid in family:
            os.kill(pid, 9)
