"""Address translation and isolation of networks, through whichever program the host has."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from runtime.network.model import Network
from runtime.network.ports import Target
from tare.errors import NetworkError

_PROGRAMS = ("nft", "iptables-restore")
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Policy:
    """All there is to be enforced: networks that are up, and ports published."""

    networks: tuple[Network, ...]
    targets: tuple[Target, ...]


class Firewall(Protocol):
    """Rules of ours in the kernel, beside everybody else's."""

    def load(self, policy: Policy) -> None:
        """Put rules for the policy in the place of all of ours, without a moment in between.

        Raises:
            NetworkError: the kernel or the program refuses.
        """

    def publish(self, added: Iterable[Target], policy: Callable[[], Policy]) -> None:
        """Add ports to rules that are loaded; the policy is the whole one, with them.

        Raises:
            NetworkError: the kernel or the program refuses.
        """

    def withdraw(self, removed: Iterable[Target], policy: Callable[[], Policy]) -> None:
        """Take ports out of rules that are loaded; the policy is the whole one, without them.

        Raises:
            NetworkError: the kernel or the program refuses.
        """

    def remove(self) -> bool:
        """Remove all rules of ours; says whether there were any.

        Raises:
            NetworkError: the kernel or the program refuses.
        """


def choose(name: str) -> Firewall:
    """The firewall of this host.

    Args:
        name: by which its rules are known as ours.

    Raises:
        NetworkError: the host has neither nft nor iptables.
    """
    for firewall in usable(name):
        return firewall
    raise NetworkError("this host has neither nft nor iptables", "install nftables")


def usable(name: str) -> Iterator[Firewall]:
    """All the firewalls this host has, the best one first."""
    from shutil import which

    for wanted in _PROGRAMS:
        if not (program := which(wanted, path=_PATH)):
            continue
        if wanted == "nft":
            from runtime.network.nft import Nft

            yield Nft(name, program)
        else:
            from runtime.network.iptables import Iptables

            yield Iptables(name, program)
