"""What the page does when it is used: sorts, filters, changes its language, opens what a link leads to."""

from browser import opened

import reports
from reports.browser import CHINESE
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
LANGUAGE = r"""
const seen = () => ({lang: document.documentElement.lang, title: document.title,
  heads: [...document.querySelectorAll("h1, #data h2")].map(head => head.textContent),
  chart: [...document.querySelectorAll("#startup figure text")].map(text => text.textContent),
  label: document.querySelector("#startup figure svg").getAttribute("aria-label"),
  button: document.querySelector("#startup th button").title,
  rest: document.querySelector("#host dl").textContent});
const before = seen();
document.querySelector("[data-choose=zh]").click();
const after = seen();
document.querySelector("[data-choose=en]").click();
return {before, after, again: seen(), hidden: document.querySelector(".languages").hidden};
"""
OPENED = """
const target = document.getElementById(location.hash.slice(1));
return {open: target.closest("details").open, visible: target.checkVisibility()};
"""

FOLLOWED = """
const listings = [...document.querySelectorAll("details.samples div")];
const seen = [];
for (const target of [listings[0], listings.at(-1)]) {
  const followed = new Promise(done => addEventListener("hashchange", done, {once: true}));
  location.hash = target.id;
  await followed;
  const rendered = getComputedStyle(target.closest("article")).contentVisibility;
  seen.push({top: target.getBoundingClientRect().top, height: innerHeight, rendered});
}
return seen;
"""
ASYNC = "--virtual-time-budget=60000"


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
    before, after, texts = seen["before"], seen["after"], language("zh").texts
    assert console == []
    assert not seen["hidden"]
    assert before["lang"] == "en"
    assert before["heads"] == ["Container or virtual machine?", "Data"]
    assert after["lang"] == "zh-Hans"
    assert after["heads"] == [texts["Container or virtual machine?"], texts["Data"]]
    assert after["title"].startswith(texts["Container or virtual machine?"])
    assert "Start call to first output" in before["chart"]
    assert texts["Start call to first output"] in after["chart"]
    assert after["label"].startswith(texts["Startup"])
    assert after["button"] == texts["Sort by this column"]
    assert after["rest"] == before["rest"]
    assert seen["again"] == before


def test_a_reader_of_chinese_gets_it_at_once(both, tmp_path):
    script = "return [document.documentElement.lang, document.querySelector('h1').textContent];"
    seen, _ = opened(both, tmp_path, CHINESE, script=script)
    assert seen == ["zh-Hans", language("zh").texts["Container or virtual machine?"]]


def test_what_is_changed_in_the_page_is_what_a_page_of_its_own_says(lean, both, tmp_path):
    (alone,) = reports.build([reports.Source(lean)], tmp_path, languages=[language("zh")])
    script = """document.querySelector("[data-choose=zh]")?.click();
document.querySelectorAll("script, .languages, .downloads").forEach(part => part.remove());
return [...document.body.innerText.split("\\n")].map(line => line.trim()).filter(Boolean);"""
    changed, _ = opened(both, tmp_path, script=script)
    own, _ = opened(alone, tmp_path, script=script)
    assert changed == own


def test_a_link_to_samples_opens_them(both, tmp_path):
    seen, _ = opened(both, tmp_path, script=OPENED, fragment="#s3")
    assert seen == {"open": True, "visible": True}


def test_a_link_to_what_was_not_laid_out_yet_ends_there(page, tmp_path):
    seen, _ = opened(page, tmp_path, ASYNC, script=FOLLOWED)
    assert len(seen) == 2
    for each in seen:
        assert -1 < each["top"] < each["height"]
        assert each["rendered"] == "visible"
