// Keys that the service holds: one is made by the passkey.

import * as keys from "./keys.js";

const make = document.querySelector("#make-held");

function tell(text) {
  const box = document.querySelector("#told");
  box.hidden = false;
  box.firstElementChild.textContent = text;
  box.focus();
}

if (make && window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  make.hidden = false;
  make.addEventListener("click", async () => {
    make.disabled = true;
    try {
      location.assign((await keys.makeHeld()).to);
    } catch (e) {
      tell(e.told ? e.message : make.dataset.failed);
    }
    make.disabled = false;
  });
}
