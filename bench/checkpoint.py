"""What programs say when they are to save a running container, which all of them leave to criu(8)."""

import shutil


def unsaved(reason: str) -> str:
    """Why one can't be saved: what was found, and whether criu is there."""
    return f"{reason}; criu is {'' if shutil.which('criu') else 'not '}installed"
