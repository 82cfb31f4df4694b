// Files in chunks: the server is asked where to go on, so a broken line, a closed laptop or a reload loses nothing.
// Without this script the form sends the file whole.
import { all, one } from "./dom.js";

const PAUSES = [1, 2, 4, 8, 15, 30, 30, 30];

export function startUploads() {
  const form = one("form[data-upload]");
  if (!form) return;
  const input = form.elements.file;
  document.addEventListener("paste", (event) => takePaste(event, form, input));
  for (const line of all("[data-upload-open]")) {
    one("[data-upload-drop]", line).addEventListener("click", () => drop(form, line));
  }
  form.addEventListener("submit", (event) => {
    if (!input.files.length || form.elements.target.value) return;
    event.preventDefault();
    send(form, input.files[0]);
  });
}

function takePaste(event, form, input) {
  const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  const kept = new DataTransfer();
  const ending = file.type.split("/")[1];
  kept.items.add(new File([file], `pasted-${Date.now()}.${ending}`, { type: file.type }));
  input.files = kept.files;
  form.elements.kind.value = "screenshot";
  one("[data-upload-words]", form).textContent = "";
  form.elements.reason.focus();
}

async function drop(form, line) {
  await call(form, line.dataset.uploadOpen, { method: "DELETE" });
  line.remove();
}

async function send(form, file) {
  const stop = new AbortController();
  const cancel = one("[data-upload-cancel]", form);
  const button = one("[type=submit]", form);
  refuse([]);
  button.disabled = true;
  cancel.hidden = false;
  let upload;
  const given = () => { stop.abort(); };
  cancel.addEventListener("click", given, { once: true });
  try {
    upload = await open(form, file, stop.signal);
    await chunks(form, file, upload, stop.signal);
    say(form, "Checking and hashing", 100);
    const done = await call(form, upload.finish, { method: "POST" });
    location.assign(done.then);
  } catch (error) {
    if (stop.signal.aborted && upload) await call(form, upload.url, { method: "DELETE" }).catch(() => {});
    if (!stop.signal.aborted) refuse(error.reasons ?? [{ sentence: "The line broke.", next_step: "Choose the same file and press Attach: it goes on where it was." }]);
    one("[data-upload-progress]", form).hidden = true;
    button.disabled = false;
    cancel.hidden = true;
    cancel.removeEventListener("click", given);
  }
}

function open(form, file, signal) {
  const before = all("[data-upload-open]").find((line) => line.dataset.name === file.name && Number(line.dataset.size) === file.size);
  if (before) return call(form, before.dataset.uploadOpen, { signal });
  const told = new FormData(form);
  told.delete("file");
  told.append("name", file.name);
  told.append("size", file.size);
  return call(form, form.dataset.upload, { method: "POST", body: told, signal });
}

async function chunks(form, file, upload, signal) {
  const began = performance.now(), first = upload.offset;
  let at = upload.offset, failures = 0;
  while (at < file.size) {
    const part = file.slice(at, at + upload.chunk);
    try {
      const headers = crypto.subtle ? { "X-Chunk-SHA256": await hash(part) } : {};
      at = (await call(form, `${upload.url}?offset=${at}`, { method: "PUT", body: part, headers, signal })).offset;
      failures = 0;
      progress(form, file, at, first, began);
    } catch (error) {
      const again = !error.reasons || error.reasons.every((reason) => ["upload.offset", "upload.damaged", "upload.cut_off", "upload.busy"].includes(reason.code));
      if (signal.aborted || !again || failures >= PAUSES.length) throw error;
      say(form, `The line broke. Trying again in ${PAUSES[failures]} s`);
      await new Promise((resolve) => { setTimeout(resolve, PAUSES[failures] * 1000); });
      failures += 1;
      at = await call(form, upload.url, { signal }).then((now) => now.offset, () => at);
    }
  }
}

async function hash(part) {
  const digest = await crypto.subtle.digest("SHA-256", await part.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function call(form, url, options) {
  const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, ...options.headers };
  const answer = await fetch(url, { ...options, headers });
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  const error = new Error(`${answer.status}`);
  if (answer.status < 500) error.reasons = told.refused ?? [{ code: "", sentence: "The server refused.", next_step: "Load the page again." }];
  throw error;
}

function progress(form, file, at, first, began) {
  const seconds = (performance.now() - began) / 1000, rate = (at - first) / Math.max(seconds, 0.1);
  const left = Math.round((file.size - at) / Math.max(rate, 1));
  const mega = (count) => (count / 1e6).toFixed(count < 1e8 ? 1 : 0);
  say(form, `${mega(at)} of ${mega(file.size)} MB, ${mega(rate)} MB/s, ${Math.round(seconds)} s gone, about ${left} s left`, (100 * at) / file.size);
}

function say(form, words, part) {
  one("[data-upload-progress]", form).hidden = false;
  one("[data-upload-words]", form).textContent = words;
  if (part !== undefined) one("progress", form).value = part;
}

function refuse(reasons) {
  const box = one("#upload-refused");
  box.hidden = !reasons.length;
  one("[data-upload-refused]", box).replaceChildren(...reasons.map((reason) => {
    const line = document.createElement("p");
    line.className = "m-0";
    line.textContent = `${reason.sentence} ${reason.next_step}`;
    return line;
  }));
  if (reasons.length) box.scrollIntoView({ block: "center" });
}
