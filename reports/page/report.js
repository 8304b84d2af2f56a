"use strict";
// Without this script the page is in its first language, sorted as measured; nothing is out of reach.

const READ = ["aria-label", "data-label", "title"];
const languages = JSON.parse(document.getElementById("languages")?.textContent ?? "{}");
const codes = Object.keys(languages);
let said = null;

// Every text of the page with what it is in the first language, but for those that are the same in all.
function texts() {
  const found = [];
  const kinds = NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT;
  const walker = document.createTreeWalker(document.body, kinds, (node) =>
    node.nodeType === Node.ELEMENT_NODE && (node.hasAttribute("lang") || node.localName === "script")
      ? NodeFilter.FILTER_REJECT
      : NodeFilter.FILTER_ACCEPT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.nodeType === Node.TEXT_NODE) found.push(node);
    else for (const name of READ) if (node.hasAttribute(name)) found.push(node.getAttributeNode(name));
  }
  return found.map((node) => [node, node.nodeValue, node.nodeValue.trim().replace(/\s+/g, " ")]);
}

function show(code) {
  const { lang, title, texts: translated } = languages[code];
  if (code !== codes[0]) said ??= texts();
  for (const [node, whole, text] of said ?? []) {
    const wanted = text in translated ? whole.replace(whole.trim(), () => translated[text]) : whole;
    if (node.nodeValue !== wanted) node.nodeValue = wanted;
  }
  document.documentElement.lang = lang;
  document.title = title;
  for (const button of document.querySelectorAll("[data-choose]")) {
    button.setAttribute("aria-current", String(button.dataset.choose === code));
  }
}

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const folded = target.closest("details");
  if (folded) folded.open = true;
  target.scrollIntoView();
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
    button.title = document.body.dataset.sort;
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
  label.append(document.body.dataset.filter, " ", input);
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
if (codes.length) {
  document.querySelector(".languages").hidden = false;
  for (const button of document.querySelectorAll("[data-choose]")) {
    button.addEventListener("click", () => show(button.dataset.choose));
  }
  const wished = navigator.languages.map((tag) => tag.split("-")[0]);
  show(wished.find((code) => codes.includes(code)) ?? codes[0]);
}
addEventListener("hashchange", reveal);
reveal();
