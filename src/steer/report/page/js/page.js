// What the whole page has: colour scheme, sortable tables, enlarged figures, the link of the section in view.

function themeButton() {
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  dark.addEventListener("change", label);
  button.hidden = false;
  label();
}

function sortable(table) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = h("button", { type: "button" }, [...head.childNodes]);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.value ?? (row.cells[column].title || row.cells[column].textContent);
      const leading = (row) => Number.parseFloat(key(row).replace("\u2212", "-"));
      const compare = (a, b) => {
        const x = leading(a), y = leading(b);
        return Number.isNaN(x) || Number.isNaN(y) ? key(a).localeCompare(key(b), "en", { numeric: true }) : x - y;
      };
      body.append(...[...body.rows].sort((a, b) => (down ? -compare(a, b) : compare(a, b))));
    });
  });
}

function gallery() {
  const box = document.getElementById("lightbox");
  for (const button of document.querySelectorAll(".enlarge")) {
    button.addEventListener("click", () => {
      const from = button.querySelector("img"), to = box.querySelector("img");
      to.src = from.src;
      to.alt = from.alt;
      box.querySelector("p").textContent = button.closest("figure").querySelector("figcaption").textContent;
      box.showModal();
    });
  }
}

// The link of the section that is being read.
function follow() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const bar = document.querySelector("nav div");
  const seen = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) seen[entry.isIntersecting ? "add" : "delete"](entry.target.id);
    const here = [...links.keys()].find((id) => seen.has(id));
    for (const [id, link] of links) fill(link, { "aria-current": id === here ? "true" : "false" }, []);
    if (here) bar.scrollLeft = links.get(here).offsetLeft - bar.clientWidth / 3;
  }, { rootMargin: "-20% 0px -70% 0px" });
  for (const id of links.keys()) observer.observe(document.getElementById(id));
}

function app(id, start) {
  const root = document.getElementById(id);
  if (!root) return;
  if (typeof DecompressionStream === "undefined") {
    root.replaceChildren(h("p", { class: "note" }, "This browser cannot unpack the page's data: Chrome 80, Firefox 113 or Safari 16.4 can."));
  } else start(root);
}

themeButton();
document.querySelectorAll("table.sortable").forEach(sortable);
gallery();
follow();
app("curves-app", curvesApp);
app("estimates-app", estimatesApp);
app("responses-app", responsesApp);
app("tokens-app", tokensApp);
