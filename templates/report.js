"use strict";
// Draws the table of images from the data in the page, a part at a time, so that a page of thousands of images stays
// fast. Text from the data becomes text nodes and attributes only, and never markup. The address of the page contains
// the state of the table, so that it can be shared.

const ROWS_PER_STEP = 50;
const SEARCH_DELAY = 100; // milliseconds without a key after which the table shows the result of a search
const { names, images } = JSON.parse(document.getElementById("data").textContent);
const rows = images.map((fields, index) => {
  const [image, registry, repositories, references, pinned, age, critical, high, exploited, status, digest, request,
    page, owners, users, leftOut] = fields;
  return {
    index, image, registry: names[registry], repositories, references, pinned: Math.floor((100 * pinned) / references),
    age, critical, high, exploited, status: names[status], digest, request,
    page: names[page], owners: owners.map((each) => names[each]),
    users: users.map(([repository, path, line, address, usedDigest, userStatus]) => ({
      repository: names[repository], position: `${names[path]}:${line}`, digest: usedDigest, status: names[userStatus],
      address: names[address] && `${names[address]}${names[path].split("/").map(encodeURIComponent).join("/")}#L${line}`,
    })),
    leftOut,
  };
});
for (const row of rows) {
  row.text = [row.image, row.status, ...row.owners, ...row.users.flatMap((user) => [user.repository, user.position])]
    .join("\n").toLowerCase();
}

const COLUMNS = [
  { key: "image", title: "Image" },
  { key: "repositories", title: "Repositories", isNumber: true },
  { key: "references", title: "References", isNumber: true },
  { key: "pinned", title: "Pinned", isNumber: true, unit: "%" },
  { key: "age", title: "Age in days", isNumber: true },
  { key: "critical", title: "Critical", isNumber: true, isSeverity: true },
  { key: "high", title: "High", isNumber: true, isSeverity: true },
  { key: "exploited", title: "Exploited", isNumber: true, isSeverity: true },
  { key: "status", title: "Status" },
  { key: "digest", title: "Next digest" },
  { key: "request", title: "Proposal" },
];
const FINDINGS = {
  exploited: ["Exploited", (row) => row.exploited > 0],
  critical: ["Critical", (row) => row.critical > 0],
  high: ["High", (row) => row.high > 0],
  unscanned: ["Not scanned", (row) => row.critical === null],
};
const compareTexts = new Intl.Collator("en", { numeric: true }).compare;
const byId = (id) => document.getElementById(id);
const state = { search: "", severity: "", status: "", registry: "", owner: "", sort: "", order: "" };
let shownRows = [];
let timer;
let body;

function create(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function createLink(text, address, attributes = {}) {
  return address ? create("a", { href: address, rel: "noopener noreferrer", ...attributes }, text) : text;
}

// Returns an image name that browsers prefer to break after a slash.
function createName(name) {
  return create("code", {}, ...name.split(/(?<=\/)/).flatMap((part) => [part, create("wbr")]));
}

function createCell(row, { key, isNumber, isSeverity, unit = "" }) {
  const value = row[key];
  if (key === "image") {
    const button = create("button", { type: "button", class: "link", "aria-expanded": "false" }, createName(value));
    button.addEventListener("click", () => toggleUsers(button, row));
    const cell = create("th", { scope: "row", "data-title": "Image" }, button);
    if (row.page) {
      const label = `Page of ${value} on ${row.registry}`;
      cell.append(" ", createLink("↗", row.page, { class: "page", title: label, "aria-label": label }));
    }
    return cell;
  }
  const { title } = COLUMNS.find((column) => column.key === key);
  const cell = create("td", { "data-title": title });
  if (isNumber) cell.className = isSeverity && value > 0 ? `count ${key}` : "count";
  if (key === "request") cell.append(value ? createLink(value[1] ? "open" : "proposed", value[1]) : "");
  else if (key === "digest") cell.append(create("code", {}, value));
  else cell.append(value === null ? "?" : `${value}${unit}`);
  return cell;
}

function toggleUsers(button, row) {
  const line = button.closest("tr");
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  if (isOpen) {
    line.nextElementSibling.remove();
    return;
  }
  const list = create("ul", {}, ...row.users.map((user) => create("li", {}, `${user.repository} `,
    createLink(user.position, user.address), user.digest ? ` ${user.digest}` : " no digest", `: ${user.status}`)));
  if (row.leftOut) list.append(create("li", {}, `and ${row.leftOut} more`));
  line.after(create("tr", { class: "users" }, create("td", { colspan: COLUMNS.length }, list)));
}

function showMore() {
  const begin = body.dataset.count | 0;
  for (const row of shownRows.slice(begin, begin + ROWS_PER_STEP)) {
    body.append(create("tr", {}, ...COLUMNS.map((column) => createCell(row, column))));
  }
  body.dataset.count = Math.min(begin + ROWS_PER_STEP, shownRows.length);
  byId("more").parentElement.hidden = shownRows.length <= body.dataset.count;
}

function matches(row) {
  return row.text.includes(state.search.trim().toLowerCase())
    && (!FINDINGS[state.severity] || FINDINGS[state.severity][1](row))
    && (!state.status || row.status === state.status)
    && (!state.registry || row.registry === state.registry)
    && (!state.owner || row.owners.includes(state.owner));
}

function compareRows(one, other) {
  const [a, b] = [one[state.sort], other[state.sort]];
  const isUnknown = [a, b].map((value) => value === null || value === "");
  if (isUnknown[0] || isUnknown[1]) return isUnknown[0] - isUnknown[1] || one.index - other.index;
  const order = typeof a === "number" ? a - b : compareTexts(String(a), String(b));
  return (state.order === "up" ? order : -order) || one.index - other.index;
}

function draw() {
  shownRows = rows.filter(matches);
  if (COLUMNS.some(({ key }) => key === state.sort)) shownRows.sort(compareRows);
  for (const button of document.querySelectorAll("#table thead button")) {
    const isSorted = button.dataset.key === state.sort;
    button.closest("th").setAttribute("aria-sort", isSorted ? (state.order === "up" ? "ascending" : "descending") : "none");
  }
  for (const chip of document.querySelectorAll(".chip")) {
    chip.setAttribute("aria-pressed", String(state[chip.dataset.key] === chip.dataset.value));
  }
  for (const key of ["search", "registry", "owner"]) if (byId(key).value !== state[key]) byId(key).value = state[key];
  byId("found").textContent = /^\s*(cve|ghsa)-/i.test(state.search)
    ? "Vulnerabilities cannot be searched, only images by name"
    : `${shownRows.length} of ${rows.length} images`;
  body.replaceChildren();
  body.dataset.count = 0;
  showMore();
}

function change(key, value, delay = 0) {
  state[key] = value;
  clearTimeout(timer);
  if (delay) timer = setTimeout(apply, delay);
  else apply();
}

function apply() {
  const query = new URLSearchParams(Object.entries(state).filter(([, each]) => each)).toString();
  history.replaceState(null, "", query ? `#${query}` : "#images");
  draw();
}

function readAddress() {
  const query = decodeURIComponent(location.hash.slice(1));
  if (location.hash && !location.hash.includes("=")) return;
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(state)) state[key] = given.get(key) ?? "";
  draw();
  if (query) byId("images").scrollIntoView();
}

function createChip(key, value, title) {
  const chip = create("button", { type: "button", class: "chip", "data-key": key, "data-value": value }, title);
  chip.addEventListener("click", () => change(key, state[key] === value ? "" : value));
  return chip;
}

function createHeader({ key, title, isNumber }) {
  const button = create("button", { type: "button", class: "link", "data-key": key }, title);
  button.addEventListener("click", () => {
    const isDown = state.sort === key && state.order !== "up";
    state.order = isNumber ? (isDown ? "up" : "") : (state.sort === key && state.order === "up" ? "" : "up");
    change("sort", key);
  });
  return create("th", { scope: "col", ...(isNumber ? { class: "count" } : {}) }, button);
}

function exportTable() {
  // A cell that begins with one of these characters would be a formula for a spreadsheet.
  const quote = (value) => `"${String(value ?? "").replace(/^[=+\-@\t]/, "'$&").replaceAll('"', '""')}"`;
  const lines = shownRows.map((row) => [row.image, row.repositories, row.references, row.pinned, row.age, row.critical,
    row.high, row.exploited, row.status, row.digest, row.request?.[1] ?? "", row.owners.join(" ")]);
  const heads = [...COLUMNS.map((column) => column.title), "Team"];
  const text = [heads, ...lines].map((line) => line.map(quote).join(",")).join("\r\n");
  const link = create("a", { download: "images.csv", href: URL.createObjectURL(new Blob([text], { type: "text/csv" })) });
  link.click();
  URL.revokeObjectURL(link.href);
}

function fillSelect(key, values) {
  const options = [...new Set(values)].sort(compareTexts);
  byId(key).append(...options.map((value) => create("option", { value }, value)));
  byId(key).parentElement.hidden = !options.length;
  byId(key).addEventListener("input", () => change(key, byId(key).value));
}

if (byId("tools")) {
  body = create("tbody");
  byId("table").append(create("table", { class: "cards" }, create("thead", {}, create("tr", {}, ...COLUMNS.map(createHeader))), body));
  byId("severities").append(...Object.entries(FINDINGS).map(([value, [title]]) => createChip("severity", value, title)));
  byId("statuses").append(...[...new Set(rows.map((row) => row.status))].map((value) => createChip("status", value, value)));
  fillSelect("registry", rows.map((row) => row.registry));
  fillSelect("owner", rows.flatMap((row) => row.owners));
  byId("search").addEventListener("input", () => change("search", byId("search").value, SEARCH_DELAY));
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", showMore);
  byId("export").addEventListener("click", exportTable);
  for (const each of ["tools", "table"]) byId(each).hidden = false;
  draw();
  addEventListener("hashchange", readAddress);
  readAddress();
  addEventListener("beforeprint", () => { while (!byId("more").parentElement.hidden) showMore(); });
}
