"""`tarebox-oci` inside the guest, with containers that are removed in the end."""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from oci.oci_bundle import Bundle, sane

from runtime import busybox

_BOOTSTRAP = "import sys; sys.path.append('/project'); from runtime.oci.cli import main; main()"
PROGRAM = ("python3", "-S", "-I", "-X", "utf8=1", "-c", _BOOTSTRAP)
NAME = "box"


class Oci:
    """Calls the runtime.

    Args:
        directory: for bundles and state.
        options: those before the command.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        self._directory = directory
        self._options = ("--root", str(directory / "state"), *options)

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command of the runtime; a container inherits files, so that none has to be waited for."""
        with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as output:
            given.write(text)
            given.seek(0)
            command = (*PROGRAM, *self._options, *arguments)
            done = subprocess.run(command, stdin=given, stdout=output, stderr=output, check=False)
            output.seek(0)
            return subprocess.CompletedProcess(arguments, done.returncode, output.read())

    def ok(self, *arguments: str, text: str = "") -> str:
        """What a command that has to succeed printed."""
        done = self.run(*arguments, text=text)
        assert done.returncode == 0, f"{arguments}: {done.stdout}"
        return done.stdout

    def bundle(self, *argv: str) -> Bundle:
        """A bundle whose container sees its control groups."""
        root = Path(f"/var/tmp/rootfs-{os.getuid()}")
        if not root.is_dir():
            busybox.populate(root)
        bundle = sane(self._directory / "bundle", root)
        bundle.process["args"] = list(argv)
        bundle.namespace("cgroup")
        bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "ro")
        return bundle

    def started(self, bundle: Bundle) -> int:
        """Create and start the container; its process."""
        self.ok("create", "--bundle", str(bundle.write()), NAME)
        self.ok("start", NAME)
        return int(json.loads(self.ok("state", NAME))["pid"])

    def ran(self, bundle: Bundle) -> subprocess.CompletedProcess[str]:
        """Run the container to its end."""
        return self.run("run", "--bundle", str(bundle.write()), NAME)


@contextlib.contextmanager
def oci(*options: str) -> Iterator[Oci]:
    """The runtime with a directory of its own; nothing of its container may be left."""
    with tempfile.TemporaryDirectory(prefix="oci-", dir="/var/tmp") as directory:
        one = Oci(Path(directory), *options)
        try:
            yield one
        finally:
            one.ok("delete", "--force", NAME)
        assert not list(Path("/sys/fs/cgroup").rglob(f"*{NAME}*"))


def map_ids(bundle: Bundle) -> None:
    """Map the user to root and their subordinate ids to the rest, as newuidmap may."""
    first = int(Path("/etc/subuid").read_text().split(":")[1])
    ranges = [
        {"containerID": 0, "hostID": os.getuid(), "size": 1},
        {"containerID": 1, "hostID": first, "size": 1000},
    ]
    bundle.namespace("user")
    bundle.linux.update(uidMappings=ranges, gidMappings=ranges)
