// Keys of the page. An element says which key it answers with data-key, and what it does with data-key-label.
import { all, make, one } from "./dom.js";

// The field of a dialog that Escape has just closed holds the focus a moment longer: nobody types into what is not shown.
const typing = (element) => element.closest("input, textarea, select, [contenteditable]") && !element.matches("[type=checkbox], [type=radio]") && element.checkVisibility();

export function startKeys(palette) {
  let going = -Infinity;
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return palette.open();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || one("dialog[open]")) return;
    // When the keys were pressed counts, not when a busy page came to them.
    const wasGoing = event.timeStamp - going < 2500;
    going = -Infinity;
    if (wasGoing) {
      const place = one(`[data-go-to="${CSS.escape(event.key)}"]`);
      if (place) place.click();
      return;
    }
    if (event.key === "g") going = event.timeStamp;
    else if (event.key === "/") act(event, palette.open);
    else if (event.key === "?") act(event, showHelp);
    else if (event.key === "j") act(event, () => move(1));
    else if (event.key === "k") act(event, () => move(-1));
    else if (event.key === "Enter" && !event.target.closest("a, button, summary")) openCursor(event);
    else if (event.key === "x") tick(event);
    else press(event);
  });
}

function act(event, what) {
  event.preventDefault();
  what();
}

const rows = () => all("[data-rows] > *").filter((row) => one("a", row) && row.offsetParent);

function move(by) {
  const found = rows();
  if (!found.length) return;
  const at = found.findIndex((row) => row.classList.contains("cursor"));
  found[at]?.classList.remove("cursor");
  const next = found[Math.max(0, Math.min(found.length - 1, at === -1 ? (by > 0 ? 0 : found.length - 1) : at + by))];
  next.classList.add("cursor");
  next.scrollIntoView({ block: "nearest" });
  (one("[data-row-link]", next) ?? one("a", next)).focus({ preventScroll: true });
}

function openCursor(event) {
  const row = one("[data-rows] > .cursor");
  if (row) act(event, () => (one("[data-row-link]", row) ?? one("a", row)).click());
}

function tick(event) {
  const box = one("[data-rows] > .cursor [data-pick]");
  if (box) act(event, () => box.click());
}

function press(event) {
  const target = one(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  const needs = target.dataset.needs && one(target.dataset.needs);
  if (needs && !needs.value.trim()) return needs.focus(); // the act wants words first; the key brings you to them
  if (target.matches("input, textarea, select")) target.focus();
  else target.click();
}

function showHelp() {
  const dialog = one("#keys");
  const list = one("dl", dialog);
  for (const extra of all("[data-extra]", list)) extra.remove();
  for (const target of all("[data-key]")) {
    list.append(make("dt", { "data-extra": "" }, make("kbd", {}, target.dataset.key)), make("dd", { "data-extra": "" }, target.dataset.keyLabel ?? target.textContent.trim()));
  }
  for (const place of all(".side [data-go-to]")) {
    list.append(make("dt", { "data-extra": "" }, make("kbd", {}, "g"), " ", make("kbd", {}, place.dataset.goTo)), make("dd", { "data-extra": "" }, place.dataset.name));
  }
  dialog.showModal();
}
