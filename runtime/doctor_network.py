"""What this host has for networks of containers."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

from runtime.checking import Check, MissingError, check
from runtime.network import firewall
from runtime.network.iptables import Iptables
from tare.state import PREFIX

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def checks() -> list[Check]:
    """Its programs for rules, and rules of others that stand in the way."""
    return [check("network rules", _rules), check("forwarding", _forwarding)]


def _rules() -> str:
    found = next(firewall.usable(PREFIX), None)
    if found is None:
        raise MissingError("neither nft nor iptables, so no network but host and none; install nftables")
    if isinstance(found, Iptables):
        return "iptables in place of nft, which is slower with many published ports; install nftables"
    return "nft is there"


def _forwarding() -> str:
    found = next(firewall.usable(PREFIX), None)
    if found is None:
        raise MissingError("no program to see others' rules with")
    if isinstance(found, Iptables):
        return "our rules come before those of others in the chain FORWARD"
    if others := sorted(set(_dropping())):
        family, table, chain = others[0]
        raise MissingError(
            f"the chain {chain} of {family} {table} drops what it doesn't know, so containers are cut off;"
            f" run: nft insert rule {family} {table} {chain} iifname '{PREFIX}*' accept,"
            f" and the same with oifname"
        )
    return "no chain of others drops what containers send"


def _dropping() -> Iterator[tuple[str, str, str]]:
    """Chains of others that packets between interfaces go through and that end in a drop."""
    for chain in _listed("chains"):
        if chain.get("hook") != "forward" or chain.get("policy") != "drop":
            continue
        if not chain["table"].startswith(PREFIX) and not _accepts(chain):
            yield chain["family"], chain["table"], chain["name"]


def _accepts(chain: dict[str, Any]) -> bool:
    """Whether somebody has let our interfaces pass, both ways."""
    text = _run("list", "chain", chain["family"], chain["table"], chain["name"])
    lines = [line for line in text.splitlines() if f'"{PREFIX}' in line and "accept" in line]
    return any("iifname" in line for line in lines) and any("oifname" in line for line in lines)


def _listed(what: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(_run("-j", "list", what))["nftables"]
    except (ValueError, KeyError):
        return []
    return [entry["chain"] for entry in found if "chain" in entry]


def _run(*words: str) -> str:
    ended = subprocess.run(
        ["nft", *words],
        capture_output=True,
        text=True,
        errors="replace",
        env={"PATH": _PATH},
        timeout=30,
        check=False,
    )
    if ended.returncode:
        raise MissingError(f"nft says: {(ended.stderr.strip().splitlines() or ['nothing'])[0]}")
    return ended.stdout
