// Renewing with a key of this browser, or with one that the service holds: the
// old key signs that the new one follows it. What was sent is kept with a new
// key of this browser until its certificate is there: sent again, it brings the
// same one.

import * as keys from "./keys.js";

const box = document.querySelector("#renew-here"), button = box.querySelector("button"), told = box.querySelector("[role=alert]");
const serial = box.dataset.serial;
const old = (await keys.signers()).find((k) => keys.serial(k) === serial);

// next makes the key that follows, in the home of the old one.
async function next() {
  if (!old.held) return (await keys.make(false)).key;
  const { id } = await keys.makeHeld();
  return (await keys.held()).find((k) => k.id === id);
}

async function begun() {
  const left = (await keys.all()).find((k) => k.replaces === serial && k.chain.length === 0);
  if (left) return left;
  const guide = await keys.ask("/api/v1/renewals/nonce");
  const key = await next();
  const statement = {
    ...(await keys.claims(old, guide)), new_spki_sha256: key.id, profile: box.dataset.profile, terms_sha256: guide.terms_sha256,
  };
  const document = new TextEncoder().encode(JSON.stringify(statement));
  const sent = {
    statement: keys.base64(await keys.cms(old.privateKey, old.chain, document, "statement")), document: keys.base64(document),
    csr: keys.base64(await keys.request(key)),
  };
  if (old.held) {
    sent.attestation = await keys.send(`/my/keys/${key.id}/vouch`, { purpose: `renewal/${statement.certificate_sha256}`, nonce: statement.nonce });
    return { ...key, sent };
  }
  const kept = { ...key, replaces: serial, sent };
  await keys.put(kept);
  return kept;
}

async function renew() {
  const key = await begun();
  try {
    const { chain, serial: next } = await keys.send("/api/v1/renewals", key.sent);
    await keys.certify(chain);
    location.assign(box.dataset.then + next);
  } catch (e) {
    if (e.told && e.status < 500 && !old.held) await keys.remove(key.id); // refused: the next try is a new one
    throw e;
  }
}

if (old) {
  box.hidden = false;
  document.querySelector("#renew-elsewhere").open = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await renew();
    } catch (e) {
      told.hidden = false;
      told.firstElementChild.textContent = e.told ? e.message : box.dataset.failed;
      told.focus();
      button.disabled = false;
    }
  });
}
