"""Names that a container or machine may give itself."""

import re

from tare.errors import UsageError

_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?", re.ASCII)


def check_hostname(name: str) -> None:
    """See that it is a hostname; hostname(7), and at most HOST_NAME_MAX.

    Raises:
        UsageError: it is none.
    """
    if not _HOSTNAME.fullmatch(name):
        raise UsageError(f"{name!r} is no hostname", "use up to 64 letters, digits, dots and hyphens")
