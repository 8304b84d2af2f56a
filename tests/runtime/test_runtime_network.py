import urllib.request
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from runtime import Bridge, Interface
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
    with Bridge(state) as bridge:
        first, second = bridge.interface(), bridge.interface()
        server = start("httpd", "-f", "-h", "/www", interface=first)
        assert answered(first.address.ip) == "tarebench\n"
        client = start("sleep", "60", interface=second)
        fetched = client.exec(("wget", "-qO-", f"http://{first.address.ip}/"))
        assert fetched.stdout == b"tarebench\n"
        route = client.exec(("ip", "route")).stdout.decode()
        assert f"default via {bridge.gateway} dev eth0" in route
        server.remove()
        client.remove()


def test_faults(state, start):
    address = IPv4Interface("10.213.0.2/24")
    with pytest.raises(NetworkError, match="no bridge"):
        start("true", interface=Interface("nosuchbridge", address))
    with pytest.raises(NetworkError, match="in use"), Bridge(state, IPv4Network("127.0.0.0/8")):
        pass
    with Bridge(state, IPv4Network("10.213.255.0/30")) as bridge:
        bridge.interface()
        with pytest.raises(NetworkError, match="no address left"):
            bridge.interface()
