// Runs before the first paint, so that a dark screen never flashes white.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

function apply() {
  const chosen = localStorage.getItem("qd-theme") || "auto";
  root.dataset.themeChoice = chosen;
  root.dataset.bsTheme = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
}

apply();
dark.addEventListener("change", apply);
addEventListener("storage", (event) => event.key === "qd-theme" && apply());
addEventListener("qd-theme", (event) => {
  localStorage.setItem("qd-theme", event.detail);
  apply();
});
