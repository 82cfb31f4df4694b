// A running session: its events into the player, the state beside it, orders without leaving the page, the escort's
// presence while the page is in view. The server decides everything; what is shown here is what it said last.
import { create } from "asciinema-player";
import { parse } from "./cast.js";
import { all, one } from "./dom.js";

const STAY_EVERY = 3000;
const KEPT = 20000;

/** Return a driver for the player, and the functions that feed it. */
function screen() {
  const waiting = [];
  let dispatch = null;
  const send = (name, data) => (dispatch ? dispatch(name, data) : waiting.push([name, data]));
  const driver = (callbacks) => ({
    play: () => {
      dispatch = callbacks.dispatch;
      dispatch("play");
      for (const [name, data] of waiting.splice(0)) dispatch(name, data);
      return true;
    },
    stop: () => {
      dispatch = null;
    },
  });
  return {
    driver,
    reset: (cols, rows) => {
      send("reset", { size: { cols, rows } });
      send("playing");
    },
    take: ([, code, data]) => {
      if (code === "o") send("output", data);
      else if (code === "r") {
        const [cols, rows] = String(data).split("x").map(Number);
        if (cols > 0 && rows > 0) send("resize", { cols, rows });
      }
      else if (code === "m") send("marker", data);
    },
  };
}

export function startLive(root) {
  const box = one("#live-box", root);
  const state = { watch: "", said: "said" in root.dataset, over: false, back: false, head: null, kept: [] };
  let shown = null;
  let player = null;

  const word = (text) => {
    one("#live-word", root).textContent = text;
  };
  const tell = (sentence) => {
    const note = one("#live-told", root);
    one("p", note).textContent = sentence;
    note.hidden = !sentence;
  };
  const live = () => {
    player?.dispose();
    box.replaceChildren();
    shown = screen();
    player = create(shown.driver, box, { autoPlay: true, controls: false, fit: "width", theme: "asciinema", terminalFontSize: "small", cols: 80, rows: 24 });
    player.el?.setAttribute("aria-label", "The terminal as the technician sees it");
    if (state.head) shown.reset(state.head.width, state.head.height);
    for (const event of state.kept) shown.take(event);
  };
  const show = (told) => {
    state.watch = told.watch;
    one("#live-watchers", root).textContent = told.watchers.length ? `Watching: ${told.watchers.join(", ")}` : "";
    one("#live-paused", root).hidden = !told.paused_by;
    one("#live-paused-by", root).textContent = told.paused_by;
    for (const [id, off] of [["#live-pause", told.paused_by], ["#live-resume", !told.paused_by]]) {
      if (one(id, root)) one(id, root).disabled = Boolean(off);
    }
    if (one("#live-escort", root)) one("#live-escort", root).textContent = told.present;
    for (const [id, off] of [["#live-absent", Boolean(told.present)], ["#live-here", !told.present]]) {
      if (one(id, root)) one(id, root).hidden = off;
    }
    stay();
  };

  // ---- the stream
  const source = new EventSource(root.dataset.live);
  source.addEventListener("open", () => {
    word("Live");
    one("#live-light", root).classList.add("on-air");
  });
  source.addEventListener("error", () => {
    one("#live-light", root).classList.remove("on-air");
    word(source.readyState === EventSource.CLOSED ? "Not connected" : "Connecting again");
  });
  source.addEventListener("head", (event) => {
    state.head = JSON.parse(event.data);
    state.kept = [];
    if (!state.back) live();
  });
  source.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    state.kept.push(told);
    if (state.kept.length > KEPT) state.kept.splice(0, KEPT / 2);
    if (!state.back) shown?.take(told);
  });
  source.addEventListener("skipped", () => tell("The session writes faster than it can be shown, so a part was left out here. The replay has all of it."));
  source.addEventListener("state", (event) => show(JSON.parse(event.data)));
  source.addEventListener("refused", (event) => {
    source.close();
    word("Not connected");
    tell(JSON.parse(event.data).sentence);
  });
  source.addEventListener("end", (event) => {
    source.close();
    state.over = true;
    word("Ended");
    one("#live-light", root).classList.remove("on-air");
    const { reason, said } = JSON.parse(event.data);
    one("#live-reason", root).textContent = said || `The session has ended: ${reason.replaceAll("_", " ")}.`;
    one("#live-over", root).hidden = false;
    if (one("#live-running")) one("#live-running").hidden = true;
    if (one("#live-orders", root)) one("#live-orders", root).hidden = true;
    for (const note of ["#live-paused", "#live-absent", "#live-here"]) if (one(note, root)) one(note, root).hidden = true;
  });

  // ---- orders
  const post = async (url, body) => {
    const answer = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
    const json = answer.headers.get("Content-Type")?.includes("json");
    return { done: answer.ok && json, sentence: json ? (await answer.json()).sentence : "That did not work. Reload the page and sign in if asked." };
  };
  for (const form of all("[data-live-order]", root)) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const { done, sentence } = await post(form.action, new FormData(form));
      tell(done ? "" : sentence);
      if (done && one("[name=text]", form)) form.reset();
    });
  }

  // ---- an escort goes on to the next session of the ticket by itself: commands and copies last seconds
  document.addEventListener("htmx:load", () => {
    const next = one("#live-others a", root);
    if (state.over && state.said && "escort" in root.dataset && next) location.assign(next.href);
  });

  // ---- presence
  const stay = async () => {
    if (!("escort" in root.dataset) || !state.said || state.over || !state.watch || document.visibilityState !== "visible") return;
    const body = new FormData();
    body.set("watch", state.watch);
    body.set("csrfmiddlewaretoken", one("[name=csrfmiddlewaretoken]", root)?.value ?? "");
    try {
      const { done, sentence } = await post(root.dataset.present, body);
      if (!done) tell(sentence);
    } catch {
      word("Connecting again");
    }
  };
  one("#live-present", root)?.addEventListener("click", () => {
    state.said = true;
    stay();
  });
  document.addEventListener("visibilitychange", stay);
  setInterval(stay, STAY_EVERY);

  // ---- from the beginning, and back to live; the stream goes on meanwhile
  const back = one("#live-back", root);
  back.addEventListener("click", async () => {
    state.back = !state.back;
    back.setAttribute("aria-pressed", String(state.back));
    one("span", back).textContent = state.back ? "Back to live" : "From the beginning";
    if (!state.back) return live();
    player?.dispose();
    box.replaceChildren();
    const answer = await fetch(root.dataset.soFar);
    const text = answer.ok ? await answer.text() : "";
    if (!state.back || !text) return;
    const recording = parse(text);
    const data = { ...recording, events: recording.events.map(([time, code, words]) => [time * 1000, code, words]) };
    player = create({ data: () => data, parser: (value) => value }, box, { autoPlay: true, fit: "width", idleTimeLimit: 2, preload: true, theme: "asciinema", terminalFontSize: "small" });
  });
}
