"""The platforms images are made for, and which of an index's manifests fits one (OCI image-index.md)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime.image.fields import Fields, without_empty

_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "loongarch64": ("loong64", ""),
}
_IMPLIED = {"arm64": "v8", "arm": "v7"}


@dataclass(frozen=True)
class Platform:
    """An operating system on a processor, in Go's words.

    Args:
        architecture: GOARCH, as amd64 or arm64.
        os: GOOS.
        variant: of the processor, as v7.
        other: fields not known here.
    """

    architecture: str
    os: str = "linux"
    variant: str = ""
    other: dict[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def host(cls) -> "Platform":
        """What this machine runs."""
        machine = os.uname().machine
        architecture, variant = _ARCHITECTURES.get(machine, (machine, ""))
        return cls(architecture, "linux", variant)

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """A person's `os/architecture[/variant]`, or the architecture alone.

        Raises:
            ImageError: it has another form.
        """
        from tare.errors import ImageError

        parts = text.split("/")
        if not all(parts) or len(parts) > 3:
            raise ImageError(f"{text!r} is not a platform", "write it as linux/amd64")
        if len(parts) == 1:
            return cls(parts[0])
        return cls(parts[1], parts[0], "".join(parts[2:]))

    @classmethod
    def read(cls, value: object) -> "Platform":
        """The `platform` of a descriptor."""
        fields = Fields(value, "a platform")
        return cls(fields.text("architecture"), fields.text("os"), fields.text("variant"), fields.rest())

    def fields(self) -> dict[str, Any]:
        """As JSON has it."""
        return without_empty(
            {"architecture": self.architecture, "os": self.os, "variant": self.variant, **self.other}
        )

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def best_match(offered: Sequence[Platform | None], wanted: Platform) -> int | None:
    """The place of what runs best on `wanted`: its variant, else the newest older one; or None."""
    fitting = [
        (_variant(platform), -place)
        for place, platform in enumerate(offered)
        if platform
        and (platform.os, platform.architecture) == (wanted.os, wanted.architecture)
        and _variant(platform) <= _variant(wanted)
    ]
    return -max(fitting)[1] if fitting else None


def require(found: Platform, wanted: Platform, name: str) -> None:
    """See that what an image is for runs on the platform that is asked for.

    Raises:
        ImageError: it doesn't.
    """
    from tare.errors import ImageError

    if best_match([found], wanted) is None:
        raise ImageError(
            f"the image {name} was found but is for another platform: wanted {wanted}, found {found}",
            f"ask for {found}, or leave --platform out",
        )


def _variant(platform: Platform) -> str:
    return platform.variant or _IMPLIED.get(platform.architecture, "")
