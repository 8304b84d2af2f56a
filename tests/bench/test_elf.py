"""What programs are for, read off their headers."""

import platform
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bench.elf import Programs, _abi, programs
from runtime.busybox import find_busybox


def test_a_program_of_this_host_is_for_it(tmp_path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/busybox").write_bytes(find_busybox().read_bytes())
    (tmp_path / "bin/script").write_text("#!/bin/sh")
    (tmp_path / "bin/broken").symlink_to("/no/such/file")
    found = programs(tmp_path)
    assert found.architectures == (platform.machine(),)
    assert found.kernel.count(".") == 2
    assert all(part.isdigit() for part in found.kernel.split("."))


def test_other_files_are_bound_to_nothing(tmp_path) -> None:
    (tmp_path / "text").write_text("\x7fELF")
    assert programs(tmp_path) == Programs((), "")


@given(st.binary(max_size=200), st.integers(0, 4096))
def test_any_bytes_are_a_version_or_none(noise, length) -> None:
    interpreter = Path(sys.executable).read_bytes()[:length]
    for head in (noise, interpreter, interpreter + noise):
        assert len(_abi(head)) == 3
