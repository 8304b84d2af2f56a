"""The languages of reports: English is in the code, each other one a gettext catalog beside this file.

`python -m reports.languages` brings the catalogs up to date with the code's texts, and begins new ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tare.errors import UsageError

DIRECTORY = Path(__file__).parent
BOTH = "both"
"""What stands for English and Chinese."""


@dataclass(frozen=True)
class Language:
    """One language.

    Args:
        code: what names it on the command line, such as "zh".
        name: what its speakers call it.
        tag: of HTML's `lang` (BCP 47), such as "zh-Hans".
        texts: what the code says, by its English.
    """

    code: str
    name: str
    tag: str
    texts: Mapping[str, str]


ENGLISH = Language("en", "English", "en", {})
_spoken: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def codes() -> tuple[str, ...]:
    """The languages there are, English first."""
    return (ENGLISH.code, *sorted(path.stem for path in DIRECTORY.glob("*.po")))


def chosen(choice: str) -> tuple[Language, ...]:
    """The languages of a choice: the code of one, or "both". Raises: UsageError: there is none such."""
    return (ENGLISH, language("zh")) if choice == BOTH else (language(choice),)


@cache
def language(code: str) -> Language:
    """The language of that code. Raises: UsageError: there is none."""
    if code == ENGLISH.code:
        return ENGLISH
    if code not in codes():
        raise UsageError(f"there is no report in {code!r}", f"choose from {', '.join((*codes(), BOTH))}")
    # Here, because an English report does without it.
    from babel.messages.pofile import read_po

    with (DIRECTORY / f"{code}.po").open("rb") as file:
        catalog = read_po(file)
    assert catalog.locale is not None
    texts = {
        str(entry.id): str(entry.string) for entry in catalog if entry.id and entry.string and not entry.fuzzy
    }
    tag = str(catalog.locale).replace("_", "-")
    return Language(code, catalog.locale.get_language_name() or code, tag, texts)


def spoken() -> Language:
    """The language that texts are made in now."""
    return _spoken.get()


@contextmanager
def speaking(one: Language) -> Iterator[None]:
    """Make texts in a language meanwhile."""
    token = _spoken.set(one)
    try:
        yield
    finally:
        _spoken.reset(token)


def gettext(text: str) -> str:
    """The text in the spoken language; the English where it has no translation."""
    return _spoken.get().texts.get(text, text)


def ngettext(one: str, many: str, count: int) -> str:
    """As gettext(3) has it, for the template."""
    return gettext(one if count == 1 else many)


def noop(text: str) -> str:
    """Mark a text for translation where it isn't made yet; it is given to `gettext` later."""
    return text


def listed(parts: Sequence[str]) -> str:
    """Parts joined as in a sentence: "a, b and c"."""
    if len(parts) == 1:
        return parts[0]
    return gettext("{first} and {last}").format(first=gettext(", ").join(parts[:-1]), last=parts[-1])
