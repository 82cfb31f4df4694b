// Forms: focus the first field that is wrong, refuse a second submit, filter long choice lists, count what is ticked.
import { all, one, onContent } from "./dom.js";

export function startForms() {
  const wrong = one("[aria-invalid='true']") ?? one("[data-focus-error]");
  if (wrong) {
    wrong.focus();
    wrong.scrollIntoView({ block: "center" });
  }
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "get" || event.defaultPrevented || form.hasAttribute("data-stays")) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    if (event.submitter) event.submitter.dataset.wait = "";
  });
  addEventListener("pageshow", () => {
    for (const form of all("form[data-sent]")) delete form.dataset.sent;
    for (const button of all("[data-wait]")) delete button.dataset.wait;
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });
  onContent((part) => {
    for (const filter of all("[data-filters]", part)) {
      filter.addEventListener("input", () => narrow(filter));
      filter.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
    }
    if (one("[data-when]", part)) showWhen();
  });
  document.addEventListener("change", (event) => event.target.matches("[type=checkbox], [type=radio]") && showWhen());
}

// A field that matters only while something else is ticked is shown only then; without this script it is always there.
function showWhen() {
  for (const control of all("[data-when]")) control.closest(".field").hidden = !one(control.dataset.when)?.checked;
}

function narrow(filter) {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const choice of all("label", one(filter.dataset.filters))) {
    const text = choice.textContent.toLowerCase();
    choice.hidden = !one("input:checked", choice) && !words.every((word) => text.includes(word));
  }
}
