"""Veth pairs between a bridge of the host and containers; see veth(4)."""

from typing import Any

from runtime.spec import Interface
from tare.errors import NetworkError

_NAME_LENGTH = 15
"""Longest link name, IFNAMSIZ without its NUL; see netdevice(7)."""


class Links:
    """Makes and removes veth pairs over one netlink socket, opened when first needed."""

    def __init__(self) -> None:
        self._netlink: Any = None

    def add(self, interface: Interface, pid: int, name: str) -> str:
        """A pair with one end on the bridge and the other as eth0 in the process's network namespace.

        Args:
            interface: bridge and address; the container itself takes the address.
            pid: a process in the namespace.
            name: the container's name, from which the host's end gets its own.

        Returns:
            The name of the host's end.

        Raises:
            NetworkError: no such bridge, or the kernel refuses.
        """
        netlink, error = self._open()
        found = netlink.link_lookup(ifname=interface.bridge)
        if not found:
            raise NetworkError(f"no bridge {interface.bridge} on this host", "make it first")
        link = name.replace("-", "")[:_NAME_LENGTH]
        peer = {"ifname": "eth0", "net_ns_pid": pid}
        try:
            netlink.link("add", ifname=link, kind="veth", peer=peer, master=found[0], state="up")
        except error as failure:
            raise NetworkError(
                f"can't make a veth pair on {interface.bridge}: {failure}", "see `tarebox doctor`"
            ) from None
        return link

    def remove(self, link: str) -> None:
        """Remove a pair; one that went with its namespace is no fault."""
        netlink, error = self._open()
        for index in netlink.link_lookup(ifname=link):
            try:
                netlink.link("del", index=index)
            except error as failure:
                if failure.code != 19:
                    raise NetworkError(
                        f"can't remove the link {link}: {failure}", "run `tarebox clean`"
                    ) from None

    def close(self) -> None:
        """Close the netlink socket."""
        if self._netlink:
            self._netlink.close()
            self._netlink = None

    def _open(self) -> tuple[Any, Any]:
        from pyroute2 import IPRoute, NetlinkError

        self._netlink = self._netlink or IPRoute()
        return self._netlink, NetlinkError
