"""Names of stacks of layers (OCI image specification, config.md, "Layer ChainID")."""

from collections.abc import Iterable

from runtime.image.digest import digest_of


def chain_ids(diff_ids: Iterable[str]) -> tuple[str, ...]:
    """The chain id of each layer with all below it, bottom first."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(digest_of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)
