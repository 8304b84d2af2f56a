import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bench.host_check import Check, Noise, Watch, as_json, settings

_KTHREADD = 2
QUIET = {
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/intel_pstate/no_turbo": "1\n",
    "sys/devices/system/cpu/smt/active": "0\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3\n",
    "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n",
    "proc/cpuinfo": "flags : fpu msr\n",
    "proc/loadavg": "0.05 0.02 0.00 1/200 4242\n",
    "proc/stat": "cpu  1000 0 1000 8000 0 0 0 0 900 0\ncpu0 1 2 3\n",
    "proc/vmstat": "pswpin 5\npswpout 6\npgpgin 99\n",
}


@pytest.fixture
def host(tmp_path) -> Path:
    for name, text in QUIET.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def noisy(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if check.noise is Noise.NOISY]


def test_a_host_set_up_for_measuring_is_quiet(host) -> None:
    assert noisy(settings(host)) == []
    assert as_json(settings(host))["noisy"] == []


@pytest.mark.parametrize(
    ("name", "text", "check"),
    [
        ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave", "governor"),
        ("sys/devices/system/cpu/intel_pstate/no_turbo", "0", "turbo"),
        ("sys/devices/system/cpu/cpufreq/boost", "1", "turbo"),
        ("sys/devices/system/cpu/smt/active", "1", "smt"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet", "clock"),
        ("proc/swaps", "Filename Type Size Used Priority\n/dev/vdb partition 1048572 2048 -2\n", "swap"),
        ("proc/cpuinfo", "flags : fpu hypervisor msr", "virtualised"),
        ("proc/loadavg", "900.5 2.00 1.00 5/200 4242", "load"),
    ],
)
def test_each_setting_that_disturbs_is_found(host, name, text, check) -> None:
    write(host, name, text)
    assert noisy(settings(host)) == [check]


@pytest.mark.parametrize(
    ("name", "text", "check"),
    [
        ("proc/stat", "cpu  1100 0 1000 8880 0 0 0 20 900 0", "steal"),
        ("proc/vmstat", "pswpin 5\npswpout 7", "swapping"),
        ("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "4", "heat"),
    ],
)
def test_each_event_that_disturbs_is_found(host, name, text, check) -> None:
    watch = replace(Watch.begin(host), others={})
    assert noisy(watch.end(host)) == []
    write(host, name, text)
    assert noisy(watch.end(host)) == [check]


def test_what_a_host_does_not_tell_is_no_noise(host) -> None:
    for path in host.glob("sys/devices/system/cpu/**/*"):
        if path.is_file():
            path.unlink()
    untold = [check.name for check in settings(host) if check.noise is Noise.UNTOLD]
    assert untold == ["governor", "turbo", "smt"]


def test_only_the_work_of_strangers_counts() -> None:
    with subprocess.Popen(("sleep", "100")) as ours:
        found = {pid for pid, _ in Watch.begin().others}
        ours.kill()
    # The kernel's threads work for whoever asks.
    assert found.isdisjoint((ours.pid, os.getpid(), _KTHREADD))
    assert os.getppid() in found


def test_this_host_can_be_looked_at() -> None:
    checks = [*settings(), *Watch.begin().end()]
    assert len({check.name for check in checks}) == len(checks) == 11
    assert all(check.line for check in checks)
