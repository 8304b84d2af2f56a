from pathlib import Path

import pytest

from tare.errors import ExitCode, TareError, UsageError
from tare.state import State


def test_the_root_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TAREBENCH_ROOT", str(tmp_path))
    assert State.default() == State(tmp_path / "data", tmp_path / "run")


def test_root_and_users_have_their_own_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAREBENCH_ROOT", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert State.default().data == Path("/var/lib/tarebench")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/u")
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert State.default().run == Path("/home/u/.local/share/tarebench/run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert State.default().run == Path("/run/user/1000/tarebench")


def test_the_tag_tells_roots_apart_and_fits_a_link_name(tmp_path: Path) -> None:
    one, other = State.at(tmp_path / "one"), State.at(tmp_path / "other")
    assert one.tag != other.tag
    assert len(one.tag) == 6
    assert one.tag == State.at(tmp_path / "one").tag


def test_directories_are_private(tmp_path: Path) -> None:
    made = State.at(tmp_path).directory("a", "b", volatile=True)
    assert made == tmp_path / "run/a/b"
    assert made.stat().st_mode & 0o777 == 0o700


def test_an_error_is_one_line_with_its_remedy() -> None:
    assert str(UsageError("limit 'x' is no number", "give bytes")) == "limit 'x' is no number; give bytes"
    assert str(TareError("it failed")) == "it failed"
    assert UsageError("x").exit_code == ExitCode.USAGE == 2
