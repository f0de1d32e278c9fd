"use strict";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Sort a table by a column; rows without a value come last.
for (const button of all("th button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement, body = heading.closest("table").tBodies[0];
    const up = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = row => row.cells[heading.cellIndex].dataset.value;
    const order = (a, b) => isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
    const compare = (a, b) => a === "" || b === "" ? (a === "") - (b === "") : order(a, b) * (up ? 1 : -1);
    body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b))));
  });
}

// Show only the rows that hold all words.
for (const input of all("input[type=search]")) {
  const block = input.closest(".table"), count = block.querySelector("output");
  const rows = [...block.querySelector("table").tBodies[0].rows];
  input.closest("label").hidden = false;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const held = row => words.every(word => row.textContent.toLowerCase().includes(word));
    for (const row of rows) row.hidden = !held(row);
    const shown = rows.filter(row => !row.hidden).length;
    count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  });
}

// The words of a mark show when it is pointed at, touched or has the focus. Without scripts the browser shows its titles.
const tip = document.getElementById("tip");
let shown = null;
function show(mark) {
  shown = mark;
  tip.textContent = mark.dataset.tip;
  tip.hidden = false;
  const at = mark.getBoundingClientRect(), own = tip.getBoundingClientRect(), gap = 6;
  const tall = at.height > 2 * at.width;
  const beside = at.right + gap + own.width < innerWidth ? at.right + gap : at.left - gap - own.width;
  const below = at.bottom + gap + own.height < innerHeight ? at.bottom + gap : at.top - gap - own.height;
  const within = (place, size, room) => Math.max(gap, Math.min(place, room - size - gap));
  tip.style.left = `${within(tall ? beside : at.left, own.width, document.documentElement.clientWidth)}px`;
  tip.style.top = `${within(tall ? at.top : below, own.height, innerHeight)}px`;
}
const hide = () => { shown = null; tip.hidden = true; };

// One stop of the tab key a figure; the arrow keys go from mark to mark.
for (const figure of all("svg, table.heat, table.overview")) {
  const marks = all(".mark", figure);
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };
  // Up and down stay in their column of a table, in which some cells may be no marks.
  const following = (index, key) => {
    if (!figure.tHead || !/Up|Down/.test(key)) return marks[index + steps[key]];
    const ahead = steps[key] > 0 ? marks.slice(index + 1) : marks.slice(0, index).reverse();
    return ahead.find(mark => mark.cellIndex === marks[index].cellIndex);
  };
  marks.forEach((mark, index) => {
    const title = mark.querySelector(":scope > title");
    mark.dataset.tip = title ? title.textContent : mark.title;
    if (title) {
      title.remove();
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", mark.dataset.tip);
    } else {
      mark.removeAttribute("title");
      mark.setAttribute("aria-describedby", "tip");
    }
    mark.setAttribute("tabindex", index ? -1 : 0);
    for (const event of ["pointerenter", "focus", "click"]) mark.addEventListener(event, () => show(mark));
    for (const event of ["pointerleave", "blur"]) mark.addEventListener(event, hide);
    mark.addEventListener("keydown", event => {
      if (!(event.key in steps)) return;
      event.preventDefault();
      const next = following(index, event.key);
      if (!next) return;
      mark.setAttribute("tabindex", -1);
      next.setAttribute("tabindex", 0);
      next.focus();
    });
  });
}
addEventListener("keydown", event => { if (event.key === "Escape") hide(); });
// It follows its mark, which the focus itself may scroll into view.
addEventListener("scroll", () => { if (shown) show(shown); }, { passive: true, capture: true });

// On paper nothing that matters is folded away.
let opened = [];
addEventListener("beforeprint", () => {
  opened = all("details.printed:not([open])");
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => { for (const details of opened) details.open = false; });
