"""Whether what a state keeps fits together: images, layers, containers, networks and volumes."""

import os
import re
from collections.abc import Iterator

from tare.errors import TareError
from tare.state import State

_CONTAINERS = "containers2"
_ID = re.compile(r"[0-9a-f]{64}")


def problems(state: State, *, deep: bool = True) -> Iterator[str]:
    """What is wrong, one line each; nothing in a state that is whole.

    What others are making or removing at the moment is not taken for damage.

    Args:
        state: which.
        deep: whether all content is read to verify its digest.
    """
    yield from _images(state, deep=deep)
    yield from _storage(state)
    yield from _containers(state)
    yield from _networks(state)
    yield from _volumes(state)


def _images(state: State, *, deep: bool) -> Iterator[str]:
    from runtime.image.store import ImageStore

    for problem in ImageStore(state).check(deep=deep):
        yield f"image: {problem}"


def _storage(state: State) -> Iterator[str]:
    from runtime.storage import registry

    for driver in registry.existing(state):
        for problem in driver.check():
            yield f"storage driver {driver.name}: {problem}"


def _containers(state: State) -> Iterator[str]:
    from runtime.lifecycle.directory import Directory
    from runtime.lifecycle.errors import NoSuchContainerError

    roots = set(_roots(state))
    if not (state.data / _CONTAINERS).is_dir():
        yield from (_orphan(*root) for root in sorted(roots))
        return
    directory = Directory(state.data / _CONTAINERS)
    known = {name for name in os.listdir(directory.path) if _ID.fullmatch(name)}  # noqa: PTH208
    for identity in sorted(known):
        try:
            record = directory.find(identity)
            settings, called = record.settings, directory.find(record.name).id
            record.status()
        except NoSuchContainerError:
            # It has been removed since, unless only its name is gone.
            if (directory.path / identity).is_dir():
                yield f"container {identity[:12]}: nobody finds it by its name"
            continue
        except TareError as error:
            yield f"container {identity[:12]}: {error.what}"
            continue
        if called != identity:
            yield f"container {record.name}: its name leads to another one"
        if settings.chain and record.run and (settings.driver, identity) not in roots:
            yield f"container {record.name}: the storage driver {settings.driver} has no files of it"
    for name, root in sorted(roots):
        # One that is being made or removed is in neither place, or in both.
        if root not in known and (name, root) in set(_roots(state)) and not (directory.path / root).is_dir():
            yield _orphan(name, root)


def _roots(state: State) -> Iterator[tuple[str, str]]:
    """Driver and id of every container's root."""
    from runtime.storage import registry

    for driver in registry.existing(state):
        yield from ((driver.name, root) for root in driver.containers())


def _orphan(name: str, root: str) -> str:
    return f"storage driver {name}: the root {root[:12]} belongs to no container"


def _networks(state: State) -> Iterator[str]:
    from runtime.network.networks import Networks

    if not (state.data / "networks").is_dir():
        return
    try:
        networks = Networks(state)
        for network in networks.list():
            networks.inspect(network.name)
    except (TareError, ValueError, KeyError) as error:
        yield f"network: {error}"


def _volumes(state: State) -> Iterator[str]:
    from runtime.lifecycle.directory import Directory
    from runtime.volumes.volumes import Volumes

    if not (state.data / "volumes").is_dir():
        return
    volumes = Volumes(state)
    for name in sorted(path.name for path in (state.data / "volumes").iterdir()):
        if not name.startswith("."):
            try:
                if not volumes.path(name).is_dir():
                    yield f"volume {name}: its directory {volumes.path(name)} is missing"
            except (TareError, ValueError, KeyError, TypeError) as error:
                yield f"volume {name}: {error}"
    for record in Directory(state.directory(_CONTAINERS)):
        for name in record.volumes():
            if not volumes.has(name):
                yield f"container {record.name}: its volume {name[:12]} is missing"
