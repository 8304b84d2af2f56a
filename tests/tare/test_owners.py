"""The list of whose files are, and what a program is shown of it."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tare import owners
from tare.owners import Owners, Status

_ATTRIBUTE = "import os, sys; print(os.getxattr(sys.argv[1], 'security.capability').hex())"


@pytest.fixture
def tree(tmp_path) -> Path:
    """A directory whose name is one that a shell would take apart."""
    root = tmp_path / "a 'tree' $(false)"
    (root / "sub").mkdir(parents=True)
    (root / "sub/file").write_text("x")
    (root / "null").touch()
    return root


def shown(tree: Path, *argv: str) -> list[str]:
    command = (*owners.command(tree), *argv)
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout.splitlines()


def test_without_a_list_a_file_is_what_it_is(tree) -> None:
    found = (tree / "sub/file").lstat()
    about = Owners.of(tree).status("sub/file", found)
    assert about == Status(found.st_mode, found.st_uid, found.st_gid)
    assert owners.command(tree) == ()
    assert shown(tree, "stat", "-c", "%u", "sub/file") == [str(os.geteuid())]


def test_a_program_sees_what_is_listed(tree) -> None:
    capability = bytes(20)
    listed = {
        "": Status(stat.S_IFDIR | 0o751, 5, 6),
        "sub": Status(stat.S_IFDIR, 70_000, 70_001),
        "sub/file": Status(stat.S_IFREG | 0o4750, 33, 44, attributes={"security.capability": capability}),
        "null": Status(stat.S_IFCHR | 0o666, device=os.makedev(1, 3)),
    }
    Owners(tree, listed).write()
    assert Owners.of(tree).status("sub/file", tree.lstat()) == listed["sub/file"]
    names = (".", "sub", "sub/file", "null")
    assert shown(tree, "stat", "-c", "%a %u:%g %t,%T %F", *names) == [
        "751 5:6 0,0 directory",
        "0 70000:70001 0,0 directory",
        "4750 33:44 0,0 regular file",
        "666 0:0 1,3 character special file",
    ]
    assert shown(tree, sys.executable, "-c", _ATTRIBUTE, "sub/file") == [capability.hex()]
    assert (tree / "null").is_file()


def test_what_is_not_listed_is_roots(tree) -> None:
    os.chown(tree / "sub/file", 7, 8)
    Owners(tree, {}).write()
    assert Owners.of(tree).status("sub/file", (tree / "sub/file").lstat()).uid == 0
    assert shown(tree, "stat", "-c", "%u:%g", "sub/file") == ["0:0"]
