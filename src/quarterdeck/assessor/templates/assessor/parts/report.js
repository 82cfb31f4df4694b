"use strict";
// The report's own behaviour: filter of timelines, search in transcripts, replay on demand, everything open in print.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

for (const box of all("[data-filters]")) box.hidden = false;
for (const select of all("[data-filter]")) {
  const rows = all("li[data-kind]", document.querySelector(`[data-timeline="${select.dataset.filter}"]`));
  select.addEventListener("change", () => {
    for (const row of rows) row.hidden = select.value !== "" && row.dataset.kind !== select.value;
  });
}

for (const input of all("[data-find]")) {
  const lines = all(".transcript li", input.closest(".inside"));
  const told = document.querySelector(`[data-found="${input.dataset.find}"]`);
  input.addEventListener("input", () => {
    const words = input.value.trim().toLowerCase();
    const hits = lines.filter((line) => {
      const hit = words !== "" && line.textContent.toLowerCase().includes(words);
      line.classList.toggle("hit", hit);
      return hit;
    });
    told.textContent = words === "" ? "" : `${hits.length} ${hits.length === 1 ? "line" : "lines"}`;
    if (hits.length) hits[0].scrollIntoView({ block: "nearest" });
  });
}

// The player is a module that starts itself on the one box of its page: give it a box, then run it.
const source = document.getElementById("player-source");
const stage = (holder, name) => {
  all(".replay .stage").forEach((old) => old.remove());
  all("[data-play]").forEach((button) => { button.hidden = false; });
  const cast = JSON.parse(document.querySelector(`script[data-replay="${name}"]`).textContent);
  const speed = make("select", { id: "speed" });
  for (const value of ["0.5", "1", "2", "4", "8"]) speed.append(make("option", { value }, `${value}×`));
  speed.value = "1";
  const idle = make("input", { type: "checkbox", id: "skip-idle" });
  idle.checked = true;
  const find = make("input", { type: "search", id: "find-text", placeholder: "Search, jump to the time", "aria-label": "Search in the replay" });
  const box = make("div", { class: "box", "data-cast": URL.createObjectURL(new Blob([cast])) });
  holder.append(make("div", { class: "stage" },
    make("div", { class: "tools" }, make("label", {}, "Speed ", speed), make("label", {}, idle, " Skip idle time"),
      make("span", { class: "soft" }, "Length ", make("span", { id: "replay-length" }))),
    box,
    make("form", { id: "find-form", class: "tools" }, find, make("span", { id: "hit-count", role: "status" })),
    make("ul", { id: "hits" })));
  const script = document.createElement("script");
  script.type = "module";
  script.textContent = JSON.parse(source.textContent);
  document.body.append(script);
  script.remove();
};
for (const button of all("[data-play]")) {
  button.hidden = !source;
  button.addEventListener("click", () => {
    stage(button.parentElement, button.dataset.play);
    button.hidden = true;
  });
}
// A page of one recording shows it at once; it does not begin to play.
for (const box of all("[data-open] [data-play]")) box.click();

addEventListener("beforeprint", () => {
  for (const box of all("details:not([open])")) {
    box.open = true;
    box.dataset.printed = "";
  }
});
addEventListener("afterprint", () => {
  for (const box of all("details[data-printed]")) {
    box.open = false;
    delete box.dataset.printed;
  }
});
