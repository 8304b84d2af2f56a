"""Our own messages do what pyroute2 then sees."""

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from runtime import syscalls
from runtime.network import links, netlink

MAC = bytes.fromhex("024200000001")


@pytest.fixture
def apart() -> Iterator[Callable]:
    """Runs functions in a network namespace of their own."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(syscalls.unshare, syscalls.CLONE_NEWNET).result()
        yield lambda function: thread.submit(function).result()


def new_namespace() -> int:
    with ThreadPoolExecutor(1) as thread:

        def opened() -> int:
            syscalls.unshare(syscalls.CLONE_NEWNET)
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

        return thread.submit(opened).result()


def test_bridge_and_veth_as_pyroute2_sees_them(apart):
    inside = new_namespace()

    def made() -> None:
        with netlink.Netlink() as ours:
            ours.request(netlink.bridge("br", mac=MAC, mtu=1400))
            index = netlink.index("br")
            ours.request(
                netlink.address(index, socket.inet_aton("10.9.0.1"), 24),
                netlink.address(index, socket.inet_pton(socket.AF_INET6, "fd09::1"), 64),
                netlink.up(index, "bridge"),
                netlink.veth("pair", master=index, peer="eth7", target=inside, mac=MAC, mtu=1400),
            )
            ours.request(netlink.hairpin(netlink.index("pair")))
        with IPRoute() as theirs:
            (bridge,) = theirs.link("get", ifname="bridge")
            assert (bridge.get("IFLA_ADDRESS"), bridge.get("IFLA_MTU")) == ("02:42:00:00:00:01", 1400)
            found = theirs.get_addr(label="bridge")
            addresses = {(one.get("IFA_ADDRESS"), one["prefixlen"]) for one in found}
            assert ("10.9.0.1", 24) in addresses
            addresses = {(one.get("IFA_ADDRESS"), one["prefixlen"]) for one in theirs.get_addr(family=10)}
            assert ("fd09::1", 64) in addresses
            (pair,) = theirs.link("get", ifname="pair")
            assert pair.get("IFLA_MASTER") == bridge["index"]
            assert pair["state"] == "up"
            assert pair.get("IFLA_LINKINFO").get("IFLA_INFO_KIND") == "veth"
            routes = theirs.get_routes(family=socket.AF_INET)
        expected = {(route.get("RTA_DST"), route["dst_len"]) for route in routes if route["type"] in (1, 2)}
        with netlink.Netlink() as ours:
            found = {(socket.inet_ntoa(packed), prefix) for packed, prefix, _ in ours.routes(socket.AF_INET)}
        assert found == expected
        assert ("10.9.0.0", 24) in found
        gateways = [socket.inet_aton("10.9.0.1"), socket.inet_pton(socket.AF_INET6, "fd09::1")]
        packed6 = socket.inet_pton(socket.AF_INET6, "fd09::2")
        links.configure(inside, "eth7", [(socket.inet_aton("10.9.0.2"), 24), (packed6, 64)], gateways)
        assert netlink.index("eth7") == 0
        with netlink.Inside(inside), IPRoute() as theirs:
            (link,) = theirs.link("get", ifname="eth7")
            assert (link.get("IFLA_ADDRESS"), link.get("IFLA_MTU")) == ("02:42:00:00:00:01", 1400)
            assert link["state"] == "up"
            for family, gateway in ((socket.AF_INET, "10.9.0.1"), (socket.AF_INET6, "fd09::1")):
                (route,) = theirs.get_default_routes(family=family)
                assert (route.get("RTA_GATEWAY"), route.get("RTA_OIF")) == (gateway, link["index"])
        assert links.remove("pair")
        assert not links.remove("pair")

    apart(made)
    os.close(inside)


def test_refusals_are_the_kernels_own(apart):
    def refused() -> None:
        with netlink.Netlink() as ours:
            with pytest.raises(OSError, match="No such device"):
                ours.request(netlink.remove("nothere"))
            ours.request(netlink.bridge("br", mac=MAC, mtu=1500))
            with pytest.raises(FileExistsError):
                ours.request(netlink.bridge("br", mac=MAC, mtu=1500))
            # The second is carried out though the first fails.
            with pytest.raises(OSError, match="gateway"):
                ours.request(
                    netlink.default_route(netlink.index("br"), socket.inet_aton("10.9.9.9")),
                    netlink.remove("br"),
                )
        assert netlink.names() == ["lo"]

    apart(refused)


def test_a_failed_entry_leaves_the_thread_where_it_is(apart):
    def tried() -> None:
        before = Path("/proc/thread-self/ns/net").readlink()
        with (
            Path(os.devnull).open() as null,
            pytest.raises(OSError, match="Invalid argument"),
            netlink.Inside(null.fileno()),
        ):
            pass
        assert Path("/proc/thread-self/ns/net").readlink() == before

    apart(tried)
