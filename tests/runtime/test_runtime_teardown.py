import os
import subprocess
from pathlib import Path

from runtime.teardown import remove_tree


def test_a_tree_of_any_depth_goes(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    top = os.open(tmp_path, os.O_RDONLY)
    directory = os.dup(top)
    for _ in range(3000):
        os.mkdir(b"tree", dir_fd=directory)
        inner = os.open(b"tree", os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = inner
        os.symlink(outside, b"link", dir_fd=directory)
        os.mkdir(b"empty", dir_fd=directory)
    os.close(directory)
    (tmp_path / "tree/file").touch()
    try:
        remove_tree(f"{tmp_path}/tree")
    finally:
        os.close(top)
        subprocess.run(["rm", "-rf", tmp_path / "tree"], check=True)
    assert os.listdir(tmp_path) == ["outside"] and os.listdir(outside) == ["file"]
