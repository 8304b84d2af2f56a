"""What commands need of images: when they were made, and which containers are of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tare.state import State

if TYPE_CHECKING:
    from runtime.image.removal import Removal, Removed, User

NONE = "<none>"


def split_name(name: str) -> tuple[str, str]:
    """Repository and tag as lists show them; an image without a name has neither."""
    from runtime.image.reference import Reference

    if not name:
        return NONE, NONE
    reference = Reference.parse(name)
    return reference.name, reference.tag or NONE


def created_at(created: str) -> str:
    """When something was made, from its RFC 3339 time, as lists show it."""
    from runtime.commandline.units import timestamp

    moment = made_at(created)
    return "N/A" if moment is None else timestamp(moment)


def created_since(created: str) -> str:
    """How long ago something was made."""
    from runtime.commandline.units import ago

    moment = made_at(created)
    return "N/A" if moment is None else ago(moment)


def made_at(created: str) -> int | None:
    """Nanoseconds since 1970 of an RFC 3339 time; None where an image has none."""
    from runtime.commandline.units import parse_time
    from tare.errors import UsageError

    try:
        return parse_time(created) if created else None
    except UsageError:
        return None


def users(state: State) -> "Mapping[str, list[User]]":
    """The containers there are, by the id of their image."""
    from runtime.image.removal import User
    from runtime.lifecycle import Containers

    found: dict[str, list[User]] = {}
    with Containers(state) as containers:
        for record in containers.list(every=True):
            if identity := record.settings.image_id:
                user = User(record.name, record.status() in ("running", "paused", "restarting"))
                found.setdefault(identity, []).append(user)
    return found


def removal(state: State) -> "Removal":
    """What removes a state's images."""
    from runtime.image.removal import Removal

    return Removal(state, lambda: users(state))


def tell_removed(removed: "Removed") -> None:
    """Print what went, as Docker does."""
    for name in removed.names:
        print(f"Untagged: {name}")
    for identity in (*removed.images, *removed.layers):
        print(f"Deleted: {identity}")
