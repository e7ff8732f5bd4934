// Other software asks for signatures by a held key, or for the list of keys: the
// holder says yes, by the passkey for signatures.

import * as keys from "./keys.js";

const $ = (selector) => document.querySelector(selector);

const button = $("#authorise"), page = location.pathname, signs = button.dataset.scope === "credential";

function tell(text) {
  const box = $("#told");
  box.hidden = false;
  box.firstElementChild.textContent = text;
  box.focus();
}

if (signs && !window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  tell(button.dataset.old);
} else {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const { to } = await (signs ? keys.remote(page) : keys.send(page, {}));
      location.assign(to);
    } catch (e) {
      tell(e.told ? e.message : button.dataset.failed);
      button.disabled = false;
    }
  });
}
