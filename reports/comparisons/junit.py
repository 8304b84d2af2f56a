"""For services that show test results: JUnit's XML, a suite a scenario, a case a metric.

Source: https://github.com/testmoapp/junitxml (what of it the services read).
"""

import re
from collections.abc import Iterable
from xml.etree import ElementTree as Xml

from reports.comparisons._words import cells, size
from results.comparison import Change, Comparison, Failure, Verdict

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(comparison: Comparison) -> str:
    """Regressions are failures, what has too few passes is skipped, what couldn't be measured is an error."""
    root = Xml.Element("testsuites", name=_clean(f"{comparison.new.id} compared with {comparison.base.id}"))
    scenarios = dict.fromkeys(
        (
            *(change.identity.scenario for change in comparison.changes),
            *(failure.scenario for failure in comparison.failures),
        )
    )
    for scenario in scenarios:
        suite = Xml.SubElement(root, "testsuite", name=_clean(scenario))
        _fill(
            suite,
            [change for change in comparison.changes if change.identity.scenario == scenario],
            [failure for failure in comparison.failures if failure.scenario == scenario],
        )
        for total, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            suite.set(total, str(len(list(suite.iter(tag)))))
        suite.set("skipped", str(len(list(suite.iter("skipped")))))
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode")


def _fill(suite: Xml.Element, changes: Iterable[Change], failures: Iterable[Failure]) -> None:
    for change in changes:
        case = _case(suite, change.identity.scenario, str(change.identity))
        if change.verdict is Verdict.REGRESSION:
            _, _, base, new, _, _, threshold, _ = cells(change)
            message = f"{size(change)}: {base} before, {new} now; the threshold is {threshold}"
            Xml.SubElement(case, "failure", type="regression", message=_clean(message))
        elif change.verdict is Verdict.UNTESTED:
            Xml.SubElement(case, "skipped", message=_clean(change.reason))
    for failure in failures:
        case = _case(suite, failure.scenario, f"{failure.scenario}[{failure.subject}]")
        Xml.SubElement(case, "error", type="failed", message=_clean(failure.reason))


def _case(suite: Xml.Element, scenario: str, name: str) -> Xml.Element:
    return Xml.SubElement(suite, "testcase", classname=_clean(f"tarebench.{scenario}"), name=_clean(name))


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 can't hold."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
