// Reads an asciicast v2 text into events, shortens idle stretches, and finds text on the screen at a time.
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[PX^_][^\u001b]*\u001b\\|[ -/]*[0-~])/g;

/** Parse the text of a cast; a torn last line (a killed session) is left out. */
export function parse(text) {
  const lines = text.split("\n").filter(Boolean);
  const header = JSON.parse(lines[0]);
  const events = [];
  for (const line of lines.slice(1)) {
    try {
      const [time, code, data] = JSON.parse(line);
      if (typeof time === "number" && typeof code === "string") events.push([time, code, data]);
    } catch {
      break;
    }
  }
  return { cols: header.width, rows: header.height, events };
}

/** Return the events with every pause longer than `limit` seconds cut to it, each keeping its true time as fourth item. */
export function shorten(events, limit) {
  let before = 0;
  let shown = 0;
  return events.map(([time, code, data]) => {
    const gap = time - before;
    shown += limit ? Math.min(gap, limit) : gap;
    before = time;
    return [shown, code, data, time];
  });
}

/** Return the lines of output as {time, trueTime, text}, without escape sequences. A line begins at `trueTime`, as in the
 *  transcript, and stands whole on the screen at `time`: a prompt is there long before the command that is typed after it. */
export function lines(events) {
  const found = [];
  let open = null;
  for (const [time, code, data, trueTime] of events) {
    if (code !== "o") continue;
    for (const piece of data.replace(escapes, "").split(/(\r?\n)/)) {
      if (/^\r?\n$/.test(piece)) {
        if (open) found.push(open);
        open = null;
      } else if (piece) {
        open ??= { time, trueTime, text: "" };
        open.time = time;
        open.text = piece.startsWith("\r") ? piece.slice(1) : open.text + piece.replace(/.\u0008/g, "");
      }
    }
  }
  if (open) found.push(open);
  return found;
}

/** Return the lines that hold `words`, in any case. */
export function find(all, words) {
  const wanted = words.toLowerCase();
  return wanted ? all.filter((line) => line.text.toLowerCase().includes(wanted)) : [];
}
