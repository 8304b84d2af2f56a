"""The figures the project holds itself to, as benchmarks: each prints what it measured beside its goal."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tare.errors import ExitCode, UsageError

_DIRECTORY = Path(__file__).parent


def measure(names: Iterable[str] = ()) -> int:
    """Measure the named goals, or all. Raises: UsageError for a name that is none."""
    known = {path.stem.removeprefix("test_").replace("_", "-"): path for path in _DIRECTORY.glob("test_*.py")}
    names = list(names) or sorted(known)
    for name in names:
        if name not in known:
            raise UsageError(f"no goal is called {name!r}", f"choose from {', '.join(sorted(known))}")
    arguments = ["-c", str(_DIRECTORY.parent / "pytest.ini"), "--rootdir", str(_DIRECTORY), "-s", "-q"]
    status = pytest.main([*arguments, "-p", "no:cacheprovider", *(str(known[name]) for name in names)])
    return ExitCode.OK if status == pytest.ExitCode.OK else ExitCode.FAILED
