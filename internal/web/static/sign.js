// Signing a document: the service says what the key has to sign, a key of this
// browser or one that is held signs it, and the service joins both. A PDF goes
// there and comes back; of other documents nothing but the hash does.

import * as keys from "./keys.js";

const $ = (selector) => document.querySelector(selector);
const form = $("#sign"), look = $("#look"), done = $("#done"), command = $("#command");
const lang = document.documentElement.lang, endings = { pades: ".signed.pdf", cades: ".p7s", jades: ".jws" };
const usable = new Map((await keys.signers()).map((key) => [keys.serial(key), key]));
let wanted = null, file = null, prepared = null, made = null;

function tell(text) {
  $("#told").hidden = false;
  $("#told").firstElementChild.textContent = text;
  $("#told").focus();
}

// at says what is being done, "" that nothing is.
function at(step) {
  $("#progress").textContent = step && $("#progress").dataset[step];
  for (const button of document.querySelectorAll("main button")) button.disabled = step !== "";
}

// show shows one of the three parts of the page.
function show(part) {
  for (const p of [form, look, done]) p.hidden = p !== part;
  part.querySelector("h2")?.focus();
}

// during does what a button is for, and tells what goes wrong.
async function during(run) {
  $("#told").hidden = true;
  try {
    await run();
  } catch (e) {
    show(form);
    at("");
    tell(e.told ? e.message : form.dataset.failed);
    return;
  }
  at("");
}

const refusal = (message) => Object.assign(new Error(message), { told: true });

// send asks the service, with the document where its form needs it.
async function send(path, sent) {
  const body = new FormData();
  body.set("wanted", JSON.stringify(sent));
  if (sent.form === "pades") body.set("document", file);
  const res = await fetch(path, { method: "POST", body, headers: { Accept: "application/json" } });
  if (res.ok) return res;
  const { code, detail } = await res.json();
  throw refusal(code.startsWith("nonce_") ? form.dataset.late : detail);
}

const chosen = (name) => form.querySelector(`[name=${name}]:checked`)?.value;

// quoted is a word of a command line.
const quoted = (word) => (/^[\w.][\w.-]*$/.test(word) ? word : `'${word.replace(/^-/, "./-").replaceAll("'", "'\\''")}'`);

function showCommand() {
  const how = chosen("form"), name = quoted(form.elements.file.files[0]?.name ?? "contract.pdf");
  command.textContent = `mohr sign ${name} --format ${how}${how === "pades" ? "" : " --detached"} --level ${form.elements.level.value} --key holder.key --cert holder.pem`;
}

// offer offers the forms that the chosen file can be signed in.
async function offer() {
  const picked = form.elements.file.files[0], pades = $("#form-pades");
  const head = picked ? new TextDecoder("latin1").decode(await picked.slice(0, 5).arrayBuffer()) : "";
  pades.disabled = head !== "%PDF-";
  (pades.disabled ? $("#form-cades") : pades).checked = true;
  form.dataset.chosen = picked?.name ?? "";
  showCommand();
}

function row(name, text) {
  look.querySelector(`[data-${name}]`).textContent = text;
}

// tellWhat shows what will be signed.
function tellWhat(octets, hash) {
  row("name", wanted.name);
  row("size", octets.toLocaleString(lang));
  row("hash", hash);
  row("form", form.querySelector(`label[for=form-${wanted.form}]`).textContent);
  row("level", form.elements.level.selectedOptions[0].textContent);
  look.querySelector("[data-key]").replaceChildren(...form.querySelector("[name=serial]:checked").labels[0].cloneNode(true).childNodes);
  $("#pages").hidden = prepared.pages === 0;
  row("pages", prepared.pages.toLocaleString(lang));
  $("#earlier").hidden = prepared.signatures.length === 0;
  look.querySelector("ul").replaceChildren(...prepared.signatures.map((s) => {
    const item = look.querySelector("template").content.firstElementChild.cloneNode(true);
    item.querySelector("bdi").textContent = s.name || item.dataset.nobody;
    if (s.at) item.querySelector("time").textContent = new Date(s.at).toLocaleDateString(lang, { dateStyle: "medium" });
    item.querySelector("[data-altered]").hidden = !s.altered;
    return item;
  }));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  during(async () => {
    file = form.elements.file.files[0];
    const how = chosen("form");
    if (how === "pades" && file.size > Number(form.dataset.most)) throw refusal(form.dataset.large);
    if (file.size > Number(form.dataset.mostBeside)) throw refusal(form.dataset.largeBeside);
    at("reads");
    const hash = await keys.sha256(await file.arrayBuffer());
    wanted = { serial: chosen("serial"), form: how, level: form.elements.level.value, name: file.name, mime: file.type, sha256: keys.base64(hash) };
    at("sends");
    prepared = await (await send("/my/sign/prepare", wanted)).json();
    tellWhat(file.size, keys.hex(hash));
    show(look);
  });
});

look.querySelector("[data-sign]").addEventListener("click", () => during(async () => {
  const key = usable.get(wanted.serial);
  at(key.held ? "asks" : "signs");
  const value = await keys.signDER(key.privateKey, keys.fromBase64(prepared.input), "document");
  at("joins");
  const res = await send("/my/sign/finish", { ...wanted, at: prepared.at, nonce: prepared.nonce, value: keys.base64(value) });
  const name = wanted.form === "pades" ? wanted.name.replace(/\.pdf$/i, "") : wanted.name;
  made = new File([await res.blob()], name + endings[wanted.form], { type: res.headers.get("Content-Type") });
  offerCheck();
  done.querySelector("[data-name]").textContent = made.name;
  show(done);
  keys.save(made, made.name, made.type);
}));

// put chooses a file in a field.
function put(input, ...files) {
  const chosen = new DataTransfer();
  for (const f of files) chosen.items.add(f);
  input.files = chosen.files;
}

// offerCheck fills the form that leads to the page for checking.
function offerCheck() {
  const check = $("#check"), within = wanted.form === "pades", both = within ? [made] : [file, made];
  put(check.elements.document, both[0]);
  put(check.elements.signature, ...both.slice(1));
  check.hidden = both.some((f) => f.size > Number(check.dataset.most));
  $("#check-elsewhere").hidden = !check.hidden;
}

for (const button of document.querySelectorAll("[data-again]")) button.addEventListener("click", () => show(form));
done.querySelector("[data-save]").addEventListener("click", () => keys.save(made, made.name, made.type));
form.elements.file.addEventListener("change", () => offer());
form.addEventListener("change", showCommand);

for (const radio of form.querySelectorAll("[name=serial]")) {
  radio.disabled = !usable.has(radio.value);
  document.getElementById(radio.getAttribute("aria-describedby")).textContent =
    radio.dataset[radio.disabled ? "elsewhere" : usable.get(radio.value).held ? "held" : "here"];
}
const first = form.querySelector("[name=serial]:enabled");
if (first) first.checked = true;
form.hidden = !first;
$("#no-key").hidden = Boolean(first);
$("#elsewhere").open = !first;
await offer();
document.querySelector("main").dataset.ready = "";
