"""The finder that takes our modules from one file."""

import marshal
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.oci.modules import Modules

SOURCES = {
    "taretest": ("taretest/__init__.py", "from taretest import inner"),
    "taretest.inner": ("taretest/inner.py", "value = 1"),
}


@pytest.fixture
def packages(tmp_path, monkeypatch) -> Iterator[Path]:
    """A package whose sources say otherwise than the code that a file would have."""
    for path, _ in SOURCES.values():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("value = 2")
    (tmp_path / "taretest/other.py").write_text("value = 3")
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    yield tmp_path
    for name in [*SOURCES, "taretest.other"]:
        sys.modules.pop(name, None)


def install(packages: Path, times: dict[str, int]) -> None:
    index: dict[str, tuple[str, int, int, int | None]] = {}
    codes = b""
    for name, (path, text) in reversed(SOURCES.items()):
        codes = marshal.dumps(compile(text, path, "exec")) + codes
        start, end = -len(codes), min((found[2] for found in index.values()), default=None)
        index[name] = (path, times.get(name, 0), start, end)
    sys.meta_path.insert(0, Modules(str(packages), index, marshal.dumps(index) + codes))


def test_modules_come_from_the_file(packages) -> None:
    install(packages, {})
    import taretest

    assert taretest.inner.value == 1
    assert taretest.__file__ == str(packages / "taretest/__init__.py")
    assert taretest.__path__ == [str(packages / "taretest")]
    assert taretest.inner.__spec__.parent == "taretest"


def test_unedited_modules_come_from_the_file(packages) -> None:
    install(packages, {"taretest.inner": (packages / "taretest/inner.py").stat().st_mtime_ns})
    import taretest

    assert taretest.inner.value == 1


def test_edited_modules_are_imported_as_usual(packages) -> None:
    install(packages, {"taretest.inner": (packages / "taretest/inner.py").stat().st_mtime_ns})
    os.utime(packages / "taretest/inner.py", ns=(1, 1))
    import taretest

    assert taretest.inner.value == 2


def test_removed_modules_are_not_found(packages) -> None:
    install(packages, {"taretest.inner": 1})
    (packages / "taretest/inner.py").unlink()
    with pytest.raises(ImportError, match="inner"):
        import taretest  # noqa: F401


def test_other_modules_are_imported_as_usual(packages) -> None:
    install(packages, {})
    import taretest.other

    assert taretest.other.value == 3
