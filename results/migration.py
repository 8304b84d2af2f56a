"""Blocks that older versions of the program wrote, as the newest schema has them: a step for each version."""

from collections.abc import Mapping
from typing import Any, TypeAlias

_Block: TypeAlias = Mapping[str, Any]


def migrated(block: _Block) -> _Block:
    """The block of a version that the schema accepts, in the newest."""
    while step := _STEPS.get(block["schema"]):
        block = step(block)
    return block


def _to_2(block: _Block) -> _Block:
    """Visits and the precision of medians were not written down before."""
    return {"visits": [], "precision": [], **block, "schema": 2}


_STEPS = {1: _to_2}
