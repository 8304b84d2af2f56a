"""Removing what networks left on the host, also after a crash, found by the name it carries."""

from runtime import teardown
from runtime.network import forwarding, links, netlink, place, sysctls
from runtime.network.firewall import usable
from tare.state import PREFIX, State


@place.there
def clean(state: State) -> list[str]:
    """Remove links, rules and reservations, and put settings back that no other root needs.

    Networks stay defined, as images stay.

    To be called when no container of the state runs any more.

    Returns:
        What was removed, one line each.

    Raises:
        NetworkError: a link or the rules can't be removed.
    """
    name = PREFIX + state.tag
    with forwarding.held(state) as record:
        removed = [f"link {link}" for link in netlink.names() if link.startswith(name) and links.remove(link)]
        if not forwarding.is_needed(besides=state.tag):
            removed += [f"setting {setting}" for setting in sysctls.restore(record)]
    removed += [f"firewall rules {name}" for firewall in usable(name) if firewall.remove()]
    run = state.run / "networks"
    if run.is_dir():
        teardown.remove_tree(str(run))
        removed.append(f"directory {run}")
    return removed
