"""The cache of compiled seccomp filters."""

import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from seccomp_profiles import described, rule

from runtime import seccomp, seccomp_cache
from runtime.capabilities import DEFAULT
from runtime.errors import EngineError
from runtime.seccomp import compile_filter

ALLOW = 0x7FFF0000


@pytest.fixture
def compilations(monkeypatch) -> list[dict]:
    """The profiles that were compiled."""
    profiles = []

    def counted(description):
        profiles.append(description)
        return compile_filter(description)

    monkeypatch.setattr(seccomp, "compile_filter", counted)
    return profiles


PROFILE = described(rule("read"), flags=["SECCOMP_FILTER_FLAG_LOG"])


def test_a_profile_is_compiled_once(tmp_path, compilations):
    directory = tmp_path / "cache"
    first = seccomp_cache.compiled(PROFILE, str(directory))
    assert first == (compile_filter(PROFILE), 2)
    assert seccomp_cache.compiled(PROFILE, str(directory)) == first
    assert compilations == [PROFILE]
    assert directory.stat().st_mode & 0o777 == 0o700
    other = described(rule("write"))
    assert seccomp_cache.compiled(other, str(directory)) == (compile_filter(other), 4)
    assert len(list(directory.iterdir())) == 2


def damaged(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes()[:-8] + struct.pack("=HBBI", 6, 0, 0, ALLOW))


def emptied(entry: Path) -> None:
    entry.write_bytes(b"")


def given_away(entry: Path) -> None:
    os.chown(entry, 12345, 12345)


def of_another_profile(entry: Path) -> None:
    seccomp_cache.compiled(described(rule("write")), str(entry.parent))
    (other,) = {*entry.parent.iterdir()} - {entry}
    other.replace(entry)


def linked(entry: Path) -> None:
    entry.rename(entry.parent / "elsewhere")
    entry.symlink_to("elsewhere")


def made_a_fifo(entry: Path) -> None:
    entry.unlink()
    os.mkfifo(entry)


@pytest.mark.parametrize("spoilt", [damaged, emptied, given_away, of_another_profile, linked, made_a_fifo])
def test_a_file_that_can_not_be_trusted_is_replaced(tmp_path, compilations, spoilt):
    first = seccomp_cache.compiled(PROFILE, str(tmp_path))
    (entry,) = tmp_path.iterdir()
    spoilt(entry)
    compilations.clear()
    assert seccomp_cache.compiled(PROFILE, str(tmp_path)) == first
    assert seccomp_cache.compiled(PROFILE, str(tmp_path)) == first
    assert compilations == [PROFILE]


def test_a_directory_of_another_user_is_refused(tmp_path):
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(EngineError, match="directory of this user"):
        seccomp_cache.compiled(PROFILE, str(tmp_path))
    (tmp_path / "link").symlink_to("/")
    with pytest.raises(EngineError, match="directory of this user"):
        seccomp_cache.compiled(PROFILE, str(tmp_path / "link"))


def test_the_default_filter_is_kept_by_capabilities(tmp_path, compilations):
    for capabilities in (DEFAULT, DEFAULT - {"CAP_CHOWN"}, DEFAULT):
        expected = compile_filter(seccomp.profile(capabilities))
        assert seccomp_cache.program(capabilities, tmp_path) == expected
    assert len(list(tmp_path.iterdir())) == len(compilations) == 2


def test_a_kept_default_filter_needs_no_compiler(tmp_path):
    seccomp_cache.program(DEFAULT, tmp_path)
    script = f"""
import sys; sys.path.append({str(Path(__file__).parents[2])!r})
from pathlib import Path
from runtime import capabilities, seccomp_cache
seccomp_cache.program(capabilities.DEFAULT, Path({str(tmp_path)!r}))
sys.exit("runtime.seccomp" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-S", "-I", "-c", script], check=False).returncode == 0


def test_where_nothing_can_be_written_it_is_compiled_each_time(tmp_path, compilations, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    for _ in range(2):
        assert seccomp_cache.compiled(PROFILE, str(tmp_path)) == (compile_filter(PROFILE), 2)
    assert len(compilations) == 2
    assert list(tmp_path.iterdir()) == []
