"""What runs are called in file names: their ids, made unique."""

from collections.abc import Sequence

from reports.languages import ENGLISH, Language
from reports.source import Source


def names(sources: Sequence[Source]) -> tuple[str, ...]:
    """A name for each run: its id, with a number where others have the same."""
    ids = [source.run.id for source in sources]
    return tuple(
        f"{name}-{ids[: index + 1].count(name)}" if ids.count(name) > 1 else name
        for index, name in enumerate(ids)
    )


def suffix(language: Language) -> str:
    """What a language adds to a file's name: nothing, or such as ".zh"."""
    return "" if language is ENGLISH else f".{language.code}"
