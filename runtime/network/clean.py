"""Removing what networks left on the host, also after a crash, found by the name it carries."""

from pathlib import Path

from runtime import teardown
from runtime.network import links, netlink, sysctls
from runtime.network.firewall import usable
from tare.state import PREFIX, State


def clean(state: State) -> list[str]:
    """Remove links, rules and reservations, and put settings back; networks stay defined, as images stay.

    To be called when no container of the state runs any more.

    Returns:
        What was removed, one line each.

    Raises:
        NetworkError: a link or the rules can't be removed.
    """
    name = PREFIX + state.tag
    removed = [f"link {link}" for link in netlink.names() if link.startswith(name) and links.remove(link)]
    directory = state.data / "networks"
    if not directory.is_dir():
        return removed
    removed += [f"firewall rules {name}" for firewall in usable(name) if firewall.remove()]
    removed += [f"setting {setting}" for setting in sysctls.restore(str(directory / ".sysctls"))]
    leftovers = (".sandboxes/*", ".sandboxes/.*", ".ports/*", ".new-*", ".old-*", "*/leases/*", "*/members")
    for path in sorted({path for pattern in leftovers for path in directory.glob(pattern)}):
        removed.append(f"reservation {path}")
        _remove(path)
    return removed


def _remove(path: Path) -> None:
    if path.is_dir():
        teardown.remove_tree(str(path))
    else:
        path.unlink(missing_ok=True)
