for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.className = "sort";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const up = cell.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent.trim();
      const number = (text) => (text === "" || isNaN(text) ? null : Number(text));
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        const [m, n] = [number(x), number(y)];
        if (x === "" || y === "") return (x === "") - (y === "");
        return (m !== null && n !== null ? m - n : x.localeCompare(y, document.documentElement.lang)) * (up ? 1 : -1);
      });
      body.append(...rows);
    });
  });
  if (body.rows.length > 12) {
    const label = document.createElement("label");
    label.className = "filter";
    label.textContent = table.dataset.filter + " ";
    const input = document.createElement("input");
    input.type = "search";
    label.append(input);
    table.parentNode.before(label);
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
  }
}
