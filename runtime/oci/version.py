"""What `tarebox-oci --version` prints."""

from __future__ import annotations

from runtime.oci.record import VERSION


def text() -> str:
    """Name and versions, as runc prints its own."""
    from importlib import metadata

    return f"tarebox-oci version {metadata.version('tarebench')}\nspec: {VERSION}\n"
