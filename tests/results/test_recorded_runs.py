"""Every reference run in results/recorded/ is still read, complete and nearly without a failure."""

from pathlib import Path

import pytest

from results.store import Store

RECORDED = Path(__file__).parent.parent.parent / "results/recorded"


@pytest.mark.parametrize("path", sorted(RECORDED.rglob("*.json*")), ids=lambda path: path.name)
def test_a_recorded_run_is_read(path: Path) -> None:
    run = Store(path.parent).load(path)
    assert run.complete
    failed = [record for record in run.records if not record.valid and not record.unsupported]
    assert len(failed) <= len(run.visits) // 100


def test_there_is_one() -> None:
    assert list(RECORDED.glob("*.json*"))
