// Tools: one address, a reply, a domain, bounces, the suppression list, what is remembered.

import { announce, ask, attempt, day, dropped, h, part, put, say, span, sure, tame, write } from "./common.js";
import { advice, known, learn, remembered } from "./evidence.js";

// A form asks, its place shows what came; meanwhile the place says so.
function form(name, wait, work) {
  part(name).addEventListener("submit", (event) => {
    event.preventDefault();
    const place = part(`${name}-told`);
    put(place, h("p", { class: "note" }, wait));
    attempt(event.submitter ?? part(name).querySelector("button"), async () => put(place, await work()))
      .finally(() => { if (place.textContent === wait) put(place); });
  });
}
const loading = say("base.loading");
const values = (id) => part(id).value.trim();

form("check", say("tools.check_wait"), async () => {
  const { results, ask_again_in: again } = await ask("POST", "v1/check", { address: values("check-address") });
  return [
    again && h("p", { class: "notice careful" }, say("tools.check_open", { time: span(again) })),
    results.length === 0 && h("p", null, say("evidence.nothing")),
    results.map((told) => h("div", { class: "card" }, h("h3", null, h("bdi", null, told.address || told.input)), known(told))),
  ];
});

function explained(told) {
  const action = { review: "look" }[told.address_action] ?? told.address_action;
  return h("div", { class: "card" },
    h("h3", null, say(told.readings.length > 1 ? "tools.explain_several" : "tools.explain_means")),
    told.readings.map((reading) => h("p", null, h("b", null, say(`reason.${reading.reason}`) || reading.reason), " (", say(reading.permanent ? "evidence.permanent" : "evidence.temporary"), ")",
      h("span", { class: "note" }, " ", say("tools.blame"), ": ", say(`blame.${reading.blame}`), " · ", say("evidence.rule"), " ", h("code", null, reading.rule)),
      reading.why && h("span", { class: "note block", lang: "en" }, reading.why))),
    h("dl", { class: "facts" },
      [h("dt", null, say("tools.explain_address")), h("dd", null, say(`tools.${action}`) || action)],
      told.rejected_by !== "unknown" && [h("dt", null, say("tools.explain_by")), h("dd", null, say(`by.${told.rejected_by}`))],
      told.sender_action.length > 0 && [h("dt", null, say("tools.explain_sender")), h("dd", null, advice(told.readings[0]?.reason, told.sender_action))],
      told.recipients?.length > 0 && [h("dt", null, say("tools.explain_recipients")), h("dd", null, told.recipients.map((one) => h("p", null, h("bdi", null, one.final ?? one.original ?? "—"), one.diagnostic && h("blockquote", { class: "reply", lang: "en" }, h("bdi", null, one.diagnostic)))))]));
}
form("explain", loading, async () => explained(await ask("POST", "v1/explain", { text: part("explain-text").value })));
const explainFile = ([file]) => attempt(null, async () => put(part("explain-told"), explained(await ask("POST", "v1/explain", file.slice(), { "Content-Type": "message/rfc822" }))));
dropped(part("explain"), part("explain-file"), explainFile);

// What is to be published stands by itself, to be copied.
const RECORD = /\bv=(?:spf1|DMARC1|DKIM1|TLSRPTv1|STSv1)\b.*$/;
function fix(text) {
  const record = RECORD.exec(text)?.[0];
  return h("div", { class: "fix", lang: "en" }, h("b", null, say("tools.publish")), h("p", null, record ? text.slice(0, -record.length) : text),
    record && h("code", { class: "record" }, record),
    record && navigator.clipboard && h("button", { type: "button", onclick: () => navigator.clipboard.writeText(record).then(() => announce(say("tools.copied"))) }, say("tools.copy")));
}

const named = (one) => one.title ?? one.id.replaceAll("_", " ");
const check = (one) => h("div", { class: `check ${one.status === "fail" && one.weight === "advised" ? "advice" : one.status}` },
  h("h4", { lang: "en" }, named(one)), h("p", { lang: "en" }, one.value), h("p", { class: "note", lang: "en" }, one.why), one.fix && fix(one.fix));

form("preflight", loading, async () => {
  const domain = values("preflight-domain");
  const several = (id) => values(id).split(/[\s,;]+/).filter(Boolean);
  const { fit: fitness, checks } = await ask("POST", "v1/preflight", {
    domain, ips: several("preflight-ips"), selectors: several("preflight-selectors"),
    mail_from: values("preflight-from") || null, helo: values("preflight-helo") || null, volume: Number(values("preflight-volume")) || null,
  });
  const some = (title, of) => of.length > 0 && [h("h3", null, say(title)), of.map(check)];
  const those = (status, weight) => checks.filter((one) => one.status === status && (!weight || one.weight === weight));
  const well = those("pass");
  return [
    h("p", { class: `verdict ${{ fit: "fine", not_fit: "stop" }[fitness] ?? "careful"}` }, say(`tools.${fitness}`, { domain: tame(domain) })),
    some("tools.to_mend", those("fail", "required")), some("tools.advised", those("fail", "advised")), some("tools.not_told", those("unknown")),
    well.length > 0 && [h("h3", null, say("tools.well")), h("ul", { class: "plain", lang: "en" }, well.map((one) => h("li", null, h("b", null, named(one)), " ", one.value)))],
  ];
});

dropped(part("bounces-drop"), part("bounces-file"), (files) => learn(files, part("bounces-told")));

// What this server does not offer yet, or not to this token, says so where it would stand.
async function offered(place, work) {
  try {
    return await work();
  } catch (error) {
    if (error.status !== 404 && error.status !== 405) throw error;
    put(place, h("p", { class: "note" }, say("tools.not_here")));
  }
}

async function suppression() {
  const place = part("suppression-told");
  await offered(place, async () => {
    const { entries, count } = await ask("GET", "v1/suppression");
    put(place, h("p", { class: "note" }, count ? say("tools.suppression_count", { n: count }) : say("tools.suppression_none")),
      h("ul", { class: "plain names" }, entries.map(({ email, why }) => h("li", null, h("span", null, h("bdi", null, email), why && h("span", { class: "note" }, " ", say(`reason.${why}`) || say(`tools.why_${why.replaceAll(" ", "_")}`) || why)),
        h("button", { type: "button", class: "link", "aria-label": say("tools.suppression_off", { name: tame(email) }), onclick: (event) => attempt(event.currentTarget, async () => {
          await ask("DELETE", "v1/suppression", { names: [email] });
          await suppression();
          part("suppression-name").focus();
        }) }, say("tools.suppression_remove"))))));
  });
}
part("suppression").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(event.submitter, () => offered(part("suppression-told"), async () => {
    await ask("POST", "v1/suppression", { names: [values("suppression-name")] });
    part("suppression-name").value = "";
    await suppression();
  }));
});

// What is remembered of one address, without asking about it; of a domain, nothing but that it can be forgotten.
form("forget", loading, () => offered(part("forget-told"), async () => {
  const name = values("forget-name");
  const { results } = name.includes("@") ? await ask("POST", "v1/check", { address: name, ask: false }) : { results: [] };
  return [results.map((told) => h("div", { class: "card" }, h("h3", null, h("bdi", null, told.address || told.input)), remembered(told))),
    h("p", { class: "actions" }, h("button", { type: "button", class: "danger", onclick: (event) => forget(event.currentTarget, name) }, say("tools.forget_do")))];
}));

async function forget(button, name) {
  if (!await sure(say("tools.forget_ask", { name: tame(name) }), "", say("tools.forget_do"))) return;
  await attempt(button, async () => {
    const { entries, mentions } = await ask("POST", "v1/forget", { names: [name] });
    put(part("forget-told"), h("p", { class: "fine" }, entries + mentions ? [say("tools.forgotten"), " ", say("tools.forgotten_n", { n: entries + mentions })] : say("tools.forgot_nothing")));
    await numbers();
  });
}

const numbers = () => offered(part("remembered"), async () => {
  const { addresses, domains, oldest } = await ask("GET", "v1/known");
  write("remembered", oldest ? say("tools.remembered", { addresses, domains, date: day(oldest) }) : say("tools.remembered_none"));
});

attempt(null, async () => { await suppression(); await numbers(); });
