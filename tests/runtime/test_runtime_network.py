import urllib.request
from ipaddress import IPv4Address, IPv4Interface

import pytest

from runtime import Interface
from runtime.network.networks import Networks
from tare.errors import NetworkError


def answered(address: IPv4Address) -> str:
    """What the address serves, once it answers."""
    for _ in range(500):
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=5) as answer:
                return answer.read().decode()
        except ConnectionRefusedError:
            continue
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
    raise AssertionError("never answered")


def test_host_reaches_containers_and_they_each_other(state, start):
    networks = Networks(state)
    networks.create("net", internal=True)
    network = networks.bring_up("net")
    first, second = (
        Interface(
            network.link, IPv4Interface((network.subnet[number], network.subnet.prefixlen)), network.gateway
        )
        for number in (2, 3)
    )
    server = start("httpd", "-f", "-h", "/www", interface=first)
    assert answered(first.address.ip) == "tarebench\n"
    client = start("sleep", "60", interface=second)
    fetched = client.exec(("wget", "-qO-", f"http://{first.address.ip}/"))
    assert fetched.stdout == b"tarebench\n"
    route = client.exec(("ip", "route")).stdout.decode()
    assert f"default via {network.gateway} dev eth0" in route
    server.remove()
    client.remove()
    networks.remove("net")


def test_no_such_bridge(start):
    address = IPv4Interface("10.213.0.2/24")
    with pytest.raises(NetworkError, match="no bridge"):
        start("true", interface=Interface("nosuchbridge", address))
