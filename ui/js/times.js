// Times in the person's zone. The server writes them in the zone of the cookie; only the first page is corrected here.
import { all, onContent } from "./dom.js";

const styles = {
  moment: { year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  date: { year: "numeric", month: "short", day: "2-digit" },
  clock: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  second: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  full: { year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
};

export function startTimes() {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const written = document.documentElement.dataset.zone;
  if (!here || !written || here === written) return;
  document.cookie = `qd_zone=${here};path=/;max-age=31536000;samesite=lax`;
  const fixed = document.documentElement.dataset.zoneFixed; // days are drawn by the server in this zone
  if (fixed === "own" && document.cookie.includes(`qd_zone=${here}`)) location.reload();
  if (fixed) return;
  onContent((part) => {
    for (const time of all("time[data-style]", part)) {
      const parts = new Intl.DateTimeFormat("en-GB", { ...styles[time.dataset.style], timeZone: here });
      time.textContent = parts.format(new Date(time.dateTime)).replace(",", "");
    }
    for (const name of all("[data-zone-name]", part)) name.textContent = here;
  });
}
