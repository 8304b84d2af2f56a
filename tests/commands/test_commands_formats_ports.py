"""How lists show ports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.commandline.ports import describe


def bound(host: str, *numbers: int) -> list[dict[str, str]]:
    return [{"HostIp": host, "HostPort": str(number)} for number in numbers]


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({}, ""),
        ({"80/tcp": None}, "80/tcp"),
        ({"80/tcp": []}, "80/tcp"),
        ({"80/tcp": bound("127.0.0.1", 8080)}, "127.0.0.1:8080->80/tcp"),
        ({"80/tcp": bound("::", 80)}, "[::]:80->80/tcp"),
        ({"80/tcp": None, "81/tcp": None, "82/tcp": None, "84/tcp": None}, "80-82/tcp, 84/tcp"),
        ({"80/tcp": None, "81/udp": None}, "80/tcp, 81/udp"),
        (
            {"80/tcp": bound("127.0.0.1", 80), "81/tcp": bound("127.0.0.1", 81)},
            "127.0.0.1:80-81->80-81/tcp",
        ),
        (
            {"80/tcp": bound("127.0.0.1", 90), "81/tcp": bound("127.0.0.1", 91)},
            "127.0.0.1:90->80/tcp, 127.0.0.1:91->81/tcp",
        ),
        ({"80/tcp": bound("127.0.0.1", 80), "81/tcp": None}, "81/tcp, 127.0.0.1:80->80/tcp"),
    ],
)
def test_ports_are_shown_as_docker_does(known, text):
    assert describe(known) == text


NUMBERS = st.integers(1, 65535)
KNOWN = st.dictionaries(
    st.builds("{}/{}".format, st.integers(1, 40), st.sampled_from(["tcp", "udp"])),
    st.none()
    | st.lists(NUMBERS, min_size=1, max_size=3, unique=True).map(lambda each: bound("127.0.0.1", *each)),
)


@given(KNOWN)
def test_no_port_is_lost_or_made_up(known):
    shown = set()
    for part in filter(None, describe(known).split(", ")):
        outside, _, inside = part.rpartition("->")
        numbers, _, protocol = inside.partition("/")
        published = outside.rpartition(":")[2]
        for number, other in zip(_all(numbers), _all(published) if published else _all(numbers), strict=True):
            shown.add((protocol, number, other if published else 0))
    assert shown == {
        (protocol, int(number), int(binding.get("HostPort", 0)))
        for number, protocol, bindings in ((*port.split("/"), known[port]) for port in known)
        for binding in bindings or [{}]
    }


def _all(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
