"""A headless Chromium, to look at pages as their readers do."""

import os
import shutil
from pathlib import Path

from tare.errors import TareError

DARK = "--blink-settings=preferredColorScheme=0"
"""Have the page as a reader who prefers dark ones."""
CHINESE = "--accept-lang=zh-CN,zh"
"""Have it as a reader of Chinese."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
)


def command(page: str, profile: Path, *flags: str) -> list[str]:
    """The command that opens a page and ends.

    Args:
        page: its URL.
        profile: a directory for what the browser keeps.
        flags: of Chromium, such as `--dump-dom` or `--screenshot=FILE`.

    Raises:
        TareError: there is no Chromium.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        raise TareError("no Chromium or Chrome was found", "install the package chromium")
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    return [program, *_FLAGS, *sandbox, f"--user-data-dir={profile}", *flags, page]
