"use strict";
// Without this script the page shows every language, sorted as measured; nothing is out of reach.

function show(code) {
  for (const part of document.querySelectorAll("[data-code]")) {
    part.hidden = part.dataset.code !== code;
    if (!part.hidden && part.dataset.title) {
      document.documentElement.lang = part.lang;
      document.title = part.dataset.title;
    }
  }
  for (const link of document.querySelectorAll("[data-choose]")) {
    link.setAttribute("aria-current", String(link.dataset.choose === code));
  }
}

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const part = target.closest("[data-code]");
  if (part) show(part.dataset.code);
  const folded = target.closest("details");
  if (folded) folded.open = true;
  target.scrollIntoView();
}

function words(table) {
  return JSON.parse(table.closest("[data-words]").dataset.words);
}

function key(cell) {
  return cell.dataset.value === undefined ? cell.textContent.trim() : parseFloat(cell.dataset.value);
}

function compare(one, other) {
  return typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other));
}

function missing(value) {
  return value === "" || Number.isNaN(value);
}

function arrange(group, column, sign) {
  const rows = [...group.rows].filter((row) => !row.classList.contains("group"));
  rows.sort((first, second) => {
    const [one, other] = [key(first.cells[column]), key(second.cells[column])];
    return missing(one) || missing(other) ? missing(one) - missing(other) : sign * compare(one, other);
  });
  group.append(...rows);
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if ("unsorted" in head.dataset) return;
    const button = document.createElement("button");
    button.type = "button";
    button.title = words(table).sort;
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      for (const group of table.tBodies) arrange(group, column, descending ? -1 : 1);
    });
  });
}

function makeFilterable(table) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  label.className = "filter";
  input.type = "search";
  label.append(words(table).filter, " ", input);
  table.closest(".scroll").before(label);
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const group of table.tBodies) {
      const [head, ...rows] = group.rows;
      const whole = head.textContent.toLowerCase().includes(wanted);
      for (const row of rows) row.hidden = !whole && !row.textContent.toLowerCase().includes(wanted);
      group.hidden = rows.every((row) => row.hidden);
    }
  });
}

for (const table of document.querySelectorAll("table[data-sort]")) {
  makeSortable(table);
  if (table.rows.length > 12) makeFilterable(table);
}
const codes = [...document.querySelectorAll("[data-title]")].map((part) => part.dataset.code);
if (codes.length > 1) {
  const wished = navigator.languages.map((tag) => tag.split("-")[0]);
  show(wished.find((code) => codes.includes(code)) || codes[0]);
  for (const link of document.querySelectorAll("[data-choose]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      show(link.dataset.choose);
    });
  }
}
addEventListener("hashchange", reveal);
reveal();
