"""Full disks and killed writers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from image_making import add_image
from layer_archive import layer, member

from runtime.image.content import Content
from runtime.image.digest import digest_of
from runtime.image.model import Descriptor
from runtime.image.saving import save
from runtime.image.store import ImageStore
from tare.state import State

ROOT = Path(__file__).parent.parent.parent
DATA = b"0123456789" * 100_000
DESCRIPTOR = Descriptor("text/plain", digest_of(DATA), len(DATA))

FULL = """
import io, os, pathlib, sys
from runtime.image.content import Content
from runtime.image.pack import pack
from runtime.image.saving import load
from runtime.image.store import ImageStore
from runtime.image.unpack import unpack
from tare.errors import ImageError
from tare.state import State
disk, work = map(pathlib.Path, sys.argv[1:])
content = Content(disk / "content")
def write():
    with content.write() as writer:
        for _ in range(4):
            writer.write(os.urandom(1 << 20))
def fill():
    (disk / "layer").mkdir()
    with (work / "layer").open("rb") as file:
        unpack(file, disk / "layer")
def read():
    load(ImageStore(State.at(disk / "s")), work / "saved")
for act in (write, lambda: pack(work / "tree", content), read, fill):
    try:
        act()
        print("done")
    except ImageError as error:
        print(error)
print(list(content.digests()), list(content.partial()), ImageStore(State.at(disk / "s")).list())
"""

KILLED = """
import os, pathlib, sys
from runtime.image.content import Content
content = Content(pathlib.Path(sys.argv[1]))
from runtime.image.digest import digest_of
from runtime.image.model import Descriptor
data = b"0123456789" * 100_000
with content.write() as other, content.write(Descriptor("text/plain", digest_of(data), len(data))) as writer:
    other.write(b"x")
    writer.write(data[:400_000])
    print("half", flush=True)
    sys.stdin.read()
"""


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_bytes(os.urandom(4 << 20))
    (tmp_path / "layer").write_bytes(layer(member("file", data=bytes(4 << 20))))
    store = ImageStore(State.at(tmp_path / "state"))
    add_image(store, tmp_path, "app")
    save(store, ["app"], tmp_path / "saved")
    with (tmp_path / "saved").open("ab") as file:
        file.write(bytes(4 << 20))
    subprocess.run(["gzip", tmp_path / "saved"], check=True)
    (tmp_path / "saved.gz").rename(tmp_path / "saved")
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=3m none "$1"; exec "$0" -c "$2" "$1" "$3"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-ec", script, sys.executable, tmp_path / "disk", FULL, tmp_path],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    *said, left = done.stdout.splitlines()
    assert len(said) == 4 and all("No space left on device" in line for line in said), said
    assert left == "[] [] ()"


def test_a_killed_writer_leaves_what_the_next_one_uses(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    with process:
        assert process.stdout and process.stdout.readline() == b"half\n"
        content = Content(tmp_path)
        assert content.remove_abandoned() == 0
        process.send_signal(signal.SIGKILL)
    assert not list(content.digests())
    with content.write(DESCRIPTOR, resume=True) as writer:
        assert writer.offset == 400_000
        writer.write(DATA[writer.offset :])
    assert content.read(DESCRIPTOR) == DATA
    assert content.remove_abandoned() == 1 and not list(content.partial())
