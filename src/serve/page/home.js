// The first page: a list is dropped, lists are seen.

import { announce, ask, attempt, complain, count, day, dropped, escaped, h, part, percent, say, signIn, sure, tame, trouble, write } from "./common.js";

// Sends a list as it is, and comes to its id; nothing is asked before its owner has seen it.
function send(file) {
  const name = tame(file.name);
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", `v1/lists?then=nothing&name=${escaped(file.name)}`);
    request.upload.addEventListener("progress", (event) => {
      const share = event.lengthComputable && event.total ? event.loaded / event.total : 0;
      part("sending-bar").value = share;
      write("sending-text", share < 1 ? say("home.sending", { name, share: percent(share) }) : say("home.sent"));
    });
    request.addEventListener("error", () => failed(new TypeError()));
    request.addEventListener("load", () => {
      if (request.status === 401) signIn().then(() => send(file)).then(done, failed);
      else if (request.status === 201 || request.status === 200) done(JSON.parse(request.responseText).id);
      else failed(trouble(request.status, request.responseText));
    });
    write("sending-text", say("home.sending", { name, share: percent(0) }));
    request.send(file);
  });
}

// One list is looked at at once; several stand among the others.
async function take(files) {
  write("trouble", "");
  part("sending").hidden = false;
  try {
    const ids = [];
    for (const file of files) ids.push(await send(file));
    if (ids.length === 1) location.href = `list?id=${escaped(ids[0])}`;
    else await look();
  } catch (error) {
    complain(error);
  }
  part("sending").hidden = true;
}

dropped(part("drop"), part("file"), take, true);

function stateOf(view) {
  if (view.state === "paused" && !view.result) return view.estimate ? "estimated" : "new";
  return view.state;
}

const shown = new Map();
let after = null;

function row(view) {
  const state = stateOf(view);
  const lists = view.progress?.lists ?? view.result?.lists;
  const cell = (n) => h("td", { class: "n wide" }, n == null ? "" : count(n));
  const rows = view.progress?.rows ?? view.result?.rows ?? view.estimate?.rows;
  return h("tr", null,
    h("th", { scope: "row" }, h("a", { href: `list?id=${escaped(view.id)}` }, h("bdi", null, view.name))),
    h("td", null, h("span", { class: `badge ${state}` }, say(`state.${state}`)), view.waits_for && h("span", { class: "note block" }, say("list.waits_for"), " ", h("bdi", null, view.waits_for.name))),
    h("td", { class: "n wide" }, rows == null ? "" : count(rows)),
    cell(lists?.verified), cell(lists?.review), cell(lists?.rejected),
    h("td", { class: "wide" }, day(view.made)),
    h("td", { class: "n" }, h("button", { type: "button", class: "link", "aria-label": say("home.delete_of", { name: view.name }), onclick: (event) => remove(event.currentTarget, view) }, say("home.delete"))));
}

async function remove(button, view) {
  const name = tame(view.name);
  const said = await sure(say("home.delete_ask", { name }), say("home.delete_what"), say("home.delete"), say("home.delete_people"));
  if (!said) return;
  await attempt(button, async () => {
    await ask("DELETE", `v1/lists/${escaped(view.id)}${said.choice ? "?forget=true" : ""}`);
    announce(say("home.deleted", { name }));
    await look();
    part("lists-title").scrollIntoView({ block: "nearest" });
  });
}

// Shows the lists there are; rows that did not change stay, with the focus that may be in them.
function show(lists, isMore) {
  const body = part("lists-body");
  const told = new Map(lists.map((view) => [view.id, JSON.stringify(view)]));
  if (!isMore) {
    for (const [id, known] of shown) {
      if (!told.has(id) && !known.isOlder) { known.row.remove(); shown.delete(id); }
    }
  }
  lists.forEach((view, place) => {
    const known = shown.get(view.id);
    if (known?.told === told.get(view.id)) return;
    const made = row(view);
    if (known) known.row.replaceWith(made);
    else if (isMore) body.append(made);
    else body.insertBefore(made, body.children[place] ?? null);
    shown.set(view.id, { told: told.get(view.id), row: made, isOlder: isMore });
  });
  part("lists").hidden = shown.size === 0;
  part("none").hidden = shown.size !== 0;
}

async function look() {
  const { lists, next } = await ask("GET", "v1/lists?limit=50");
  part("lost").hidden = true;
  if (after === null) { after = next; part("more").hidden = !next; }
  show(lists, false);
  return lists.some((view) => view.state === "running" || view.state === "queued");
}

part("more").addEventListener("click", (event) => attempt(event.currentTarget, async () => {
  const { lists, next } = await ask("GET", `v1/lists?limit=50&after=${escaped(after)}`);
  show(lists, true);
  after = next;
  part("more").hidden = !next;
}));

async function watch() {
  let isBusy = false;
  try {
    if (!document.hidden) isBusy = await look();
  } catch (error) {
    if (error instanceof TypeError) part("lost").hidden = false;
    else complain(error);
  }
  setTimeout(watch, isBusy ? 2000 : 10000);
}
watch();
