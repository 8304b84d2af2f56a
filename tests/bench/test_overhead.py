from pathlib import Path

from bench.overhead import overhead, peak_memory


def test_every_round_without_a_subject_is_kept_and_nothing_stays_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    rounds = overhead()
    assert len(rounds) == 200
    assert all(seconds > 0 for seconds in rounds)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_peak_memory_is_the_kernels(tmp_path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t  900 kB\nVmHWM:\t  123 kB\n")
    assert peak_memory(status) == 123 * 1024
    assert peak_memory() > 1 << 20
