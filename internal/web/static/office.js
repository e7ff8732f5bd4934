// The page of an operator's own key: made in this browser, certified by who
// grants roles, kept here with its certificate.

import * as keys from "./keys.js";

const box = document.querySelector("#office"), $ = (s) => box.querySelector(s);

function tell(text) {
  $("[data-told]").textContent = text;
  $("[data-told]").hidden = false;
}

async function list() {
  const all = await keys.certified();
  $("[data-list]").replaceChildren(...all.map((key) => {
    const item = document.createElement("li"), name = document.createElement("bdi");
    name.dir = "ltr";
    name.className = "code";
    name.textContent = keys.serial(key);
    item.append(name, ` – ${keys.ends(key).toLocaleDateString(document.documentElement.lang, { dateStyle: "medium" })}`);
    return item;
  }));
  $("[data-none]").hidden = all.length > 0;
}

$("[data-make]").addEventListener("click", async () => {
  try {
    const { key } = await keys.make(false);
    $("#csr").value = keys.pem("CERTIFICATE REQUEST", await keys.request(key));
    $("[data-request]").hidden = false;
    $("#csr").select();
  } catch {
    tell(box.dataset.failed);
  }
});

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const kept = await keys.certify($("#certificate").value).catch(() => false);
  tell(kept ? box.dataset.kept : box.dataset.failed);
  await list();
});

box.hidden = false;
await list();
