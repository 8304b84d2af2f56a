"""The rules as one nftables table, `inet <name>`; see nft(8).

What changes with each container are elements of maps, so a packet meets as many rules with a thousand
ports published as with one.
"""

import subprocess
from collections.abc import Callable, Iterable, Iterator

from runtime.network import sysctls
from runtime.network.firewall import Policy
from runtime.network.ports import Target
from tare.errors import NetworkError

_RULES = """\
table inet {name} {{
    set same {{ type ifname . ifname; {same} }}
    set bridges {{ type ifname; {bridges} }}
    set internal {{ type ifname; {internal} }}
    set hidden4 {{ type ipv4_addr; flags interval; {hidden4} }}
    set hidden6 {{ type ipv6_addr; flags interval; {hidden6} }}
    map any4 {{ type inet_proto . inet_service : ipv4_addr . inet_service; {any4} }}
    map any6 {{ type inet_proto . inet_service : ipv6_addr . inet_service; {any6} }}
    map one4 {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; {one4} }}
    map one6 {{ type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; {one6} }}
    chain published {{
        dnat ip to ip daddr . meta l4proto . th dport map @one4
        dnat ip to meta l4proto . th dport map @any4
        dnat ip6 to ip6 daddr . meta l4proto . th dport map @one6
        dnat ip6 to meta l4proto . th dport map @any6
    }}
    # With route_localnet a container could send to the host's loopback addresses.
    chain martians {{
        type filter hook prerouting priority raw;
        iifname @bridges ip daddr 127.0.0.0/8 drop
        iifname @bridges ip saddr 127.0.0.0/8 drop
    }}
    chain prerouting {{
        type nat hook prerouting priority dstnat;
        fib daddr type local meta l4proto {{ tcp, udp, sctp }} jump published
    }}
    chain output {{
        type nat hook output priority -100;
        {loopback6}
        fib daddr type local meta l4proto {{ tcp, udp, sctp }} jump published
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat;
        ip saddr @hidden4 oifname != @bridges masquerade
        ip6 saddr @hidden6 oifname != @bridges masquerade
        ip saddr 127.0.0.0/8 oifname @bridges masquerade
        ip6 saddr ::1 oifname @bridges masquerade
        {hairpins}
    }}
    chain forward {{
        type filter hook forward priority filter;
        iifname . oifname @same accept
        ct state established,related accept
        iifname @internal drop
        oifname @internal drop
        oifname @bridges ct status dnat accept
        oifname @bridges drop
    }}
}}
"""


class Nft:
    """Rules by way of the nft program.

    Args:
        name: of the table.
        program: path of nft.
    """

    def __init__(self, name: str, program: str) -> None:
        self._name = name
        self._program = program

    def load(self, policy: Policy) -> None:
        """See Firewall."""
        table = f"table inet {self._name}"
        self._run(f"{table}\ndelete {table}\n{self._rules(policy)}")

    def publish(self, added: Iterable[Target], policy: Callable[[], Policy]) -> None:
        """See Firewall."""
        self._change("add", added, policy)

    def withdraw(self, removed: Iterable[Target], policy: Callable[[], Policy]) -> None:
        """See Firewall."""
        self._change("delete", removed, policy)

    def remove(self) -> bool:
        """See Firewall."""
        if f"table inet {self._name}" not in self._run("list tables\n").splitlines():
            return False
        self._run(f"delete table inet {self._name}\n")
        return True

    def _change(self, verb: str, targets: Iterable[Target], policy: Callable[[], Policy]) -> None:
        lines = [
            f"{verb} element inet {self._name} {place} {{ {key}{f' : {value}' if verb == 'add' else ''} }}\n"
            for target in targets
            for place, key, value in _elements(target)
        ]
        try:
            self._run("".join(lines))
        except NetworkError:
            # Somebody has flushed the rules; they are due whole.
            self.load(policy())

    def _rules(self, policy: Policy) -> str:
        networks = policy.networks
        elements: dict[str, list[str]] = {}
        for target in policy.targets:
            for place, key, value in _elements(target):
                elements.setdefault(place, []).append(f"{key} : {value}")
        sets = {
            "same": [f'"{one.link}" . "{one.link}"' for one in networks],
            "bridges": [f'"{one.link}"' for one in networks],
            "internal": [f'"{one.link}"' for one in networks if one.internal],
            "hidden4": [str(one.subnet) for one in networks if one.masquerades],
            "hidden6": [str(one.subnet6) for one in networks if one.masquerades6],
        }
        filled = {
            place: f"elements = {{ {', '.join(values)} }}" if values else ""
            for place, values in (
                sets | {place: elements.get(place, []) for place in ("any4", "any6", "one4", "one6")}
            ).items()
        }
        hairpins = [
            f"{family} saddr {subnet} {family} daddr {subnet} ct status dnat masquerade"
            for one in networks
            for family, subnet in (("ip", one.subnet), ("ip6", one.subnet6))
            if subnet
        ]
        return _RULES.format(
            name=self._name,
            hairpins="\n        ".join(hairpins),
            # A refusal is better than a call without an answer.
            loopback6="" if sysctls.forwards_loopback6() else "ip6 daddr ::1 return",
            **filled,
        )

    def _run(self, script: str) -> str:
        ran = subprocess.run(
            [self._program, "-f", "-"], input=script, capture_output=True, text=True, check=False
        )
        if ran.returncode:
            said = next(iter(ran.stderr.splitlines()), "no reason given")
            raise NetworkError(f"nft refuses the rules: {said}", "see `tarebox doctor`")
        return ran.stdout


def _elements(target: Target) -> Iterator[tuple[str, str, str]]:
    """Map, key and value for each family a published port is answered on."""
    published = target.published
    key = f"{published.protocol} . {published.host_port}"
    place, head = ("any", "") if published.is_on_all else ("one", f"{published.host} . ")
    if target.serves4:
        yield f"{place}4", head + key, f"{target.address} . {published.port}"
    if target.serves6:
        yield f"{place}6", head + key, f"{target.address6} . {published.port}"
