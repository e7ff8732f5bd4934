// Statements of forms, signed with a key of this browser or one that is held. A form says in
// data-challenge what it answers, or in data-nonce where that is to be had, in data-more what else is signed,
// and by data-field which of its fields are; with data-jti it wants an id of
// its own. With data-letter the statement can be signed within a PDF, which the
// service makes there; it comes back in the field "letter". Without a key here, the page shows a command that does the same.

import * as keys from "./keys.js";

function tell(text) {
  const box = document.querySelector("[data-told]");
  box.hidden = false;
  box.firstElementChild.textContent = text;
  box.focus();
}

async function challenge(form) {
  if (form.dataset.challenge) return JSON.parse(form.dataset.challenge);
  const res = await fetch(form.dataset.nonce, { headers: { Accept: "application/json" } });
  if (!res.ok) throw new Error(`${form.dataset.nonce}: ${res.status}`);
  return res.json();
}

function more(form) {
  const out = JSON.parse(form.dataset.more);
  if ("jti" in form.dataset) out.jti = crypto.randomUUID();
  for (const field of form.querySelectorAll("[data-field]")) out[field.dataset.field] = field.value.trim();
  return out;
}

// signLetter has the service put the statement into a PDF, signs that, and puts
// the whole into the form.
async function signLetter(form, key) {
  const payload = JSON.stringify({ ...(await keys.claims(key, await challenge(form))), ...more(form) });
  const make = (value) => keys.ask(form.dataset.letter, { method: "POST", body: new URLSearchParams({ serial: keys.serial(key), payload, value }) });
  const { input } = await make("");
  const { pdf } = await make(keys.base64(await keys.signDER(key.privateKey, keys.fromBase64(input), "statement")));
  form.elements.letter.value = pdf;
}

function offer(form, key) {
  const list = form.querySelector("[data-keys] ul"), item = document.createElement("li");
  const button = form.querySelector("[data-keys] template").content.firstElementChild.cloneNode(true);
  button.querySelector("[data-serial]").textContent = keys.serial(key).slice(-8);
  button.querySelector("[data-ends]").textContent = keys.ends(key).toLocaleDateString(document.documentElement.lang, { dateStyle: "medium" });
  button.addEventListener("click", async () => {
    if (!form.reportValidity()) return;
    button.disabled = true;
    try {
      for (const name of ["letter", "statement"]) if (form.elements[name]) form.elements[name].value = ""; // of a try before
      if (form.querySelector("[data-as-letter]:checked")) await signLetter(form, key);
      else form.elements.statement.value = await keys.sign(key, await challenge(form), more(form));
      form.submit();
    } catch (e) {
      tell(e.told ? e.message : button.dataset.failed);
      button.disabled = false;
    }
  });
  item.append(button);
  list.append(item);
}

const now = new Date();
const usable = (await keys.signers()).filter((k) => keys.ends(k) > now);
for (const form of document.querySelectorAll("form[data-sign]")) {
  for (const key of usable) offer(form, key);
  form.querySelector("[data-keys]").hidden = usable.length === 0;
  form.hidden = usable.length === 0;
}
