"""The rules as chains `<name>-...` of iptables and ip6tables, for hosts without nft; see iptables(8).

Each change writes the chains anew, one transaction a table: good enough where it is needed at all.
"""

import subprocess
from collections.abc import Callable, Iterable, Iterator

from runtime.network import sysctls
from runtime.network.firewall import Policy
from runtime.network.ports import Target
from tare.errors import NetworkError

_LOCAL = ("-m", "addrtype", "--dst-type", "LOCAL")


class Iptables:
    """Rules by way of the iptables programs.

    Args:
        name: with which the chains' names begin.
        program: path of iptables-restore.
    """

    def __init__(self, name: str, program: str) -> None:
        self._name = name
        directory = program.rpartition("/")[0]
        self._programs = {4: f"{directory}/iptables", 6: f"{directory}/ip6tables"}
        hooks = (("nat", "PREROUTING", _LOCAL, "PUB"), ("nat", "OUTPUT", _LOCAL, "PUB"))
        self._jumps = (
            *((table, chain, match, f"{name}-{ours}") for table, chain, match, ours in hooks),
            ("nat", "POSTROUTING", (), f"{name}-POST"),
            ("filter", "FORWARD", (), f"{name}-FWD"),
            ("raw", "PREROUTING", (), f"{name}-RAW"),
        )

    def load(self, policy: Policy) -> None:
        """See Firewall."""
        for version, program in self._programs.items():
            self._run([f"{program}-restore", "--noflush", "--wait"], self._script(policy, version))
            for table, chain, match, ours in self._jumps:
                rule = (chain, *match, "-j", ours)
                if not self._try([program, "--wait", "-t", table, "-C", *rule]):
                    self._run([program, "--wait", "-t", table, "-I", *rule])

    def publish(self, added: Iterable[Target], policy: Callable[[], Policy]) -> None:  # noqa: ARG002
        """See Firewall."""
        self.load(policy())

    def withdraw(self, removed: Iterable[Target], policy: Callable[[], Policy]) -> None:  # noqa: ARG002
        """See Firewall."""
        self.load(policy())

    def remove(self) -> bool:
        """See Firewall."""
        found = False
        for program in self._programs.values():
            if f":{self._name}-" not in self._run([f"{program}-save"]):
                continue
            for table, chain, match, ours in self._jumps:
                self._try([program, "--wait", "-t", table, "-D", chain, *match, "-j", ours])
            for table, ours in dict.fromkeys((table, ours) for table, _, _, ours in self._jumps):
                if self._try([program, "--wait", "-t", table, "-F", ours]):
                    self._run([program, "--wait", "-t", table, "-X", ours])
                    found = True
        return found

    def _script(self, policy: Policy, version: int) -> str:
        tables = {
            "raw": {"RAW": self._martians(policy, version)},
            "nat": {"PUB": self._published(policy, version), "POST": self._hidden(policy, version)},
            "filter": {"FWD": self._forwarded(policy)},
        }
        lines: list[str] = []
        for table, chains in tables.items():
            lines += [f"*{table}", *(f":{self._name}-{chain} - [0:0]" for chain in chains)]
            lines += [f"-A {self._name}-{chain} {rule}" for chain, rules in chains.items() for rule in rules]
            lines.append("COMMIT")
        return "".join(f"{line}\n" for line in lines)

    def _martians(self, policy: Policy, version: int) -> Iterator[str]:
        """What claims loopback addresses, which route_localnet would let through."""
        for network in policy.networks if version == 4 else ():
            for side in "sd":
                yield f"-i {network.link} -{side} 127.0.0.0/8 -j DROP"

    def _published(self, policy: Policy, version: int) -> Iterator[str]:
        # A refusal is better than a call without an answer.
        spared = "! -d ::1/128 " if version == 6 and not sysctls.forwards_loopback6() else ""
        # The particular address first, as the first rule decides.
        for target in sorted(policy.targets, key=lambda target: target.published.is_on_all):
            published = target.published
            if not (target.serves4 if version == 4 else target.serves6):
                continue
            host = spared if published.is_on_all else f"-d {published.host} "
            where = str(target.address) if version == 4 else f"[{target.address6}]"
            yield (
                f"-p {published.protocol} {host}--dport {published.host_port}"
                f" -j DNAT --to-destination {where}:{published.port}"
            )

    def _hidden(self, policy: Policy, version: int) -> Iterator[str]:
        for network in policy.networks:
            subnet = network.subnet if version == 4 else network.subnet6
            if not subnet:
                continue
            yield f"-s {subnet} -d {subnet} -m conntrack --ctstate DNAT -j MASQUERADE"
            # Between our own networks addresses stay, so that a container sees who calls.
            yield from (
                f"-s {subnet} -o {other.link} -j RETURN" for other in policy.networks if other is not network
            )
            if network.masquerades if version == 4 else network.masquerades6:
                yield f"-s {subnet} ! -o {network.link} -j MASQUERADE"
            yield f"-s {'127.0.0.0/8' if version == 4 else '::1/128'} -o {network.link} -j MASQUERADE"

    def _forwarded(self, policy: Policy) -> Iterator[str]:
        for network in policy.networks:
            yield f"-i {network.link} -o {network.link} -j ACCEPT"
        yield "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        for network in policy.networks:
            if network.internal:
                yield f"-i {network.link} -j DROP"
                yield f"-o {network.link} -j DROP"
        for network in policy.networks:
            yield f"-o {network.link} -m conntrack --ctstate DNAT -j ACCEPT"
            yield f"-o {network.link} -j DROP"

    def _try(self, argv: list[str]) -> bool:
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def _run(self, argv: list[str], script: str = "") -> str:
        ran = subprocess.run(argv, input=script, capture_output=True, text=True, check=False)
        if ran.returncode:
            said = next(iter(ran.stderr.splitlines()), "no reason given")
            raise NetworkError(f"iptables refuses the rules: {said}", "see `tarebox doctor`")
        return ran.stdout
