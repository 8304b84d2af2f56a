"""Removing what killed processes left of layers and containers' roots."""

from runtime.storage import registry
from tare.state import State

__all__ = ["sweep"]


def sweep(state: State) -> list[str]:
    """Remove what was begun and never finished by any driver; what others are at stays.

    Returns:
        What was removed, one line each.

    Raises:
        OSError: something can't be removed.
    """
    directory = state.data / "layers"
    removed = []
    for name in registry.names():
        if (directory / name).is_dir():
            driver = registry.driver(state, name)
            removed += driver.sweep()
    return removed
