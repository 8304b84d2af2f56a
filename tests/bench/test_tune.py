"""`tarebench tune`: what was there before is recorded before it is changed, and comes back exactly."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.ordinary import become, ordinary
from bench.tuning.host import Host
from bench.tuning.knobs import KNOBS
from bench.tuning.setting import File
from tare.errors import TareError

CPUS = "sys/devices/system/cpu"
GOVERNORS = [f"{CPUS}/cpu{cpu}/cpufreq/scaling_governor" for cpu in range(4)]
TURBO = f"{CPUS}/intel_pstate/no_turbo"
INTERRUPTS = ["proc/irq/9/smp_affinity_list", "proc/irq/24/smp_affinity_list"]
HUGE_PAGES = "sys/kernel/mm/transparent_hugepage/enabled"
SAMPLING = "proc/sys/kernel/perf_event_max_sample_rate"
BOOT = "proc/sys/kernel/random/boot_id"
RECORD = "run/tarebench-tune.json"
BEFORE = {
    **dict.fromkeys(GOVERNORS, "powersave\n"),
    GOVERNORS[3]: "schedutil\n",
    **{f"{CPUS}/cpu{cpu}/topology/thread_siblings_list": f"{cpu & ~1}-{cpu | 1}\n" for cpu in range(4)},
    TURBO: "0\n",
    INTERRUPTS[0]: "0-3\n",
    INTERRUPTS[1]: "2\n",
    HUGE_PAGES: "[always] madvise never\n",
    SAMPLING: "63000\n",
    BOOT: "first\n",
}
TUNED = {
    **dict.fromkeys(GOVERNORS, "performance"),
    TURBO: "1",
    **dict.fromkeys(INTERRUPTS, "0-1"),
    HUGE_PAGES: "madvise",
    SAMPLING: "1",
}
PUT_BACK = {**{path: BEFORE[path].strip() for path in TUNED}, HUGE_PAGES: "always"}


@pytest.fixture
def tree(tmp_path) -> Path:
    root = tmp_path / "root"
    for path, text in BEFORE.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / RECORD).parent.mkdir()
    return root


@pytest.fixture
def host(tree) -> Host:
    return Host(tree)


@pytest.fixture
def record(tree) -> Path:
    return tree / RECORD


def values(root: Path, paths) -> dict[str, str]:
    return {path: File(root, path).read() for path in paths}


def marks(findings) -> dict[str, bool | None]:
    return {finding.name: finding.good for finding in findings}


def test_all_is_set_and_comes_back_as_it_was(host, tree, record) -> None:
    assert marks(host.show()) == {
        **dict.fromkeys(("governor", "turbo", "interrupts", "huge-pages", "perf-sampling"), False),
        **dict.fromkeys(("irqbalance", "addresses", "record")),
    }
    findings = host.apply()
    assert values(tree, TUNED) == TUNED
    assert {finding.name for finding in findings if finding.good} == {
        *("governor", "turbo", "interrupts", "huge-pages", "perf-sampling"),
    }
    assert record.exists()
    assert host.restore().startswith("9 values are as they were at ")
    assert values(tree, TUNED) == PUT_BACK
    assert not record.exists()
    assert host.restore() == "nothing to put back"


def test_applied_twice_the_first_record_stays(host, tree) -> None:
    host.apply()
    (tree / GOVERNORS[0]).write_text("ondemand")
    host.apply()
    assert values(tree, TUNED) == TUNED
    host.restore()
    assert values(tree, TUNED) == PUT_BACK


def test_applied_by_several_at_once_the_first_record_stays(tree) -> None:
    for _ in range(20):
        with ThreadPoolExecutor(3) as pool:
            for applied in [pool.submit(Host(tree).apply) for _ in range(3)]:
                applied.result()
        assert values(tree, TUNED) == TUNED
        Host(tree).restore()
        assert values(tree, TUNED) == PUT_BACK


def test_what_the_host_lacks_is_said(host, tree) -> None:
    for path in (*GOVERNORS, TURBO, *INTERRUPTS, HUGE_PAGES, SAMPLING):
        (tree / path).unlink()
    findings = [finding for finding in host.apply() if finding.good is None]
    assert len(findings) == 6
    assert {finding.line for finding in findings} == {"nothing to set here"}
    assert host.restore().startswith("0 values")


@pytest.mark.parametrize("step", range(1, 7))
def test_killed_at_any_change_it_comes_back(tree, step) -> None:
    """A process that is gone in the middle, as by SIGKILL, after some of the values were changed."""
    program = f"""
import os
from pathlib import Path
from bench.tuning.host import Host
from bench.tuning.setting import File
write, left = File.write, [{step}]
def count(setting, value):
    left[0] -= 1
    if not left[0]:
        os._exit(9)
    write(setting, value)
File.write = count
Host(Path({str(tree)!r})).apply()
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    Host(tree).restore()
    assert values(tree, TUNED) == PUT_BACK


def test_after_a_boot_all_is_recorded_anew(host, tree) -> None:
    host.apply()
    booted = {**BEFORE, BOOT: "second\n", INTERRUPTS[0]: "3\n", GOVERNORS[0]: "ondemand\n"}
    for path, text in booted.items():
        (tree / path).write_text(text)
    assert Host(tree).restore() == "nothing to put back"
    before = values(tree, TUNED)
    Host(tree).apply()
    assert values(tree, TUNED) == TUNED
    Host(tree).restore()
    assert values(tree, TUNED) == before


def test_what_is_gone_meanwhile_is_told_and_forgotten(host, tree, record) -> None:
    host.apply()
    (tree / GOVERNORS[3]).unlink()
    assert host.restore().endswith(f"; 1 are gone, such as {GOVERNORS[3]}")
    assert not record.exists()
    assert not (tree / GOVERNORS[3]).exists()


def refusing(monkeypatch, path: str) -> None:
    """A kernel that takes no value for a file, as of an interrupt that can't be moved."""
    write = File.write

    def refuse(setting: File, value: str) -> None:
        if setting.path == path:
            raise OSError(5, "Input/output error")
        write(setting, value)

    monkeypatch.setattr(File, "write", refuse)


def test_what_the_kernel_refuses_is_said_and_the_rest_is_set(host, tree, monkeypatch) -> None:
    refusing(monkeypatch, INTERRUPTS[1])
    (finding,) = [finding for finding in host.apply() if finding.name == "interrupts"]
    assert finding.good is False
    assert finding.line.startswith("2, 0-1 in 2 places; better 0-1: ")
    assert finding.line.endswith("; can't be set: Input/output error")
    assert values(tree, TUNED) == {**TUNED, INTERRUPTS[1]: "2"}
    assert host.restore().startswith("9 values")


def test_what_cannot_be_put_back_stays_in_the_record(host, tree, record, monkeypatch) -> None:
    host.apply()
    with monkeypatch.context() as patch:
        refusing(patch, TURBO)
        with pytest.raises(TareError, match=f"1 values can't be put back: {TURBO}: Input/output error"):
            host.restore()
    assert values(tree, [TURBO, HUGE_PAGES]) == {TURBO: "1", HUGE_PAGES: "always"}
    host.restore()
    assert values(tree, TUNED) == PUT_BACK
    assert not record.exists()


def test_nothing_is_changed_where_nothing_can_be_recorded(host, tree, record) -> None:
    record.mkdir()
    with pytest.raises(TareError, match="can't be read"):
        host.apply()
    assert values(tree, TUNED) == PUT_BACK


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null"])
def test_a_broken_record_is_a_line(host, record, text) -> None:
    record.write_text(text)
    with pytest.raises(TareError, match="can't be read"):
        host.restore()


def test_irqbalance_is_stopped_before_and_started_after(host, tree, tmp_path, monkeypatch) -> None:
    """With a stand-in for systemctl, as most hosts of tests have no irqbalance."""
    log, active = tmp_path / "log", tmp_path / "active"
    active.touch()
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/systemctl"
    program.write_text(
        f"""#!/bin/sh
case $1 in
start) touch {active}; echo start $(cat {tree / INTERRUPTS[0]}) >>{log} ;;
stop) rm {active}; echo stop $(cat {tree / INTERRUPTS[0]}) >>{log} ;;
show) case $2 in
    *LoadState) echo loaded ;;
    *ActiveState) [ -e {active} ] && echo active || echo inactive ;;
    esac ;;
esac
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert marks(host.apply())["irqbalance"] is True
    host.restore()
    assert log.read_text().splitlines() == ["stop 0-3", "start 0-3"]


def test_a_unit_that_cannot_be_stopped_is_said(host, tmp_path, monkeypatch) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/systemctl"
    program.write_text(
        "#!/bin/sh\n"
        'case "$1 $2" in\n'
        "stop*) echo Access denied >&2; exit 1 ;;\n"
        "*LoadState) echo loaded ;;\n"
        "*) echo active ;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    (finding,) = [finding for finding in host.apply() if finding.name == "irqbalance"]
    assert finding.line.endswith("can't be set: Access denied")


def test_every_knob_says_what_it_disturbs(host) -> None:
    wrong = [finding for finding in host.show() if finding.good is False]
    assert all(": " in finding.line for finding in wrong)
    assert [knob.name for knob in KNOBS][:2] == ["governor", "turbo"]


@pytest.fixture
def huge_pages() -> Iterator[File]:
    """This host's setting, put back whatever happens; what is recorded of the host is left alone."""
    setting = File(Path("/"), HUGE_PAGES)
    before, recorded = setting.read(), Path("/") / RECORD
    aside = recorded.read_bytes() if recorded.exists() else None
    recorded.unlink(missing_ok=True)
    yield setting
    if setting.read() != before:
        setting.write(before)
    if aside is not None:
        recorded.write_bytes(aside)


def test_this_host_is_tuned_and_put_back_from_any_state_root(call, tmp_path, huge_pages) -> None:
    place = {"TAREBENCH_ROOT": str(tmp_path / "state"), "cwd": tmp_path}
    other = {**place, "TAREBENCH_ROOT": str(tmp_path / "other")}
    huge_pages.write("always")
    shown = call("tarebench", "tune", **place)
    assert shown.returncode == 0, shown.stderr
    try:
        applied = call("tarebench", "tune", "--apply", **place)
        assert applied.returncode == 0, applied.stderr
        assert huge_pages.read() == "madvise"
        assert "ok  huge-pages      madvise\n" in applied.stdout
    finally:
        restored = call("tarebench", "tune", "--restore", **other)
    assert restored.returncode == 0, restored.stderr
    assert huge_pages.read() == "always"
    assert call("tarebench", "tune", "--show", **place).stdout == shown.stdout
    assert call("tarebench", "tune", "--restore", **place).stdout == "nothing to put back\n"


def test_an_ordinary_user_is_told_in_a_line(environment, tmp_path) -> None:
    command = (*become(), "tarebench", "tune", "--apply")
    with ordinary(tmp_path) as executor:
        run = executor.submit(subprocess.run, command, env=environment, capture_output=True, text=True)
        done = run.result()
    assert done.returncode == 10
    assert done.stderr == "tarebench: the host's settings are root's to change; run this command with sudo\n"
