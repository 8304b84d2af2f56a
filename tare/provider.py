"""What one side offers another that doesn't know it, as an entry point."""

from typing import Any


def provider(group: str) -> Any:
    """What is offered first in a group of entry points, or None; see the packaging specification."""
    from importlib.metadata import entry_points

    return next((entry.load() for entry in entry_points(group=group)), None)
