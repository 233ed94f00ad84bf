// What is known of one address and what it is known from, as a person reads it; what bounces came to.

import { ask, attempt, count, day, escaped, h, part, percent, put, say } from "./common.js";

const line = (name, ...value) => value.some((piece) => piece != null && piece !== "") && [h("dt", null, name), h("dd", null, ...value)];
const words = (reason) => say(`reason.${reason}`) || reason;
const flags = (names) => names.map((name) => say(`flag.${name}`) || name).join(", ");
// A verdict in the colour of the list to which it leads.
const LISTS = { deliverable: "verified", risky: "review", unknown: "review", undeliverable: "rejected" };
export const verdict = (name) => h("span", { class: `badge ${LISTS[name]}` }, say(`evidence.${name}`));
const host = (name) => h("code", null, h("bdi", null, name));
const quoted = (reply) => h("blockquote", { class: "reply", lang: "en" }, h("bdi", null, reply));

// One thing that was learned: by whom it was asked, when, the words of the host, how they were read.
function learned(fact) {
  const where = fact.exchange;
  const reading = fact.reading ?? fact;
  const from = fact.kind === "asked" ? [h("b", null, say("evidence.whom")), " ", say(fact.whom === "decoy" ? "evidence.decoy" : "evidence.subject")]
    : fact.kind === "withheld" ? h("b", null, say("evidence.withheld"))
    : [h("b", null, say("evidence.known")), " ", say(`evidence.${fact.kind}`)];
  const reply = where?.reply || fact.reply;
  return h("li", null,
    h("p", null, from, where?.host && [" · ", say("evidence.host"), " ", host(where.host)],
      where && say(`stage.${where.stage}`) && [" · ", say(`stage.${where.stage}`)]),
    reply && h("p", { class: "note" }, say("evidence.reply")), reply && quoted(reply),
    fact.detail && fact.detail !== reply && h("p", null, fact.detail),
    h("p", { class: "note" }, fact.at && [h("time", { datetime: fact.at }, day(fact.at)), " · "],
      reading.reason && words(reading.reason), reading.reason && reading.permanent != null && [" (", say(reading.permanent ? "evidence.permanent" : "evidence.temporary"), ")"],
      reading.rule && [" · ", say("evidence.rule"), " ", h("code", null, reading.rule)]));
}

// What is known of an address from before: that nobody was asked now is no part of it.
export const remembered = (told) => known({ ...told, evidence: told.evidence?.filter((fact) => fact.kind !== "withheld") });

// The whole of what is known of an address.
export function known(told) {
  const cells = Array.isArray(told.cells) ? told.cells : Object.entries(told.cells ?? {});
  return [
    h("dl", { class: "facts" },
      line(say("evidence.verdict"), told.verdict && verdict(told.verdict)),
      line(say("evidence.goes"), told.disposition && say(`list.${told.disposition}`)),
      line(say("evidence.reason"), words(told.reason)),
      line(say("evidence.chance"), told.bounce == null ? "" : percent(told.bounce)),
      line(say("evidence.suggestion"), told.suggestion && h("code", null, told.suggestion)),
      line(say("evidence.provider"), told.provider),
      line(say("evidence.flags"), flags(told.flags ?? [])),
      line(say("evidence.read_as"), told.input && h("bdi", null, told.input)),
      line(say("evidence.reply"), told.reply && quoted(told.reply)),
      line(say("evidence.checked"), told.checked_at && day(told.checked_at))),
    told.evidence?.length > 0 && [h("h3", null, say("evidence.known_from")), h("ol", { class: "learned" }, told.evidence.map(learned))],
    cells.length > 0 && [h("h3", null, say("evidence.row")), h("dl", { class: "facts" }, cells.map(([name, text]) => line(h("bdi", null, name), h("bdi", null, text))))],
  ];
}

// Shows what is known of a row, over the page; the focus comes back to where it was.
// With `again`, it may be asked about again.
export function open(title, inside, again) {
  const button = part("evidence-again");
  button.hidden = !again;
  button.onclick = () => { part("evidence").close(); again(); };
  put(part("evidence-title"), h("bdi", null, title));
  put(part("evidence-body"), inside);
  part("evidence").showModal();
  part("evidence").scrollTop = 0;
  part("evidence-title").focus();
}

// What a sender should do about a reason: in the page's language where that has words for it, else as it was told. What is
// told names records and lists by their names, so it stands beside.
export function advice(reason, told) {
  const own = say(`advice.${reason}`);
  return [own && h("p", null, own), told.map((text) => h("p", { class: own ? "note" : null, lang: "en" }, text))];
}

// What the table says of a row.
export const why = (row) => words(row.reason);

// What really came of sending, beside what was projected.
export const beside = (total, projected) => [
  h("b", { class: "big" }, percent(total.rate)), " ", say("list.real"), " (", say("list.of_sent", { n: total.bounced, sent: total.rows }), ")",
  projected && [" · ", h("b", null, percent(projected.rate)), " ", say("list.projected"), " (", say("list.interval", { low: percent(projected.low), high: percent(projected.high) }), ")"]];

// Takes files of bounces, one after the other, and tells what each came to: beside what `list` had projected, if one is named.
export async function learn(files, place, list) {
  const wait = h("p", { class: "note" }, say("base.loading"));
  place.prepend(wait);
  await attempt(null, async () => {
    for (const file of files) {
      const form = new FormData();
      form.append("file", file);
      const response = await ask("POST", `v1/bounces${list ? `?list=${escaped(list)}` : ""}`, form);
      wait.after(came(file.name, response));
    }
  });
  wait.remove();
}

function came(name, answer) {
  const { summary, list: run } = answer;
  const read = Object.values(summary?.counts ?? {}).reduce((sum, n) => sum + n, 0);
  const number = (n, what, kind) => h("div", { class: kind }, h("b", null, count(n)), h("span", null, what));
  const addresses = summary?.addresses ?? {};
  return h("div", { class: "card came" },
    h("h3", null, h("bdi", null, name)),
    h("p", null, say("tools.bounces_read", { n: read })),
    h("div", { class: "numbers three" },
      number(addresses.hard ?? 0, say("tools.bounces_bad"), "rejected"),
      number(addresses.sender ?? 0, say("tools.bounces_sender"), "review"),
      number(addresses.complaints ?? 0, say("tools.bounces_complaints"), "review")),
    run && h("p", null, beside(run.total, run.projected)),
    summary?.reasons?.length > 0 && h("ul", { class: "plain" }, summary.reasons.map((reason) => h("li", null, h("b", null, count(reason.count)), " · ", words(reason.reason), reason.example && quoted(reason.example), reason.fault === "sender" && advice(reason.reason, reason.sender_action)))),
    answer.suppressed > 0 && h("p", null, say("tools.bounces_suppressed", { n: answer.suppressed })),
    answer.misread?.map((words) => h("p", { class: "careful", lang: "en" }, words)));
}
