// Sort a table by the column whose heading is pressed; pressing it again reverses the order.

function sortBy(table, column, descending) {
  const value = (row) => row.cells[column].dataset.value;
  const numeric = [...table.tBodies[0].rows].every((row) => !value(row) || !isNaN(value(row)));
  const order = numeric
    ? (a, b) => Number(value(a) || NaN) - Number(value(b) || NaN)
    : (a, b) => value(a).localeCompare(value(b));
  const rows = [...table.tBodies[0].rows].sort((a, b) => (descending ? order(b, a) : order(a, b)));
  const empty = rows.filter((row) => numeric && !value(row)); // without a value: always last
  table.tBodies[0].append(...rows.filter((row) => !empty.includes(row)), ...empty);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.textContent = heading.textContent;
    button.addEventListener("click", () => {
      const descending = heading.ariaSort === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortBy(table, column, descending);
    });
    heading.replaceChildren(button);
  });
}
