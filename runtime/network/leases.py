# ruff: noqa: PTH208 - plain strings; a start can't afford pathlib's detours
"""Which container has which address of one network.

A file an address, named after it and holding the container's id, made with O_EXCL under the network's lock:
what is free is seen in one system call however many are taken. A cursor says where the search goes on, so
that an address comes into use again as late as possible.
"""

import os
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from runtime.network import files
from runtime.network.model import Network
from tare.errors import NetworkError


class Leases:
    """The addresses of a network; every call needs the network's lock held.

    Args:
        network: whose addresses these are.
        directory: where its files are.
        reclaim: called with the container an address belongs to, takes back all it has when it is gone for
            good, and says whether it did.
    """

    def __init__(self, network: Network, directory: str, reclaim: Callable[[str], bool]) -> None:
        self._network = network
        self._directory = f"{directory}/leases"
        self._cursor = f"{directory}/next"
        self._reclaim = reclaim

    def take(self, container: str) -> IPv4Address:
        """The next free IPv4 address.

        Raises:
            NetworkError: there is none.
        """
        pool = self._network.ip_range or self._network.subnet
        size = pool.num_addresses
        start = int(files.text(self._cursor) or 0)
        for step in range(size):
            offset = (start + step) % size
            address = pool[offset]
            if not self._is_reserved(address) and self._claim(address, container):
                files.overwrite(self._cursor, f"{(offset + 1) % size:<10}")
                return address
        raise NetworkError(
            f"no address is free in {pool} of the network {self._network.name}",
            "remove containers or use a larger subnet",
        )

    def take_this(self, address: IPv4Address | IPv6Address, container: str) -> None:
        """The address asked for.

        Raises:
            NetworkError: it is another container's or not one for containers.
        """
        subnet = self._network.subnet if address.version == 4 else self._network.subnet6
        name = self._network.name
        if subnet is None:
            raise NetworkError(f"the network {name} has no IPv6", "make it with an IPv6 subnet")
        if address not in subnet:
            raise NetworkError(
                f"the address {address} is not in {subnet} of the network {name}", "choose one that is"
            )
        if self._is_reserved(address):
            raise NetworkError(
                f"the address {address} of the network {name} is not for containers", "choose another one"
            )
        if not self._claim(address, container):
            raise NetworkError(
                f"the address {address} of the network {name} is taken", "choose another one or none"
            )

    def take_beside(self, address: IPv4Address, container: str) -> IPv6Address | None:
        """An IPv6 address, the one in the place of the IPv4 address if that is free; None without IPv6.

        Raises:
            NetworkError: none is free.
        """
        subnet = self._network.subnet6
        if subnet is None:
            return None
        first = int(address) - int(self._network.subnet.network_address)
        for step in range(min(subnet.num_addresses, 1 << 16)):
            candidate = subnet[(first + step) % subnet.num_addresses]
            if not self._is_reserved(candidate) and self._claim(candidate, container):
                return candidate
        raise NetworkError(
            f"no address is free in {subnet} of the network {self._network.name}", "use a larger subnet"
        )

    def give_back(self, addresses: Iterable[IPv4Address | IPv6Address | str], container: str) -> None:
        """Free those of the addresses that are the container's."""
        for address in addresses:
            path = f"{self._directory}/{address}"
            if files.text(path) == container:
                files.remove(path)

    def holders(self) -> dict[str, str]:
        """Container by address."""
        return {name: files.text(f"{self._directory}/{name}") for name in os.listdir(self._directory)}

    def _claim(self, address: IPv4Address | IPv6Address, container: str) -> bool:
        path = f"{self._directory}/{address}"
        if files.claim(path, container):
            return True
        holder = files.text(path)
        if holder != container:
            if holder and not self._reclaim(holder):
                return False
            files.remove(path)
            return files.claim(path, container)
        return True

    def _is_reserved(self, address: IPv4Address | IPv6Address) -> bool:
        if isinstance(address, IPv4Address):
            subnet: IPv4Network = self._network.subnet
            ends = (subnet.network_address, subnet.broadcast_address)
            return address == self._network.gateway or address in ends
        first = self._network.subnet6.network_address if self._network.subnet6 else None
        return address in (self._network.gateway6, first)
