// Menus are <details>; this closes them on Escape, on a click elsewhere, and serves the theme choice.
import { all } from "./dom.js";

export function startMenus() {
  document.addEventListener("click", (event) => {
    for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    const theme = event.target.closest("[data-theme]");
    if (theme) {
      dispatchEvent(new CustomEvent("qd-theme", { detail: theme.dataset.theme }));
      markTheme();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of all("details.menu[open]")) {
      menu.open = false;
      menu.firstElementChild.focus();
    }
  });
  markTheme();
}

function markTheme() {
  const chosen = document.documentElement.dataset.themeChoice;
  for (const item of all("[data-theme]")) item.setAttribute("aria-pressed", String(item.dataset.theme === chosen));
}
