"""The host's settings that networks need, put back by `restore`; see the kernel's ip-sysctl.

`net.ipv4.ip_forward` is set to 1 for the first network that is not internal, and
`net.ipv6.conf.all.forwarding` for the first with IPv6. As a host that forwards no longer heeds router
advertisements, `accept_ra` goes from 1 to 2 on each link with the latter. Settings of single bridges need no
record: they go with the bridge.
"""

from pathlib import Path

from runtime.network import files
from runtime.network.model import Network

_ROOT = "/proc/sys/net/"
_FORWARD4 = "ipv4/ip_forward"
_FORWARD6 = "ipv6/conf/all/forwarding"
_BRIDGED6 = "bridge/bridge-nf-call-ip6tables"


def forward(network: Network, record: str) -> None:
    """Let the host forward for the network; what was changed is added to the record first.

    Args:
        network: that is about to come up.
        record: path of the file for the calling thread's network namespace, see `forwarding.held`.

    Raises:
        OSError: the settings can't be written.
    """
    wanted: dict[str, str] = {}
    if not network.internal:
        wanted[_FORWARD4] = "1"
    if not network.internal and network.subnet6 and get(_FORWARD6) == "0":
        links = Path(_ROOT, "ipv6/conf").iterdir()
        heeding = [
            f"ipv6/conf/{link.name}/accept_ra" for link in links if link.name not in ("all", "default")
        ]
        wanted |= {name: "2" for name in heeding if get(name) == "1"}
        wanted[_FORWARD6] = "1"
    changes = {name: (get(name), value) for name, value in wanted.items() if get(name) != value}
    if not changes:
        return
    files.write_json(record, {name: list(change) for name, change in changes.items()} | _recorded(record))
    for name, (_, value) in changes.items():
        put(name, value)


def restore(record: str) -> list[str]:
    """Put back what was changed, unless somebody has changed it since; returns the settings' names."""
    restored = []
    for name, (before, ours) in _recorded(record).items():
        if Path(_ROOT, name).exists() and get(name) == ours:
            put(name, before)
            restored.append("net." + name.replace("/", "."))
    files.remove(record)
    return restored


def forwards_loopback6() -> bool:
    """Whether calls to ::1 can be led to a container, as `links.answer_loopback6` says.

    Where frames on bridges meet the rules, an answer has ::1 for its destination before it reaches the host,
    which then drops it.
    """
    return get(_BRIDGED6) != "1"


def get(name: str) -> str:
    """A setting below /proc/sys/net, empty when the kernel has none such."""
    return files.text(_ROOT + name).strip()


def put(name: str, value: str) -> None:
    """Change a setting below /proc/sys/net.

    Raises:
        OSError: there is none such, or it is not the caller's to change.
    """
    Path(_ROOT, name).write_text(value)


def _recorded(record: str) -> dict[str, list[str]]:
    try:
        changed: dict[str, list[str]] = files.read(record)
    except FileNotFoundError:
        return {}
    return changed
