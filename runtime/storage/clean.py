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
    return [line for driver in registry.existing(state) for line in driver.sweep()]
