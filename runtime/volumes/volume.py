"""What a volume is: data only, as kept on disk."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tare.errors import TareError, UsageError

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,239}", re.ASCII)
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
ANONYMOUS = "com.docker.volume.anonymous"
"""The label of a volume that nobody named."""


class VolumeError(TareError):
    """A volume is missing or in use."""


@dataclass(frozen=True)
class Volume:
    """A volume.

    Args:
        created_at: nanoseconds since the epoch.
        options: of the driver `local`: none, or `type=none`, `o=bind` and `device`, a directory of the host.
    """

    name: str
    created_at: int
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    options: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody named it."""
        return ANONYMOUS in self.labels


def anonymous_name() -> str:
    """A name for a volume that nobody names."""
    return os.urandom(32).hex()


def is_anonymous_name(name: str) -> bool:
    """Whether nobody but `anonymous_name` gives a volume such a name."""
    return _ANONYMOUS.fullmatch(name) is not None


def is_name(name: str) -> bool:
    """Whether a volume can be called so."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """The name.

    Raises:
        UsageError: no volume can be called so.
    """
    if not is_name(name):
        raise UsageError(f"{name!r} is no volume's name", "use letters, digits, '_', '.' and '-'")
    return name


def check_options(options: Mapping[str, str]) -> None:
    """See that driver options have a meaning here.

    Raises:
        UsageError: they have none.
    """
    if not options:
        return
    if options.get("type") != "none" or options.get("o") != "bind" or set(options) != {"type", "o", "device"}:
        raise UsageError(
            f"driver options {dict(options)} aren't supported", "use type=none, o=bind and device=DIRECTORY"
        )
    if not options["device"].startswith("/"):
        raise UsageError(f"the device {options['device']!r} is relative", "give an absolute path")
