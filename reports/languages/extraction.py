"""The texts of the report that a translator has to translate, as a gettext template."""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

from reports.literature import PUBLISHED
from reports.registry import charts_known
from results.vocabulary import VOCABULARY

_PACKAGE = Path(__file__).parent.parent
_KEYWORDS = {"_": None, "gettext": None, "noop": None, "ngettext": (1, 2)}
_METHODS = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
_OPTIONS = {"**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}


def template() -> Catalog:
    """Everything to translate: what is marked in the code and the templates, and what data say in English."""
    catalog = Catalog(project="Tarebench", charset="utf-8")
    for place, text in (*_marked(), *_told()):
        catalog.add(text, locations=[(place, 0)])
    return catalog


def _marked() -> Iterator[tuple[str, str]]:
    found = extract_from_dir(_PACKAGE, _METHODS, _OPTIONS, _KEYWORDS)
    for name, _, message, _, _ in found:
        for text in (message,) if isinstance(message, str) else message:
            yield f"reports/{name}", text


def _told() -> Iterator[tuple[str, str]]:
    for metric in VOCABULARY:
        for text in (metric.meaning, *(meaning for _, meaning in metric.phases)):
            yield "results/vocabulary.py", text
    for chart in charts_known():
        for text in (chart.title, chart.question, chart.method, chart.threats):
            yield f"reports/charts/{chart.scenario.replace('-', '_')}.py", text
    for figure in PUBLISHED:
        yield "reports/literature.toml", figure.what
