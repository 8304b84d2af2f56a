import time

from bench.rest import rest
from runtime import syscalls


def test_rest_waits_for_grace_periods(monkeypatch) -> None:
    waited = []
    wait = syscalls.membarrier
    monkeypatch.setattr(syscalls, "membarrier", lambda: waited.append(wait()))
    rest()
    assert waited == [None] * 4


def test_where_the_kernel_refuses_time_passes(monkeypatch) -> None:
    def refuse() -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(syscalls, "membarrier", refuse)
    before = time.monotonic()
    rest()
    assert time.monotonic() - before >= 0.1
