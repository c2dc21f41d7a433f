const lang = document.documentElement.lang;
const key = (cell) => {
  const text = cell.textContent.trim();
  if (text === "–") return "";
  if (cell.className === "d") return lang === "vi" ? text.split("/").reverse().join("-") : new Date(text + " UTC").toISOString();
  if (cell.className === "t" || cell.tagName === "TH") return text;
  const plain = (text.match(/^[-\u2212\d.,]+/) ?? [""])[0].replace("\u2212", "-");
  return plain && Number(lang === "vi" ? plain.replaceAll(".", "").replace(",", ".") : plain.replaceAll(",", ""));
};
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const places = new Map([...body.rows].map((row, place) => [row, place])); // before anything is sorted
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const times = cell.dataset.w?.split(","); // of windows: by default, rows are in the order of time
    const value = (row) => (cell.className === "w" ? Number(times ? times[places.get(row)] : places.get(row)) : key(row.cells[column]));
    const button = document.createElement("button");
    button.className = "sort";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const up = cell.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        return (typeof x === "number" ? x - y : x.localeCompare(y, lang)) * (up ? 1 : -1);
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
