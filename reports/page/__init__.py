"""The report: one HTML file with its style, charts, samples and raw data inside."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from reports.languages import ENGLISH, Language, gettext, ngettext, speaking, spoken
from reports.page.download import downloads
from reports.page.heat import heat
from reports.page.samples import anchors
from reports.page.section import sections
from reports.series import accelerator_of, marked, value
from reports.source import Source
from reports.table import comparison
from reports.units import interval, quantity, times, times_interval
from reports.verdict import EMULATED, floor, noise, overhead, precision, sentence
from results import Run
from results.statistics import CONFIDENCE, RESAMPLES, SMALLEST

_BAR_DECADES = 3


@dataclass(frozen=True)
class Body:
    """The page in one language; `words` are what its script says, `choice` heads the choice of languages."""

    language: Language
    html: str
    title: str
    choice: str
    data: str
    inside: str
    words: dict[str, str]


def render(source: Source, languages: Sequence[Language] = (ENGLISH,)) -> str:
    """The page of a run in one or more languages, as text.

    Raises:
        ResultsError: the raw file can't be read.
    """
    bodies = [_spoken(source.run, one, "" if one is languages[0] else f"{one.code}-") for one in languages]
    return page(bodies, downloads=downloads(source))


def page(bodies: Sequence[Body], **context: Any) -> str:
    """A whole page of bodies; further names are for its template."""
    return _template("report.html").render(
        bodies=bodies, style=_text("report.css"), script=_text("report.js"), **context
    )


def body(template: str, title: str, **context: Any) -> Body:
    """A body in the spoken language from its template, which may use these names."""
    return Body(
        language=spoken(),
        html=_template(template).render(
            confidence=round(CONFIDENCE * 100), resamples=RESAMPLES, smallest=SMALLEST, **context
        ),
        title=title,
        choice=gettext("Language"),
        data=gettext("Data"),
        inside=gettext("Everything as recorded, and one row a sample, are inside this page."),
        words={"sort": gettext("Sort by this column"), "filter": gettext("Filter rows")},
    )


def _spoken(run: Run, language: Language, prefix: str) -> Body:
    with speaking(language):
        table = comparison(run)
        ids = anchors(run, prefix)
        return body(
            "body.html",
            gettext("Container or virtual machine? Run {run}").format(run=run.id),
            at=prefix,
            run=run,
            table=table,
            verdict=sentence(table),
            emulated=gettext(EMULATED) if accelerator_of(run) == "tcg" else "",
            noise=noise(run),
            floor=floor(run),
            precision=precision(run),
            overhead=overhead(run),
            vm=marked(table.vm.name, table.accelerator) if table.vm else "",
            heat=heat(run, table, ids),
            sections=sections(run, table, ids, prefix),
            samples=ids,
            failures=[record for record in run.records if not record.valid and not record.unsupported],
            host=flattened({name: fact for name, fact in run.host.items() if name != "harness"}),
            plan=flattened(run.plan),
        )


def flattened(facts: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested facts as (name, value) lines, such as ("versions qemu", "7.2")."""
    if isinstance(facts, dict):
        lines = [flattened(inner, f"{name} {key}".strip()) for key, inner in facts.items()]
        return [line for part in lines for line in part]
    if isinstance(facts, list | tuple):
        return [(name, ", ".join(str(item) for item in facts))]
    return [(name, str(facts))] if facts not in (None, "") else []


def bar(ratio: float) -> dict[str, float]:
    """Left edge and width in percent of a bar that grows from 1 in the middle, three decades either way."""
    decades = math.log10(ratio) if ratio > 0 else -_BAR_DECADES
    reach = 50 * min(abs(decades) / _BAR_DECADES, 1)
    return {"left": 50 if decades >= 0 else 50 - reach, "width": reach}


def _template(name: str) -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True
    )
    environment.filters["translated"] = gettext
    environment.globals |= {
        "bar": bar,
        "value": value,
        "quantity": quantity,
        "times": times,
        "times_interval": times_interval,
        "interval": interval,
    }
    return environment.from_string(_text(name))


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
