"""What the page does when it is used: sorts, filters, changes its language, opens what a link leads to."""

import pytest
from browser import opened

from reports.languages import language

SORTED = """
const table = document.querySelector("#startup table[data-sort]");
const button = table.tHead.rows[0].cells[1].querySelector("button");
const medians = () => [...table.tBodies[0].querySelectorAll("td[data-value]:nth-child(2)")].map(
  cell => Number(cell.dataset.value));
button.focus();
const reached = document.activeElement === button;
button.click();
const up = medians();
const said = button.closest("th").getAttribute("aria-sort");
button.click();
return {reached, up, said, down: medians(), first: table.tBodies[0].rows[0].className};
"""
FILTERED = """
const table = document.querySelector("#startup table[data-sort]");
const input = table.closest("article").querySelector("input[type=search]");
input.value = "crun";
input.dispatchEvent(new Event("input"));
return [...table.tBodies].flatMap(group => [...group.rows])
  .filter(row => !row.classList.contains("group") && row.getBoundingClientRect().height > 0)
  .map(row => row.cells[0].textContent);
"""
LANGUAGE = """
const seen = () => ({lang: document.documentElement.lang, title: document.title,
  heads: [...document.querySelectorAll("h1, #data h2")].filter(head => head.checkVisibility())
    .map(head => head.textContent)});
const before = seen();
document.querySelector("[data-choose=zh]").click();
return {before, after: seen(),
  current: document.querySelector("[data-choose=zh]").getAttribute("aria-current")};
"""
OPENED = """
const target = document.getElementById(location.hash.slice(1));
return {open: target.closest("details").open, visible: target.checkVisibility()};
"""


def test_a_table_is_sorted_by_a_button_in_its_head(page, tmp_path):
    seen, console = opened(page, tmp_path, script=SORTED)
    assert console == []
    assert seen["reached"]
    assert seen["said"] == "ascending"
    assert len(seen["up"]) > 2
    assert seen["up"] == sorted(seen["up"])
    assert seen["down"] == seen["up"][::-1]
    assert seen["first"] == "group"


def test_a_table_is_filtered_by_what_is_typed(page, tmp_path):
    seen, _ = opened(page, tmp_path, script=FILTERED)
    assert set(seen) == {"crun"}


def test_the_language_is_changed_in_the_page(both, tmp_path):
    seen, console = opened(both, tmp_path, script=LANGUAGE)
    assert console == []
    assert seen["before"]["lang"] == "en"
    assert seen["before"]["heads"] == ["Container or virtual machine?", "Data"]
    assert seen["after"]["lang"] == "zh-Hans"
    texts = language("zh").texts
    assert seen["after"]["heads"] == [texts["Container or virtual machine?"], texts["Data"]]
    assert seen["after"]["title"].startswith(texts["Container or virtual machine?"])
    assert seen["current"] == "true"


@pytest.mark.parametrize("anchor", ["samples-3", "zh-samples-3"])
def test_a_link_to_samples_opens_them(both, tmp_path, anchor):
    seen, _ = opened(both, tmp_path, script=OPENED, fragment=f"#{anchor}")
    assert seen == {"open": True, "visible": True}
