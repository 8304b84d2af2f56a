"""Whole systems are kept between test runs (XDG Base Directory 0.8), as one takes minutes to make."""

import os
from pathlib import Path


def keep_systems(data: Path) -> None:
    """Let a state's data directory have those of earlier runs, and theirs be kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tarebench/test-systems"
    cache.mkdir(parents=True, exist_ok=True)
    data.mkdir(parents=True, exist_ok=True)
    if not (data / "systems").exists():
        (data / "systems").symlink_to(cache)
