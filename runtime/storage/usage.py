"""Who takes how much of the disk, as `docker system df` says it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runtime.storage.protocol import Driver, Usage


@dataclass(frozen=True)
class DiskUsage:
    """Allocated bytes of everything.

    Args:
        layers: of each layer, by chain id; unique where no image and no container but one uses it.
        images: of each image; unique is what only its layers take.
        containers: of each container; unique is what it changed.
        total: of all layers and containers, each counted once.
    """

    layers: Mapping[str, Usage]
    images: Mapping[str, Usage]
    containers: Mapping[str, Usage]
    total: int


def disk_usage(
    driver: Driver, images: Mapping[str, Iterable[str]], containers: Mapping[str, Iterable[str]]
) -> DiskUsage:
    """What images and containers take.

    Args:
        driver: has their layers.
        images: chain ids of each image's layers.
        containers: chain ids of the layers each container is based on.
    """
    sizes = {chain: driver.layer_bytes(chain) for chain in driver.layers()}
    bases = {name: set(chains) for name, chains in images.items()}
    users = Counter(chain for chains in bases.values() for chain in chains)
    layers = {chain: Usage(size, 0) if users[chain] <= 1 else Usage(0, size) for chain, size in sizes.items()}
    own = {name: driver.container_bytes(name) for name in containers}
    return DiskUsage(
        layers=layers,
        images={
            name: Usage(
                sum(layers[chain].unique for chain in chains if chain in layers),
                sum(layers[chain].shared for chain in chains if chain in layers),
            )
            for name, chains in bases.items()
        },
        containers={
            name: Usage(own[name], sum(sizes.get(chain, 0) for chain in set(chains)))
            for name, chains in containers.items()
        },
        total=sum(sizes.values()) + sum(own.values()),
    )
