// Keys that the service holds: one is made, or signs a file, by the passkey.

import * as keys from "./keys.js";

const $ = (selector) => document.querySelector(selector);

function tell(text) {
  const box = $("#told");
  box.hidden = false;
  box.firstElementChild.textContent = text;
  box.focus();
}

// during runs what a button does, once at a time, and tells what goes wrong.
function during(button, failed, run) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await run();
    } catch (e) {
      tell(e.told ? e.message : failed);
    }
    button.disabled = false;
  });
}

const make = $("#make-held"), sign = $("#sign-file");
if (make && window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  make.hidden = false;
  during(make, make.dataset.failed, async () => location.assign((await keys.makeHeld()).to));
}
if (sign && window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  sign.hidden = false;
  during(sign.querySelector("button"), sign.dataset.failed, async () => {
    const file = sign.querySelector("input").files[0];
    if (!file) return;
    const key = (await keys.held()).find((k) => k.id === sign.dataset.key);
    const content = new Uint8Array(await file.arrayBuffer());
    keys.save(await keys.cms(key.privateKey, key.chain, content), `${file.name}.p7s`, "application/pkcs7-signature");
    sign.dataset.done = file.name;
  });
}
