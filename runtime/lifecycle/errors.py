"""The errors of persistent containers."""

from tare.errors import TareError


class NoSuchContainerError(TareError):
    """No container has this name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no such container: {name}", "see `tarebox ps --all`")


class NameTakenError(TareError):
    """Another container has this name."""

    def __init__(self, name: str, owner: str) -> None:
        super().__init__(
            f"the container name {name!r} is already in use by container {owner[:12]}",
            "remove or rename that one, or choose another name",
        )


class StatusError(TareError):
    """The container isn't in a state for what is asked."""
