// The page of an application: a key made in this browser, its certificate put
// with it, and a look again while somebody else is at work.

import * as keys from "./keys.js";

const $ = (selector) => document.querySelector(selector);

// offerKey makes the key at a click and hands its request in. Two clicks make
// one key: a request that was taken counts, whether its answer came or not.
function offerKey(box) {
  const button = box.querySelector("button"), told = box.querySelector("[role=alert]"), form = $("#csr-form");
  const backup = box.querySelector("#backup"), pass = box.querySelector("#passphrase"), again = box.querySelector("#passphrase-again");
  let made = null;
  const tell = (text) => {
    told.hidden = false;
    told.firstElementChild.textContent = text;
    told.focus();
    button.disabled = false;
  };
  const show = () => { box.querySelector("#backup-fields").hidden = !backup.checked; };
  backup.addEventListener("change", show);
  show();
  box.hidden = false;
  button.addEventListener("click", async () => {
    if (backup.checked && pass.value.length < 12) return tell(box.dataset.short);
    if (backup.checked && pass.value !== again.value) return tell(box.dataset.differs);
    button.disabled = true;
    try {
      made ??= await keys.make(backup.checked);
      const csr = keys.pem("CERTIFICATE REQUEST", await keys.request(made.key));
      const res = await fetch(form.action, { method: "POST", body: new URLSearchParams({ csr }) });
      if (!res.ok) { // the service says why on the page that follows
        form.elements.csr.value = csr;
        form.submit();
        return;
      }
      const chain = await certificate(box.dataset.certificate);
      if (made.secret) {
        keys.save(await keys.keyFile(made.secret, chain, pass.value, "Mohr"), "mohr-key.p12", "application/x-pkcs12");
        made.secret.fill(0);
      }
      location.assign(box.dataset.page);
    } catch {
      tell(box.dataset.failed);
    }
  });
}

// offerHeld has the key that the service holds sign its request, by the passkey.
async function offerHeld(box) {
  const button = box.querySelector("button"), told = box.querySelector("[role=alert]"), form = $("#csr-form");
  const key = (await keys.held().catch(() => [])).find((k) => k.id === box.dataset.key);
  if (!key || !window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  box.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      form.elements.csr.value = keys.pem("CERTIFICATE REQUEST", await keys.request(key));
      form.submit();
    } catch (e) {
      told.hidden = false;
      told.firstElementChild.textContent = e.told ? e.message : box.dataset.failed;
      told.focus();
      button.disabled = false;
    }
  });
}

// certificate fetches the chain and puts it with its key; none yet: nothing.
async function certificate(path) {
  const res = await fetch(path);
  if (!res.ok) return [];
  const pem = await res.text();
  return (await keys.certify(pem)) ? keys.fromPEM(pem) : [];
}

// watch asks every few seconds for whom the application waits, and shows it;
// once the application has moved on, the page of its next step is loaded.
function watch(box) {
  const lines = box.querySelector("#waits");
  box.querySelector(".hint").hidden = false;
  const timer = setInterval(async () => {
    if (document.hidden) return;
    const res = await fetch(box.dataset.progress).catch(() => null);
    if (!res?.ok) return;
    const { stage, waits } = await res.json();
    if (stage !== box.dataset.stage) {
      clearInterval(timer);
      location.reload();
    } else if (waits.length > 0 && waits.join() !== [...lines.children].map((li) => li.textContent).join()) {
      lines.replaceChildren(...waits.map((text) => Object.assign(document.createElement("li"), { className: "waits", textContent: text })));
    }
  }, 2000);
}

const here = $("#key-here"), elsewhere = $("#key-held"), issued = $("#issued"), waiting = $("#waiting");
if (here) offerKey(here);
if (elsewhere) offerHeld(elsewhere);
if (waiting) watch(waiting);
if (issued && (await certificate(issued.dataset.certificate).catch(() => [])).length > 0) issued.hidden = false;
