"""The report against the Web Content Accessibility Guidelines 2.1, levels A and AA, by axe-core."""

from importlib.resources import files

import pytest
from browser import opened

import reports
from reports.browser import DARK
from reports.languages import language

AXE = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
CHECK = """
for (const details of document.querySelectorAll("details")) details.open = true;
const found = await axe.run(document, {
  runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
  resultTypes: ["violations"],
});
return {passes: found.passes.length, violations: found.violations.map(
  each => [each.id, each.nodes.length, each.nodes[0].html.slice(0, 200), each.nodes[0].failureSummary])};
"""
ASYNC = "--virtual-time-budget=60000"


@pytest.fixture(scope="module")
def several(lean, tmp_path_factory):
    """The page of two runs."""
    out = tmp_path_factory.mktemp("several")
    return reports.build([reports.Source(lean), reports.Source(lean)], out)[0]


@pytest.fixture(scope="module")
def english(lean, tmp_path_factory):
    return reports.build([reports.Source(lean)], tmp_path_factory.mktemp("english"))[0]


@pytest.fixture(scope="module")
def chinese(lean, tmp_path_factory):
    out = tmp_path_factory.mktemp("chinese")
    return reports.build([reports.Source(lean)], out, languages=[language("zh")])[0]


@pytest.mark.parametrize("flags", [(), (DARK,), ("--window-size=400,900",)], ids=["light", "dark", "narrow"])
@pytest.mark.parametrize("which", ["english", "chinese", "several", "trends_page"])
def test_nothing_is_violated(request, tmp_path, which, flags):
    seen, _ = opened(request.getfixturevalue(which), tmp_path, ASYNC, *flags, script=CHECK, before=AXE)
    assert seen["violations"] == []
    assert seen["passes"] > 10
