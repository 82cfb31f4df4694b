// The list component's manners: selection, columns, density, saved views. Search, filters, sort live in the address.
import { all, icon, make, one, onContent } from "./dom.js";

export function startLists() {
  document.addEventListener("change", (event) => {
    const list = event.target.closest("[data-list]");
    if (!list) return;
    if (event.target.matches("[data-pick-all]")) {
      for (const box of all("[data-pick]", event.target.closest("table") ?? list)) box.checked = event.target.checked;
    }
    if (event.target.matches("[data-pick], [data-pick-all]")) showPicked(list);
    if (event.target.matches("[data-column]")) chooseColumns(list);
  });
  document.addEventListener("click", (event) => {
    const density = event.target.closest("[data-set-density]");
    if (density) {
      document.documentElement.dataset.density = density.dataset.setDensity;
      document.cookie = `qd_density=${density.dataset.setDensity};path=/;max-age=31536000;samesite=lax`;
    }
    const keep = event.target.closest("[data-keep-view]");
    if (keep) keepView(keep.closest("[data-list]"));
  });
  onContent((part) => {
    for (const list of all("[data-list]", part)) showViews(list);
  });
}

function showPicked(list) {
  const picked = all("[data-pick]:checked", list).length;
  const bar = one(".bulk", list);
  if (!bar) return;
  bar.classList.toggle("on", picked > 0);
  one("[data-picked]", bar).textContent = String(picked);
}

function chooseColumns(list) {
  const address = new URL(location.href);
  address.searchParams.set("cols", all("[data-column]:checked", list).map((box) => box.dataset.column).join(","));
  location.assign(address);
}

const viewsOf = (list) => JSON.parse(localStorage.getItem(`qd-views-${list.dataset.list}`) ?? "[]");

function keepView(list) {
  const field = one("[data-view-name]", list);
  const name = field.value.trim();
  if (!name) return field.focus();
  const views = viewsOf(list).filter((view) => view.name !== name);
  views.push({ name, query: location.search });
  localStorage.setItem(`qd-views-${list.dataset.list}`, JSON.stringify(views));
  field.value = "";
  showViews(list);
}

function showViews(list) {
  const place = one("[data-views]", list);
  if (!place) return;
  place.replaceChildren();
  for (const view of viewsOf(list)) {
    const open = make("a", { class: "item", href: location.pathname + view.query }, icon("layout-list"), view.name);
    const drop = make("button", { class: "btn btn-ghost btn-sm btn-icon push", type: "button", "aria-label": `Forget ${view.name}` }, icon("x"));
    drop.addEventListener("click", (event) => {
      event.preventDefault();
      localStorage.setItem(`qd-views-${list.dataset.list}`, JSON.stringify(viewsOf(list).filter((other) => other.name !== view.name)));
      showViews(list);
    });
    place.append(make("div", { class: "row-flex" }, open, drop));
  }
  if (!place.children.length) place.append(make("p", { class: "head" }, "No saved views yet."));
}
