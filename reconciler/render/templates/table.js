"use strict";
// Sorts and filters the tables of this page. The page is complete without it.
(() => {
  const form = document.querySelector("form.controls");
  const tables = [...document.querySelectorAll("main table")];
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  if (rows.length === 0) return;

  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const said = form.querySelector("output");
  let sorted = "";

  function tell(visible) {
    said.textContent = `${visible} of ${rows.length} rows${sorted}`;
  }

  function filter() {
    const wanted = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = form.elements.kind.value;
    let visible = 0;
    for (const row of rows) {
      const text = words.get(row);
      const fits = (!kind || row.dataset.kind.split(" ").includes(kind)) && wanted.every((word) => text.includes(word));
      row.hidden = !fits;
      visible += fits ? 1 : 0;
    }
    for (const table of tables) {
      table.closest("section").hidden = [...table.tBodies[0].rows].every((row) => row.hidden);
    }
    tell(visible);
  }

  function sort(table, heading) {
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [row.cells[heading.cellIndex].textContent.trim(), row]);
    keyed.sort(([a], [b]) => (down ? order.compare(b, a) : order.compare(a, b)));
    body.append(...keyed.map(([, row]) => row));
    sorted = `, sorted by ${heading.textContent}, ${down ? "descending" : "ascending"}`;
    tell(rows.filter((row) => !row.hidden).length);
  }

  for (const table of tables) {
    for (const heading of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, heading));
      heading.append(button);
    }
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
})();
