"""The report: one HTML file with its style, charts, samples and raw data inside."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from reports.languages import ENGLISH, Language, gettext, ngettext, speaking, spoken
from reports.page.download import Download, downloads
from reports.page.figures import NONE, Drawing, Figures, figure_texts, figures
from reports.page.heat import heat
from reports.page.samples import anchors
from reports.page.section import sections
from reports.page.translation import dictionary, html_texts
from reports.registry import charts_for, measured
from reports.series import accelerator_of, marked, value
from reports.source import Source
from reports.table import comparison
from reports.units import interval, quantity, times, times_interval
from reports.verdict import EMULATED, floor, noise, overhead, precision, sentence
from results import Run
from results.statistics import CONFIDENCE, RESAMPLES, SMALLEST

_BAR_DECADES = 3
_INDENT = re.compile(r"\n\s*")


@dataclass(frozen=True)
class Body:
    """The page in one language.

    Args:
        language: which.
        html: all that is in it, but for its charts.
        title: of the window.
        words: what its script says, by what it says it for; `choice` heads the choice of languages.
        charts: what its charts say.
    """

    language: Language
    html: str
    title: str
    words: Mapping[str, str]
    charts: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All that the page says, in an order that is the same in every language."""
        return (*html_texts(self.html), *self.words.values(), *self.charts)


def render(source: Source, languages: Sequence[Language] = (ENGLISH,)) -> str:
    """The page of a run in one or more languages, as text.

    Raises:
        ResultsError: the raw file can't be read.
    """
    first, *others = languages
    run, data = source.run, downloads(source)
    with speaking(first):
        drawn = figures(_drawings(run))
        bodies = [_body(run, data, drawn.texts, alone=not others)]
    for other in others:
        with speaking(other):
            bodies.append(_body(run, data, figure_texts(_drawings(run, anywhere=True)), alone=False))
    return page(bodies, drawn)


def page(bodies: Sequence[Body], drawn: Figures = NONE) -> str:
    """A whole page: the first body, with the charts in it, and what its texts are in the others."""
    first, *others = bodies
    said = first.texts if others else ()
    languages = {
        one.language.code: {"lang": one.language.tag, "title": one.title, "texts": dictionary(said, texts)}
        for one, texts in ((first, said), *((other, other.texts) for other in others))
    }
    return _template("report.html").render(
        first=first,
        bodies=bodies if others else (),
        languages=languages,
        html=drawn.put_into(_INDENT.sub("\n", first.html)),
        style=_text("report.css") + drawn.rules,
        script=_text("report.js"),
    )


def body(template: str, title: str, charts: tuple[str, ...] = (), **context: Any) -> Body:
    """A body in the spoken language from its template, which may use these names."""
    return Body(
        language=spoken(),
        html=_template(template).render(
            confidence=round(CONFIDENCE * 100), resamples=RESAMPLES, smallest=SMALLEST, **context
        ),
        title=title,
        words={
            "choice": gettext("Language"),
            "sort": gettext("Sort by this column"),
            "filter": gettext("Filter rows"),
        },
        charts=charts,
    )


def _drawings(run: Run, *, anywhere: bool = False) -> Iterator[Drawing]:
    """The charts of a run in the spoken language, where this host has a font for it, or anywhere."""
    for chart in charts_for(run):
        if measured(run, chart.scenario):
            yield chart.scenario, chart.draw(run) if anywhere else chart.drawn(run), chart.alt(run)


def _body(run: Run, data: Sequence[Download], charts: tuple[str, ...], *, alone: bool) -> Body:
    table = comparison(run)
    ids = anchors(run)
    return body(
        "body.html",
        gettext("Container or virtual machine? Run {run}").format(run=run.id),
        charts=charts,
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
        sections=sections(run, table, ids, alone=alone),
        samples=ids,
        failures=[record for record in run.records if not record.valid and not record.unsupported],
        host=flattened({name: fact for name, fact in run.host.items() if name != "harness"}),
        plan=flattened(run.plan),
        downloads=data,
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


@cache
def _template(name: str) -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
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
