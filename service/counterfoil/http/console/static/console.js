// Enhancement only: every page says the same without it. No request leaves but a plain reload.
"use strict";

const bytes = (text) => new TextEncoder().encode(text);
const hex = (data) => [...data].map((b) => b.toString(16).padStart(2, "0")).join("");
const same = (one, two) => one.length === two.length && one.every((b, i) => b === two[i]);
const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const sha256 = async (data) => new Uint8Array(await crypto.subtle.digest("SHA-256", data));
const node = (left, right) => sha256(joined([1], left, right)); // RFC 9162 §2.1.1

function must(holds, what) {
  if (!holds) throw new Error(what);
}

function unbase64(text) {
  const data = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  must(btoa(String.fromCharCode(...data)) === text, "base64 in a second spelling");
  return data;
}

// RFC 9162 §2.1.3.2; sizes stay below 2^53, so no bit operators.
async function rootOf(hashed, index, size, path) {
  must(index < size, "the place is outside the log");
  let [at, last, root] = [index, size - 1, hashed];
  for (const step of path) {
    must(last > 0, "the path is too long");
    if (at % 2 === 1 || at === last) {
      root = await node(step, root);
      while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else root = await node(root, step);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  must(last === 0, "the path is too short");
  return root;
}

async function verified(leaf, proof, verifierKey) {
  const [prefix, , encoded] = verifierKey.trim().split("+");
  const typed = unbase64(verifierKey.trim().split("+").slice(2).join("+"));
  must(encoded && typed.length === 33 && typed[0] === 1, "the key is no Ed25519 verifier key");
  const head = proof.slice(0, proof.indexOf("\n\n"));
  const note = proof.slice(proof.indexOf("\n\n") + 2);
  const [format, place, ...steps] = head.split("\n");
  must(format === "c2sp.org/tlog-proof@v1" && /^index \d{1,15}$/.test(place), "no tlog-proof");
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const [origin, size, rootText] = text.split("\n");
  must(origin.startsWith(prefix + "/log/"), "the checkpoint is of another ledger than the key");
  must(JSON.parse(leaf).origin === origin, "the record belongs to another log");
  const id = (await sha256(joined(bytes(origin + "\n"), typed))).slice(0, 4);
  const signatures = note.slice(end + 2).trim().split("\n").map((line) => line.split(" "));
  const ours = signatures.filter(([dash, name, data]) =>
    dash === "\u2014" && name === origin && same(unbase64(data).slice(0, 4), id));
  must(ours.length > 0, "no signature of this key");
  const key = await crypto.subtle.importKey("raw", typed.slice(1), "Ed25519", false, ["verify"]);
  for (const [, , data] of ours)
    must(await crypto.subtle.verify("Ed25519", key, unbase64(data).slice(4), bytes(text)),
      "the checkpoint's signature is not valid");
  const hashed = await sha256(joined([0], bytes(leaf)));
  const root = await rootOf(hashed, Number(place.slice(6)), Number(size), steps.map(unbase64));
  must(same(root, unbase64(rootText)), "the path does not lead to the signed root");
  return `it holds: record ${place.slice(6)} of ${size}, under key ${hex(id)}.`;
}

async function verify() {
  const verdict = document.getElementById("verdict");
  const said = (id) => document.getElementById(id).textContent;
  try {
    const key = document.getElementById("vkey").value;
    verdict.textContent = await verified(said("leaf"), said("tlog-proof"), key);
    verdict.className = "ok";
  } catch (error) {
    verdict.textContent = `it does not hold: ${error.message || error.name}.`;
    verdict.className = "failed";
  }
}

if (document.getElementById("vkey")) {
  verify();
  document.getElementById("vkey").addEventListener("input", verify);
}

const fresh = document.getElementById("keep-fresh");
if (fresh) {
  fresh.closest("[hidden]").hidden = false;
  fresh.checked = sessionStorage.getItem("keep-fresh") === "yes";
  fresh.addEventListener("change", () =>
    sessionStorage.setItem("keep-fresh", fresh.checked ? "yes" : "no"));
  setInterval(() => {
    if (fresh.checked && document.visibilityState === "visible") location.reload();
  }, 10000);
}
