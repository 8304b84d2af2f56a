"""A container's files, whether it runs or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tare.state import State

if TYPE_CHECKING:
    from runtime.lifecycle.containers import Containers
    from runtime.storage.protocol import Owner


@contextmanager
def opened(state: State, containers: "Containers", name: str) -> "Iterator[tuple[int, Owner]]":
    """A descriptor of the root as the container sees it, and who is root there, for runtime.storage.copying.

    A container that doesn't run isn't started meanwhile; it sees its volumes and bind mounts.

    Raises:
        NoSuchContainerError: there is none.
        CopyError: it ends just now, or something can't be mounted in it.
        TareError: it has no root in the store.
    """
    from runtime.lifecycle import mounted, mounting
    from runtime.storage import paths

    record = containers.find(name)
    owner = record.settings.spec.root_owner
    if record.status() in ("running", "paused"):
        with paths.running(int(record.state["pid"])) as root:
            yield root, owner
        return
    with record.lock():
        settings = record.settings
        driver, identity = containers.root(record.id)
        spec = mounting.apply(state, settings.mounts, settings.spec)
        with driver.opened(identity) as root, mounted.mounted(root, record.path, spec) as whole:
            yield whole, owner
