"""A page in further languages: what it says, text by text, so that charts and numbers are there once.

A page is made of the same template in every language, so the texts of two of them stand in the same order.
"""

import re
from collections.abc import Iterable
from html import unescape

_TEXT = re.compile(r'>([^<]+)<|\b(?:aria-label|data-label|title)="([^"]*)"')


def html_texts(html: str) -> list[str]:
    """The texts between the tags of a page and in those attributes that are read to a person, in order."""
    return [" ".join(unescape(text or value).split()) for text, value in _TEXT.findall(html)]


def dictionary(said: Iterable[str], translated: Iterable[str]) -> dict[str, str]:
    """What is said otherwise in another language, by the text in the first."""
    return {text: other for text, other in zip(said, translated, strict=True) if text != other}
