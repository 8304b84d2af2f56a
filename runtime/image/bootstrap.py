"""What images made from the host have in common."""

import os
from datetime import UTC, datetime

from runtime.image.config import History, ImageConfig
from runtime.image.platform import Platform
from tare.errors import UsageError

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def source_date_epoch() -> int:
    """Seconds since 1970 that stand for the time of making: SOURCE_DATE_EPOCH, else 0.

    Raises:
        UsageError: it is not a number of seconds (the SOURCE_DATE_EPOCH specification).
    """
    text = os.environ.get("SOURCE_DATE_EPOCH") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 11):
        raise UsageError(f"SOURCE_DATE_EPOCH is {text[:40]!r}", "set it to a number of seconds since 1970")
    return int(text)


def image_config(command: str, made_by: str, epoch: int) -> ImageConfig:
    """The configuration of an image of one layer that runs a shell."""
    platform = Platform.host()
    created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ImageConfig(
        platform.architecture,
        platform.os,
        history=(History(created=created, created_by=made_by),),
        created=created,
        cmd=(command,),
        env=(PATH,),
    )
