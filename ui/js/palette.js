// Search and command palette (Ctrl-K or /): pages at once from the navigation, the rest from the server.
import { all, icon, make, one } from "./dom.js";

export function startPalette() {
  const dialog = one("#palette");
  if (!dialog) return { open() {} };
  const input = one("input", dialog);
  const list = one("ul", dialog);
  const state = { at: 0, asked: 0, timer: 0, searching: false, enter: false };
  const places = all(".side .place").map((link) => ({ group: "Go to", label: link.dataset.name, url: link.href, icon: link.dataset.icon, hint: link.dataset.goTo ? `g ${link.dataset.goTo}` : "" }));

  const options = () => all("[role=option]", list);
  const choose = (index) => {
    const found = options();
    if (!found.length) return input.removeAttribute("aria-activedescendant");
    state.at = (index + found.length) % found.length;
    found.forEach((option, number) => option.setAttribute("aria-selected", String(number === state.at)));
    found[state.at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", found[state.at].id);
  };
  const show = (rows) => {
    list.replaceChildren();
    let group = "";
    rows.forEach((row, number) => {
      if (row.group !== group) list.append(make("li", { role: "presentation" }, (group = row.group)));
      const option = make("li", { role: "option", id: `palette-${number}`, "aria-selected": "false" }, icon(row.icon), row.label, make("span", { class: "hint" }, row.hint ?? ""));
      option.addEventListener("click", () => location.assign(row.url));
      list.append(option);
    });
    if (!rows.length) list.append(make("li", { role: "presentation" }, "Nothing found. Try a ticket number, a host name or a person."));
    choose(0);
  };
  const search = async () => {
    const words = input.value.trim().toLowerCase();
    const near = places.filter((place) => place.label.toLowerCase().includes(words));
    show(near);
    const mine = ++state.asked;
    const answer = await fetch(`${dialog.dataset.source}?q=${encodeURIComponent(words)}`, { headers: { Accept: "application/json" } });
    const found = answer.ok ? (await answer.json()).found : [];
    if (mine !== state.asked) return;
    state.searching = false;
    show([...found, ...near]);
    if (state.enter) options()[0]?.click();
    state.enter = false;
  };

  input.addEventListener("input", () => {
    clearTimeout(state.timer);
    // Enter pressed before the answer is there must not be lost, nor open what an earlier answer put first.
    state.searching = true;
    state.enter = false;
    state.timer = setTimeout(search, 120);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(state.at + 1);
    else if (event.key === "ArrowUp") choose(state.at - 1);
    else if (event.key === "Enter" && state.searching) state.enter = true;
    else if (event.key === "Enter") options()[state.at]?.click();
    else return;
    event.preventDefault();
  });
  const open = () => {
    if (dialog.open) return;
    input.value = "";
    show(places);
    dialog.showModal();
    search();
  };
  document.addEventListener("click", (event) => event.target.closest("[data-palette]") && open());
  return { open };
}
