// Countdowns after the server's clock: a laptop whose clock is wrong still shows the right rest.
import { all } from "./dom.js";

const words = [[86400, "d"], [3600, "h"], [60, "min"]];

/** Say `seconds` as at most two units: "2 h 10 min", "45 s". Same words as zones.spoken() on the server. */
export function spoken(seconds) {
  if (seconds < 60) return `${seconds} s`;
  const said = [];
  let rest = seconds;
  for (const [size, word] of words) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count) said.push(`${count} ${word}`);
    if (said.length === 2) break;
  }
  return said.join(" ");
}

export function startCountdowns() {
  const ahead = Date.parse(document.documentElement.dataset.now) - Date.now();
  const tick = () => {
    for (const element of all("[data-countdown]")) {
      const left = Math.round((Date.parse(element.dataset.countdown) - Date.now() - ahead) / 1000);
      element.textContent = left > 0 ? `${element.dataset.before ?? ""}${spoken(left)}${element.dataset.after ?? ""}` : element.dataset.done ?? "now";
    }
    for (const element of all("[data-countup]")) element.textContent = spoken(Math.max(0, Math.round((Date.now() + ahead - Date.parse(element.dataset.countup)) / 1000)));
  };
  setInterval(tick, 1000);
}
