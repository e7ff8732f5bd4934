// Keys that live in this browser, and what is made with them: certification
// requests, signatures, key files. One file, so that a page asks for one.
//
// Keys are P-256, hashes SHA-256, by WebCrypto. What is kept, in IndexedDB, is
// a handle: it signs and gives its key to nobody, not to a script of this site
// either.

const subtle = crypto.subtle, text = new TextEncoder();

// DER (ITU-T X.690): what is needed below, and no more. A value is a Uint8Array.

/** bytes joins arrays of octets and single octets. */
function bytes(...parts) {
  const list = parts.map((p) => (typeof p === "number" ? [p] : p));
  const out = new Uint8Array(list.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of list) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

function base256(n) {
  const out = [];
  do {
    out.unshift(n % 256);
    n = Math.floor(n / 256);
  } while (n > 0);
  return out;
}

/** value is a tag, a length and the contents. */
function value(tag, ...contents) {
  const body = bytes(...contents);
  if (body.length < 128) return bytes(tag, body.length, body);
  const length = base256(body.length);
  return bytes(tag, 0x80 | length.length, length, body);
}

const sequence = (...parts) => value(0x30, ...parts);
const explicit = (n, ...parts) => value(0xa0 | n, ...parts);
const implicit = (n, ...parts) => value(0x80 | n, ...parts);
const octets = (b) => value(0x04, b);
const bits = (b) => value(0x03, 0, b);
const nothing = () => value(0x05);

/** setOf sorts its elements, as DER asks (X.690, 11.6). */
function setOf(...parts) {
  return value(0x31, ...parts.sort((a, b) => {
    for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
    return a.length - b.length;
  }));
}

/** integer is of a small number, or of big-endian octets; never negative. */
function integer(n) {
  let b = typeof n === "number" ? Uint8Array.from(base256(n)) : n;
  let zeros = 0;
  while (zeros < b.length - 1 && b[zeros] === 0) zeros++;
  b = b.slice(zeros);
  return value(0x02, ...(b[0] > 127 ? [0, b] : [b]));
}

/** identifier is an object identifier: "1.2.840.10045.2.1". */
function identifier(dotted) {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  const out = [first * 40 + second];
  for (let arc of rest) {
    const group = [arc % 128];
    while (arc > 127) {
      arc = Math.floor(arc / 128);
      group.unshift(128 | (arc % 128));
    }
    out.push(...group);
  }
  return value(0x06, out);
}

/** instant is UTCTime through 2049, then GeneralizedTime (RFC 5652, 11.3). */
function instant(date) {
  const digits = date.toISOString().slice(0, 19).replace(/[-:T]/g, "");
  const utc = date.getUTCFullYear() < 2050;
  return value(utc ? 0x17 : 0x18, text.encode((utc ? digits.slice(2) : digits) + "Z"));
}

/** bmp is a BMPString. */
function bmp(s) {
  const out = [];
  for (let i = 0; i < s.length; i++) out.push(s.charCodeAt(i) >> 8, s.charCodeAt(i) & 255);
  return value(0x1e, out);
}

/** read returns the value at the beginning of b: its tag, contents, and itself. */
function read(b) {
  let length = b[1], head = 2;
  if (length > 127) {
    const n = length & 127;
    if (n === 0 || n > 4) throw new Error("DER length");
    length = 0;
    for (let i = 0; i < n; i++) length = length * 256 + b[2 + i];
    head += n;
  }
  if (head + length > b.length) throw new Error("DER is cut off");
  return { tag: b[0], contents: b.subarray(head, head + length), whole: b.subarray(0, head + length) };
}

/** children are the values inside a constructed one. */
function children(b) {
  const out = [];
  for (let rest = read(b).contents; rest.length > 0; rest = rest.subarray(out.at(-1).whole.length)) out.push(read(rest));
  return out;
}

export const base64 = (b) => btoa(Array.from(b, (o) => String.fromCharCode(o)).join(""));
const base64url = (b) => base64(b).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
export const fromBase64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
export const hex = (b) => Array.from(b, (o) => o.toString(16).padStart(2, "0")).join("");

/** pem wraps DER for files and forms. */
export function pem(label, b) {
  return `-----BEGIN ${label}-----\n${base64(b).replace(/(.{64})(?=.)/g, "$1\n")}\n-----END ${label}-----\n`;
}

/** fromPEM returns the DER of every block in a text. */
export function fromPEM(s) {
  return Array.from(s.matchAll(/-----BEGIN [^-]+-----([^-]+)-----END/g), (m) => fromBase64(m[1].replace(/\s/g, "")));
}

// Requests, signatures and key files.

const ECDSA = { name: "ECDSA", hash: "SHA-256" };

const oid = {
  data: "1.2.840.113549.1.7.1", signedData: "1.2.840.113549.1.7.2", encryptedData: "1.2.840.113549.1.7.6",
  contentType: "1.2.840.113549.1.9.3", messageDigest: "1.2.840.113549.1.9.4", signingTime: "1.2.840.113549.1.9.5",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
  sha256: "2.16.840.1.101.3.4.2.1", ecdsaSHA256: "1.2.840.10045.4.3.2",
  pbes2: "1.2.840.113549.1.5.13", pbkdf2: "1.2.840.113549.1.5.12", hmacSHA256: "1.2.840.113549.2.9", aes256CBC: "2.16.840.1.101.3.4.1.42",
  keyBag: "1.2.840.113549.1.12.10.1.2", certBag: "1.2.840.113549.1.12.10.1.3", x509: "1.2.840.113549.1.9.22.1",
  friendlyName: "1.2.840.113549.1.9.20", localKeyID: "1.2.840.113549.1.9.21",
};
const named = (id) => identifier(oid[id]);
const algorithm = (id, ...parameters) => sequence(named(id), ...parameters);

export const sha256 = async (b) => new Uint8Array(await subtle.digest("SHA-256", b));

/** spki is the SubjectPublicKeyInfo of a public key; of one that is held elsewhere it is all there is. */
export const spki = async (publicKey) => (publicKey instanceof Uint8Array ? publicKey : new Uint8Array(await subtle.exportKey("spki", publicKey)));

// WebCrypto gives R || S (IEEE P1363), as a JWS has it; X.509 and CMS have an
// Ecdsa-Sig-Value, and so has a key that is held elsewhere: an object that signs,
// told what for ("request", "document", "statement").
async function signPair(key, b, purpose) {
  if (!key.sign) return new Uint8Array(await subtle.sign(ECDSA, key, b));
  const out = new Uint8Array(64);
  children(await key.sign(b, purpose)).forEach(({ contents }, i) => {
    const n = contents.subarray(contents[0] === 0 ? 1 : 0);
    out.set(n, 32 * i + 32 - n.length);
  });
  return out;
}

/** signDER is an Ecdsa-Sig-Value over b by a key of this browser, or one that is held. */
export async function signDER(key, b, purpose) {
  if (key.sign) return key.sign(b, purpose);
  const pair = await signPair(key, b);
  return sequence(integer(pair.slice(0, 32)), integer(pair.slice(32)));
}

/**
 * request is a PKCS #10 (RFC 2986) with an empty subject: names come from what
 * was proven, and the service reads nothing but the key.
 */
export async function request({ publicKey, privateKey }) {
  const info = sequence(integer(0), sequence(), await spki(publicKey), explicit(0));
  return sequence(info, algorithm("ecdsaSHA256"), bits(await signDER(privateKey, info, "request")));
}

/** issuerAndSerial are the DER of both, out of a certificate. */
function issuerAndSerial(certificate) {
  const fields = children(children(certificate)[0].whole);
  const serial = fields[0].tag === 0xa0 ? 1 : 0; // after the version
  return [fields[serial + 2].whole, fields[serial].whole];
}

/**
 * cms is a CMS SignedData (RFC 5652) in the CAdES baseline profile: signed
 * attributes with the signer's certificate (RFC 5035), the chain inside, the
 * content beside it.
 */
export async function cms(privateKey, chain, content, purpose = "document", at = new Date()) {
  const attribute = (id, v) => sequence(named(id), setOf(v));
  const attributes = setOf(
    attribute("contentType", named("data")),
    attribute("messageDigest", octets(await sha256(content))),
    attribute("signingTime", instant(at)),
    attribute("signingCertificateV2", sequence(sequence(sequence(octets(await sha256(chain[0])))))),
  );
  const signer = sequence(
    integer(1), sequence(...issuerAndSerial(chain[0])), algorithm("sha256"),
    explicit(0, read(attributes).contents), // the same octets under another tag
    algorithm("ecdsaSHA256"), octets(await signDER(privateKey, attributes, purpose)),
  );
  const certificates = explicit(0, read(setOf(...chain)).contents);
  return sequence(named("signedData"), explicit(0, sequence(
    integer(1), setOf(algorithm("sha256")), sequence(named("data")), certificates, setOf(signer),
  )));
}

/** jws is a compact JWS (RFC 7515) with the chain and the time in its hea */
export async function jws(privateKey, chain, typ, payload, at = new Date()) {
  const header = { alg: "ES256", typ, iat: Math.floor(at / 1000), x5c: chain.map(base64) };
  const input = [JSON.stringify(header), JSON.stringify(payload)].map((s) => base64url(text.encode(s))).join(".");
  return `${input}.${base64url(await signPair(privateKey, text.encode(input), "statement"))}`;
}

// pbes2 encrypts under a passphrase (RFC 8018): PBKDF2 and AES-256-CBC.
async function pbes2(passphrase, plain, iterations) {
  const salt = crypto.getRandomValues(new Uint8Array(16)), iv = crypto.getRandomValues(new Uint8Array(16));
  const from = await subtle.importKey("raw", text.encode(passphrase), "PBKDF2", false, ["deriveKey"]);
  const key = await subtle.deriveKey({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, from, { name: "AES-CBC", length: 256 }, false, ["encrypt"]);
  const kdf = algorithm("pbkdf2", sequence(octets(salt), integer(iterations), algorithm("hmacSHA256", nothing())));
  return {
    algorithm: algorithm("pbes2", sequence(kdf, algorithm("aes256CBC", octets(iv)))),
    encrypted: new Uint8Array(await subtle.encrypt({ name: "AES-CBC", iv }, key, plain)),
  };
}

// macKey derives a key of one block from a passphrase (RFC 7292, appendix B.2, ID 3).
async function macKey(passphrase, salt, iterations) {
  const block = 64;
  const repeated = (b) => Uint8Array.from({ length: Math.ceil(b.length / block) * block }, (_, i) => b[i % b.length]);
  let a = bytes(new Uint8Array(block).fill(3), repeated(salt), repeated(bytes(read(bmp(passphrase)).contents, 0, 0)));
  for (let i = 0; i < iterations; i++) a = await sha256(a);
  return a;
}

/**
 * keyFile is a PKCS #12 (RFC 7292) with a private key (PKCS #8) and its chain,
 * which may be empty, under a passphrase.
 */
export async function keyFile(pkcs8, chain, passphrase, label, iterations = 600000) {
  const id = await sha256(chain[0] ?? pkcs8.slice(-65)); // joins key and certificate, and tells nothing of the key
  const attributes = setOf(
    sequence(named("friendlyName"), setOf(bmp(label))), sequence(named("localKeyID"), setOf(octets(id))),
  );
  const key = await pbes2(passphrase, pkcs8, iterations);
  const contents = [sequence(named("data"), explicit(0, octets(sequence(
    sequence(named("keyBag"), explicit(0, sequence(key.algorithm, octets(key.encrypted))), attributes),
  ))))];
  if (chain.length > 0) {
    const bags = chain.map((c, i) => sequence(named("certBag"),
      explicit(0, sequence(named("x509"), explicit(0, octets(c)))), ...(i === 0 ? [attributes] : [])));
    const certificates = await pbes2(passphrase, sequence(...bags), iterations);
    contents.push(sequence(named("encryptedData"), explicit(0, sequence(integer(0),
      sequence(named("data"), certificates.algorithm, implicit(0, certificates.encrypted))))));
  }
  const safe = sequence(...contents), salt = crypto.getRandomValues(new Uint8Array(16)), rounds = 10000;
  const mac = await subtle.importKey("raw", await macKey(passphrase, salt, rounds), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const digest = new Uint8Array(await subtle.sign("HMAC", mac, safe));
  return sequence(integer(3), sequence(named("data"), explicit(0, octets(safe))),
    sequence(sequence(algorithm("sha256", nothing()), octets(digest)), octets(salt), integer(rounds)));
}

// The keys of this browser.

const P256 = { name: "ECDSA", namedCurve: "P-256" };

function open() {
  return new Promise((done, fail) => {
    const r = indexedDB.open("mohr", 1);
    r.onupgradeneeded = () => r.result.createObjectStore("keys", { keyPath: "id" });
    r.onsuccess = () => done(r.result);
    r.onerror = () => fail(r.error);
  });
}

// within runs one request in a transaction of its own, durable when it returns.
async function within(mode, run) {
  const db = await open();
  try {
    return await new Promise((done, fail) => {
      const tx = db.transaction("keys", mode, { durability: "strict" });
      const r = run(tx.objectStore("keys"));
      tx.oncomplete = () => done(r.result);
      tx.onabort = tx.onerror = () => fail(tx.error);
    });
  } finally {
    db.close();
  }
}

/** all are the keys of this browser: {id, publicKey, privateKey, chain, created, saved}. */
export const all = () => within("readonly", (s) => s.getAll());

/** certified are those with a certificate. */
export const certified = async () => (await all()).filter((k) => k.chain.length > 0);

/** find returns the key with the id, the hex SHA-256 of its SubjectPublicKeyInfo. */
export const find = (id) => within("readonly", (s) => s.get(id));

/** put keeps a key. */
export const put = (key) => within("readwrite", (s) => s.put(key));

/** remove takes a key away for good. */
export const remove = (id) => within("readwrite", (s) => s.delete(id));

/**
 * make makes a key and keeps it. Where a backup is wanted, and only then, its
 * octets are seen once: they are given to the caller, who clears them.
 */
export async function make(backup) {
  const pair = await crypto.subtle.generateKey(P256, backup, ["sign", "verify"]);
  let secret = null, privateKey = pair.privateKey;
  if (backup) {
    secret = new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey));
    privateKey = await crypto.subtle.importKey("pkcs8", secret, P256, false, ["sign"]);
  }
  const id = hex(await sha256(await spki(pair.publicKey)));
  const key = { id, publicKey: pair.publicKey, privateKey, chain: [], created: new Date(), saved: backup };
  await put(key);
  // Browsers may throw away what was not used for a while, unless asked not to.
  await navigator.storage?.persist?.().catch(() => false);
  return { key, secret };
}

/** certify keeps the chain (PEM) with the key it is for; false if there is none here. */
export async function certify(pem) {
  const chain = fromPEM(pem);
  if (chain.length === 0) return false;
  const fields = children(children(chain[0])[0].whole);
  const key = await find(hex(await sha256(fields[fields[0].tag === 0xa0 ? 6 : 5].whole)));
  if (!key) return false;
  await put({ ...key, chain });
  return true;
}

/** serial of a key's certificate, hex, as the service writes it. */
export function serial(key) {
  const fields = children(children(key.chain[0])[0].whole);
  return hex(fields[fields[0].tag === 0xa0 ? 1 : 0].contents).replace(/^0+/, "");
}

/** ends returns when a key's certificate ends. */
export function ends(key) {
  const fields = children(children(key.chain[0])[0].whole);
  const validity = children(fields[fields[0].tag === 0xa0 ? 4 : 3].whole)[1];
  const s = String.fromCharCode(...validity.contents), digits = validity.tag === 0x17 ? (s < "5" ? "20" : "19") + s : s;
  return new Date(digits.replace(/(....)(..)(..)(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z"));
}

/** claims are what every statement says: whom it is for, by which certificate, when. */
export async function claims(key, challenge) {
  const now = Math.floor(Date.now() / 1000);
  return {
    type: challenge.type, aud: challenge.aud, certificate_sha256: hex(await sha256(key.chain[0])),
    nonce: challenge.nonce, iat: now, exp: now + 300,
  };
}

/** sign returns the statement that a challenge asks for, as a JWS with more in it. */
export async function sign(key, challenge, more = {}) {
  return jws(key.privateKey, key.chain, challenge.type, { ...(await claims(key, challenge)), ...more });
}

/** ask returns what the service answers, as JSON; what it refuses is an error with its words. */
export async function ask(path, init) {
  const res = await fetch(path, { ...init, headers: { Accept: "application/json", ...init?.headers } });
  const body = await res.json();
  if (!res.ok) throw Object.assign(new Error(body.detail), { told: true, status: res.status });
  return body;
}

/** send posts JSON and returns what the service answers. */
export const send = (path, value) => ask(path, { method: "POST", body: JSON.stringify(value), headers: { "Content-Type": "application/json" } });

// Keys that the service holds: the holder's passkey answers for each signature.

// ceremony asks what the passkey has to answer, and sends its answer. Its secret
// (PRF) goes beside it, not in it: the answer is kept.
async function ceremony(path, wanted) {
  const { nonce, options } = await send(`${path}/options`, wanted);
  const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) });
  const secret = credential.getClientExtensionResults().prf?.results?.first;
  const assertion = { ...credential.toJSON(), clientExtensionResults: {} };
  return send(path, { ...wanted, nonce, assertion, ...(secret && { prf: base64(new Uint8Array(secret)) }) });
}

/** makeHeld has a key made; it returns {id, to}: its page. */
export const makeHeld = () => ceremony("/my/keys", {});

/** remote has the held key sign what other software asks for at a page; it returns {to}: where that waits. */
export const remote = (page) => ceremony(page, {});

/** held are the keys that the service holds for who is signed in, like those of all. */
export const held = async () => (await ask("/my/keys.json")).keys.map(({ id, public: publicKey, chain }) => ({
  id, publicKey: fromBase64(publicKey), chain: fromPEM(chain), held: true,
  privateKey: {
    sign: async (b, purpose) => {
      const hashes = [base64(await sha256(b))];
      return fromBase64((await ceremony(`/my/keys/${id}/sign`, { purpose, hashes })).signatures[0]);
    },
  },
}));

/** signers are all keys with a certificate that can sign here: of this browser, and held. */
export const signers = async () => [...await certified().catch(() => []), ...(await held().catch(() => [])).filter((k) => k.chain.length > 0)];

/** save hands a file to the person. */
export function save(content, name, type) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([content], { type }));
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60000);
}
