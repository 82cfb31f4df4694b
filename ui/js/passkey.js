// Passkeys: registering one, and signing a decision with one. A press on "Approve" stays an ordinary form without them.
import { one } from "./dom.js";

const bytes = (base64url) => Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
const hex = (digits) => Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
const base64url = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export function startPasskeys() {
  const supported = Boolean(window.PublicKeyCredential && navigator.credentials);
  for (const form of document.querySelectorAll("form[data-passkey-begin], form[data-passkey-sign]")) {
    const button = one("[data-passkey]", form);
    if (!button) continue;
    button.hidden = !supported;
    button.addEventListener("click", async () => {
      if (!form.reportValidity()) return;
      button.disabled = true;
      say(form, "");
      try {
        const answer = form.dataset.passkeyBegin ? await register(form) : await sign(form);
        one("[name=assertion]", form).value = JSON.stringify(answer);
        form.requestSubmit(one("[data-passkey-submit]", form));
      } catch (error) {
        say(form, error.name === "NotAllowedError" ? "Nothing was signed: the passkey was not shown, or it is not for this address." : "That did not work. Load the page again.");
        button.disabled = false;
      }
    });
  }
}

function say(form, words) {
  const line = one("[data-passkey-words]", form);
  line.textContent = words;
  line.hidden = !words;
}

async function ask(form, url) {
  const answer = await fetch(url, { method: "POST", body: new FormData(form) });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

async function register(form) {
  const told = await ask(form, form.dataset.passkeyBegin);
  told.challenge = bytes(told.challenge);
  told.user.id = bytes(told.user.id);
  for (const each of told.excludeCredentials ?? []) each.id = bytes(each.id);
  const made = await navigator.credentials.create({ publicKey: told });
  return shown(made, { attestationObject: base64url(made.response.attestationObject) });
}

async function sign(form) {
  const told = await ask(form, form.dataset.passkeySign);
  const allowed = told.credentials.map((id) => ({ type: "public-key", id: bytes(id) }));
  const given = await navigator.credentials.get({ publicKey: {
    challenge: hex(told.challenge), rpId: told.rpId, allowCredentials: allowed, userVerification: "required", timeout: 120000,
  } });
  return shown(given, {
    authenticatorData: base64url(given.response.authenticatorData), signature: base64url(given.response.signature),
  });
}

function shown(credential, response) {
  return {
    id: credential.id, rawId: base64url(credential.rawId), type: credential.type, clientExtensionResults: {},
    response: { clientDataJSON: base64url(credential.response.clientDataJSON), ...response },
  };
}
