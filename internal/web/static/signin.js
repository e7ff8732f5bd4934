// Signing in, and confirming, with a key of this browser or with a passkey.
// Texts are the page's: elements with data-text.

import * as keys from "./keys.js";

const ask = keys.ask;

const $ = (selector) => document.querySelector(selector);

function tell(text) {
  const box = $("#told");
  box.hidden = false;
  box.firstElementChild.textContent = text;
  box.focus();
}

const send = keys.send;

// during runs what a button does, once at a time, and tells what goes wrong.
function during(button, run) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await run();
    } catch (e) {
      tell(e.told ? e.message : button.dataset.failed);
      button.disabled = false;
    }
  });
}

async function offerKeys(list) {
  const form = $("#statement-form");
  for (const key of list) {
    const button = $("#key-button").content.firstElementChild.cloneNode(true);
    const ends = keys.ends(key);
    button.querySelector("[data-serial]").textContent = keys.serial(key).slice(-8);
    button.querySelector("[data-ends]").textContent = ends.toLocaleDateString(document.documentElement.lang, { dateStyle: "medium" });
    during(button, async () => {
      const purpose = form.elements.purpose?.value;
      const challenge = await ask(form.dataset.nonce);
      form.elements.statement.value = await keys.sign(key, challenge, purpose ? { purpose } : {});
      form.submit();
    });
    const item = document.createElement("li");
    item.append(button);
    $("#keys").append(item);
  }
  $("#by-key").hidden = list.length === 0;
}

function offerPasskey(button) {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  $("#by-passkey").hidden = false;
  during(button, async () => {
    const options = await ask(button.dataset.options, { method: "POST" });
    const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) });
    location.assign((await send(button.dataset.send, credential)).to);
  });
}

function offerNew(button) {
  if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
    tell(button.dataset.failed);
    return;
  }
  button.hidden = false;
  during(button, async () => {
    const options = await ask(button.dataset.options, { method: "POST" });
    const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey) });
    const name = encodeURIComponent($("#name").value);
    location.assign((await send(`${button.dataset.send}?name=${name}`, credential)).to);
  });
}

if ($("#keys")) {
  const now = new Date(), certificate = $("#keys").dataset.certificate;
  const all = await keys.certified().catch(() => []), replaced = new Set(all.map((k) => k.replaces));
  const list = all.filter((k) => keys.ends(k) > now && !replaced.has(keys.serial(k)));
  // The key that one signed in with comes first; one that was renewed has ended, or will.
  list.sort((a, b) => (keys.serial(b) === certificate) - (keys.serial(a) === certificate) || b.created - a.created);
  await offerKeys(list);
}
if ($("#passkey")) offerPasskey($("#passkey"));
if ($("#new-passkey")) offerNew($("#new-passkey"));
