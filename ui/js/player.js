// Replay of one session. Its own bundle: the player compiles WebAssembly when it is loaded, which only this page allows.
import { create } from "asciinema-player";
import { find, lines, parse, shorten } from "./cast.js";
import { make, one } from "./dom.js";
import { startLive } from "./live.js";

const stamp = (seconds) => {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${parts.join(":")}` : parts.join(":");
};

async function start(box) {
  const answer = await fetch(box.dataset.cast);
  if (!answer.ok) {
    box.replaceChildren(make("p", { class: "p-3" }, "The recording could not be read. Reload the page; if it stays so, the evidence page shows the state of the object store."));
    return;
  }
  const recording = parse(await answer.text());
  const speed = one("#speed");
  const idle = one("#skip-idle");
  const state = { player: null, events: [], text: [] };

  const load = (trueTime = 0, playing = false) => {
    state.player?.dispose();
    state.events = shorten(recording.events, idle.checked ? 2 : 0);
    state.text = lines(state.events);
    const at = state.events.find((event) => event[3] >= trueTime)?.[0] ?? 0;
    const markers = state.events.filter((event) => event[1] === "m").map((event) => [event[0], String(event[2])]);
    // A parser of this player hands over milliseconds; everything else of it, and a cast, speaks in seconds.
    const data = { ...recording, events: state.events.map(([time, code, text]) => [time * 1000, code, text]) };
    box.replaceChildren();
    state.player = create({ data: () => data, parser: (value) => value }, box, {
      fit: "width", speed: Number(speed.value), startAt: at, autoPlay: playing, preload: true, markers, theme: "asciinema", terminalFontSize: "small", poster: "npt:0:01",
    });
    expose(state.player);
  };
  const trueNow = () => {
    const now = state.player.getCurrentTime();
    return state.events.findLast((event) => event[0] <= now)?.[3] ?? 0;
  };
  const search = () => {
    const hits = find(state.text, one("#find-text").value.trim()).slice(0, 200);
    one("#hits").replaceChildren(...hits.map((hit) => {
      const button = make("button", { type: "button", "data-time": hit.trueTime.toFixed(3) }, make("span", { class: "at" }, stamp(hit.trueTime)), hit.text.slice(0, 200));
      button.addEventListener("click", () => state.player.seek(hit.time));
      return make("li", {}, button);
    }));
    one("#hit-count").textContent = one("#find-text").value.trim() ? `${hits.length} ${hits.length === 1 ? "line" : "lines"}` : "";
  };

  speed.addEventListener("change", () => load(trueNow(), true));
  idle.addEventListener("change", () => { load(trueNow()); search(); });
  one("#find-text").addEventListener("input", search);
  one("#find-form").addEventListener("submit", (event) => {
    event.preventDefault();
    one("#hits button")?.click();
  });
  load();
  one("#replay-length").textContent = stamp(recording.events.at(-1)?.[0] ?? 0);
}

// The keyboard reaches the player's own controls through one focusable element.
function expose(player) {
  const region = one(".ap-player", player.el) ?? player.el;
  region.setAttribute("tabindex", "0");
  region.setAttribute("role", "application");
  region.setAttribute("aria-label", "Replay. Space plays and pauses, arrows seek, [ and ] go to markers.");
}

const box = one("[data-cast]");
if (box) start(box);
const live = one("[data-live]");
if (live) startLive(live);
