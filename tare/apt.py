"""Where the host's apt has its packages from (sources.list(5), os-release(5))."""

import platform
from pathlib import Path

_DIRECTORY = Path("/etc/apt")


def sources() -> list[Path]:
    """The files with its sources."""
    parts = sorted((_DIRECTORY / "sources.list.d").glob("*"))
    paths = [_DIRECTORY / "sources.list", *(path for path in parts if path.suffix in (".list", ".sources"))]
    return [path for path in paths if path.is_file()]


def suite() -> str:
    """The name of the release that runs here, or ""."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        return ""
