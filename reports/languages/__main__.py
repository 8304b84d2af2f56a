"""Bring the catalogs up to date: `python -m reports.languages [CODE…]`; a new code begins a catalog."""

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from reports.languages import DIRECTORY
from reports.languages.extraction import template


def main(codes: list[str]) -> None:
    """Update every catalog, and make those of new languages."""
    for path in sorted({*DIRECTORY.glob("*.po"), *(DIRECTORY / f"{code}.po" for code in codes)}):
        update(path)


def update(path: Path) -> None:
    """Add what is missing in a catalog, to be translated, and take out what no longer exists."""
    if path.exists():
        with path.open("rb") as file:
            catalog = read_po(file)
    else:
        catalog = Catalog(locale=path.stem, charset="utf-8", fuzzy=False)
    catalog.update(template(), no_fuzzy_matching=True, update_creation_date=False)
    with path.open("wb") as file:
        write_po(file, catalog, width=110, ignore_obsolete=True, sort_by_file=True)


if __name__ == "__main__":
    main(sys.argv[1:])
