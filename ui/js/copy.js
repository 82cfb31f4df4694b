// Copy buttons: data-copy holds the selector of what is copied.
import { one } from "./dom.js";

export function startClipboard() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = one(button.dataset.copy);
    const text = source.value ?? source.textContent;
    try {
      await navigator.clipboard.writeText(text.trim());
      say(button, "Copied");
    } catch {
      getSelection().selectAllChildren(source);
      say(button, "Press Ctrl-C");
    }
  });
}

function say(button, words) {
  const label = one("[data-copy-label]", button) ?? button;
  const before = label.textContent;
  label.textContent = words;
  setTimeout(() => { label.textContent = before; }, 1600);
}
