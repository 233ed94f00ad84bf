// What every page needs: texts, elements, requests, signing in.

export const texts = JSON.parse(document.getElementById("texts").textContent);
const language = document.documentElement.lang;
const plural = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);
const days = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const clocks = new Intl.DateTimeFormat(language, { timeStyle: "short" });

export const part = (id) => document.getElementById(id);
export const count = (n) => numbers.format(n);
export const day = (time) => days.format(new Date(time));
export const clock = (time) => clocks.format(new Date(time));

// A text of the table, its values filled in; of a text that counts, the form for `n`.
export function say(path, values = {}) {
  let text = path.split(".").reduce((at, name) => at?.[name], texts);
  if (text && typeof text === "object") text = text[plural.select(values.n)] ?? text.other;
  if (text === undefined) return "";
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? count(value) : value ?? "";
  });
}

// What comes from outside, without what a terminal or a line's direction obeys; the rest is text wherever it is put.
export const tame = (text) => String(text ?? "")
  .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "\ufffd");

// A share as people say it: two digits, never more than is known.
export function percent(share) {
  if (share > 0 && share < 0.001) return `< ${new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(0.001)}`;
  const places = share < 0.0995 ? 1 : 0;
  return new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: places, maximumFractionDigits: places }).format(share);
}

// A span of time in its largest unit that says enough.
export function span(seconds) {
  for (const [unit, length] of [["days", 86400], ["hours", 3600], ["minutes", 60]]) {
    if (seconds >= 1.5 * length) return say(`span.${unit}`, { n: Math.round(seconds / length) });
  }
  return say("span.seconds", { n: Math.max(0, Math.round(seconds)) });
}

// An element: attributes, handlers as `onclick`, then what is in it. Texts become text, never markup.
export function h(tag, attributes, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...inside.flat(Infinity).filter((piece) => piece != null && piece !== false).map((piece) => piece instanceof Node ? piece : tame(piece)));
  return element;
}

export const put = (element, ...inside) => element.replaceChildren(...h("p", null, ...inside).childNodes);

// Writes a text where it differs, so that screen readers hear what is new only.
export function write(id, text) {
  const element = part(id);
  const tamed = tame(text);
  if (element.textContent !== tamed) element.textContent = tamed;
  element.hidden = tamed === "";
}

// Says something to those who listen to the page.
export function announce(text) {
  part("said").textContent = "";
  setTimeout(() => { part("said").textContent = tame(text); }, 50);
}

export const escaped = encodeURIComponent;

// What a request was answered that could not be done: what it is in the page's language, then what the server says of it.
class Trouble extends Error {
  constructor(status, problem) {
    const kind = (problem?.type ?? "").split(":").pop();
    super(say(`problem.${kind}`) || say("base.failed"));
    Object.assign(this, { status, kind, detail: problem?.detail ?? "" });
  }
}

// Asks the interface; a body that is neither a file nor a form goes as JSON. Who is not signed in is asked to, then it is asked again.
export async function ask(method, path, body, headers = {}, signal) {
  const isPlain = body !== undefined && !(body instanceof Blob || body instanceof FormData);
  const response = await fetch(path, {
    method, signal, credentials: "same-origin",
    headers: isPlain ? { "Content-Type": "application/json", ...headers } : headers,
    body: isPlain ? JSON.stringify(body) : body,
  });
  if (response.status === 401 && path !== "v1/session") {
    await signIn();
    return ask(method, path, body, headers, signal);
  }
  const text = await response.text();
  let told = null;
  try { told = text ? JSON.parse(text) : null; } catch { /* no JSON: a proxy's own page */ }
  if (!response.ok) throw new Trouble(response.status, told);
  return told;
}

export const trouble = (status, text) => {
  try { return new Trouble(status, JSON.parse(text)); } catch { return new Trouble(status); }
};

// Shows what went wrong, until something else is tried.
export function complain(error) {
  if (error?.name === "AbortError") return;
  const words = error instanceof Trouble ? error.message : error instanceof TypeError ? say("base.lost") : String(error);
  write("trouble", words);
  if (error.detail) part("trouble").append(" ", h("span", { class: "detail", lang: "en" }, error.detail));
  part("trouble").scrollIntoView({ block: "nearest" });
}

// Does something that a person asked for: its button rests meanwhile and keeps the focus, and what goes wrong is shown.
export async function attempt(button, work) {
  write("trouble", "");
  const isFocused = button && document.activeElement === button;
  if (button) button.disabled = true;
  try {
    return await work();
  } catch (error) {
    complain(error);
  } finally {
    if (button) button.disabled = false;
    if (isFocused && document.activeElement === document.body) button.focus();
  }
}

// Has a person sign in; every request that waits for it goes on then.
let signedIn = null;
export function signIn() {
  if (!signedIn) {
    signedIn = {};
    signedIn.when = new Promise((done) => { signedIn.done = done; });
    part("sign-in").showModal();
  }
  return signedIn.when;
}

part("sign-in").addEventListener("cancel", (event) => event.preventDefault());
part("sign-in").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = part("token");
  try {
    await ask("POST", "v1/session", { token: token.value.trim() });
  } catch (error) {
    write("token-wrong", error.status === 401 || error.status === 403 ? say("base.token_wrong") : error.message);
    return token.select();
  }
  token.value = "";
  write("token-wrong", "");
  part("sign-out").hidden = false;
  part("sign-in").close();
  signedIn?.done();
  signedIn = null;
});

// Asks a person whether something is to be done; comes to null, or to whether the box was ticked.
export function sure(title, what, yes, choice) {
  const dialog = part("sure");
  write("sure-title", title);
  write("sure-what", what);
  write("sure-yes", yes);
  part("sure-more").hidden = !choice;
  part("sure-choice").checked = false;
  part("sure-choice-text").textContent = choice ?? "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes" ? { choice: part("sure-choice").checked } : null), { once: true });
  });
}

// A place for files: chosen, or dropped anywhere in it (or on the whole page).
export function dropped(place, input, take, everywhere = false) {
  const target = everywhere ? document.documentElement : place;
  target.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    place.classList.add("over");
  });
  target.addEventListener("dragleave", (event) => {
    if (!target.contains(event.relatedTarget)) place.classList.remove("over");
  });
  target.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  });
  input.addEventListener("change", () => {
    if (input.files.length) take([...input.files]);
    input.value = "";
  });
}

// A file dropped beside the place for it would take the page's own place.
for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault());

// The language stays where the page is.
for (const link of document.querySelectorAll("a[hreflang]")) {
  const here = new URL(location.href);
  here.searchParams.set("lang", link.hreflang);
  link.href = here.search;
}

part("sign-out").addEventListener("click", async () => {
  await ask("DELETE", "v1/session").catch(() => {});
  location.reload();
});
fetch("v1/session", { credentials: "same-origin" })
  .then((response) => response.ok ? response.json() : null)
  .then((session) => { part("sign-out").hidden = !(session?.needs_token && session.scope); })
  .catch(() => {});
