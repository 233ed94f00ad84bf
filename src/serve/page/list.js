// The page of one list: what is on it, how far it is, what came of it, its rows.

import { announce, ask, attempt, clock, complain, count, day, dropped, escaped, h, part, percent, put, say, span, tame, write } from "./common.js";
import { learn, open, remembered, verdict, why } from "./evidence.js";

const id = new URLSearchParams(location.search).get("id") ?? "";
const here = `v1/lists/${escaped(id)}`;
const LISTS = ["verified", "review", "rejected"];
let view = null;

// --- What its owner chooses.

function choose(name, options, first) {
  put(part(name), h("option", { value: "" }, first), options.map(([value, text]) => h("option", { value }, text)));
}
choose("target", [0.005, 0.01, 0.02, 0.03, 0.05].map((share) => [share, percent(share)]), say("list.target_none"));
const spans = (...lengths) => lengths.map((length) => [length, span({ m: 60, h: 3600, d: 86400 }[length.at(-1)] * parseInt(length, 10))]);
choose("wait", spans("5m", "15m", "30m", "60m", "2h", "6h", "24h"), say("list.wait_usual"));
choose("deadline", spans("15m", "60m", "2h", "4h", "8h", "24h", "3d"), say("list.deadline_none"));

// What was chosen before; a value that is not among those on offer joins them.
function fill(choices) {
  const form = part("choices");
  for (const name of ["target", "wait", "deadline"]) {
    const value = choices[name] == null ? "" : String(choices[name]);
    const field = form.elements[name];
    if (![...field.options].some((option) => option.value === value)) field.append(h("option", { value }, name === "target" ? percent(Number(value)) : value));
    field.value = value;
  }
  form.elements.title.value = choices.title ?? "";
  form.elements.policy.value = choices.policy ?? "balanced";
}

function chosen() {
  const { policy, target, wait, deadline, title } = part("choices").elements;
  return {
    ...view.choices,
    policy: policy.value,
    target: target.value ? Number(target.value) : null,
    wait: wait.value || null,
    deadline: deadline.value || null,
    title: title.value.trim() || null,
  };
}

// --- What is on it, before anybody is asked.

let looked = null;

async function look(column) {
  const query = column ? `?column=${escaped(column)}` : "";
  const seen = await ask("GET", `${here}/preview${query}`);
  const isOneColumn = seen.columns.length < 2;
  part("column-line").hidden = isOneColumn;
  put(part("column"), seen.columns.map((name, at) => h("option", { value: at + 1 }, name || say("list.column_n", { n: at + 1 }))));
  part("column").value = seen.column;
  const number = (n, what) => h("div", n ? null : { class: "none" }, h("b", null, count(n)), h("span", null, what));
  put(part("counts"), ["rows", "addresses", "mailboxes", "domains", "duplicates", "without_address", "suppressed"].map((what) => number(seen[what], say(`list.${what}`))));
  put(part("remarks"), seen.remarks.map((remark) => h("li", { lang: "en" }, remark)));
  const flags = Object.entries(seen.flags).filter(([name]) => name !== "duplicate" && name !== "suppressed");
  write("flags", flags.length ? `${say("list.flags")}: ${flags.map(([name, n]) => `${count(n)} × ${say(`flag.${name}`) || name}`).join(" · ")}` : "");
  const isHere = (at) => (at + 1 === seen.column ? "here" : null);
  put(part("first-head"), seen.columns.map((name, at) => h("th", { scope: "col", class: isHere(at) }, h("bdi", null, name || say("list.column_n", { n: at + 1 })))));
  put(part("first-body"), seen.first.map((cells) => h("tr", null, cells.map((text, at) => h("td", { class: isHere(at) }, h("bdi", null, text))))));
}

part("column").addEventListener("change", (event) => attempt(event.currentTarget, async () => {
  const column = part("column").value;
  await look(column);
  view.choices.column = column;
}));

// --- What its owner has done with it.

const post = (what, body) => async (event) => {
  event.preventDefault();
  const button = event.submitter ?? event.currentTarget;
  await attempt(button, async () => {
    show(await ask("POST", `${here}/${what}`, body?.()));
    if (what === "pause" || what === "stop") {
      write("called-back", say(what === "pause" ? "list.pausing" : "list.stopping"));
      announce(part("called-back").textContent);
    } else {
      part("live-title").focus();
    }
  });
};
part("choices").addEventListener("submit", post("verify", chosen));
part("guess").addEventListener("click", post("estimate", chosen));
part("pause").addEventListener("click", post("pause"));
part("stop").addEventListener("click", post("stop"));
part("finish").addEventListener("click", post("stop"));
part("resume").addEventListener("click", post("resume"));
part("again").addEventListener("click", post("resume"));

// --- How it stands.

function stateOf({ state, result, estimate }) {
  if (state !== "paused" || result) return state;
  return estimate ? "estimated" : "new";
}

function progress(now) {
  const total = now.settled + now.pending;
  const bar = part("bar");
  const isReading = now.to_go === null && now.settled === 0;
  bar.max = Math.max(total, 1);
  if (now.doing === "writing" || isReading) bar.removeAttribute("value");
  else bar.value = now.settled;
  write("settled", now.doing === "writing" ? say("list.writing", { n: now.listed ?? 0 }) : isReading ? say("list.reading", { n: now.rows }) : say("list.settled", { settled: now.settled, total }));
  for (const list of LISTS) write(`live-${list}`, count(now.lists[list]));
  part("rate").hidden = now.rate === null;
  if (now.rate !== null) write("rate-share", percent(now.rate));
  const { soonest, latest } = now.to_go ?? {};
  const [from, to] = [span(soonest ?? 0), span(latest ?? 0)];
  write("to-go", now.to_go && latest > 0 ? from === to || soonest < 1 ? say("list.to_go_short", { to }) : say("list.to_go", { from, to }) : "");
  write("traffic", [say("list.traffic", { recipients: now.recipients, connections: now.connections }), now.known > 0 && say("list.known", { n: now.known })].filter(Boolean).join(" "));
  const waits = now.waiting;
  write("waiting", waits ? [say("list.waiting", {
    n: waits.addresses, hosts: say("list.hosts", { n: waits.hosts }), most: tame(waits.most),
    clock: clock(waits.until), left: span((new Date(waits.until) - new Date(now.at)) / 1000),
  }), waits.greylist && say("list.greylist")].filter(Boolean).join(" ") : "");
  const quarter = Math.floor((4 * now.settled) / Math.max(total, 1));
  if (!isReading && quarter !== heard) announce(say("list.settled", { settled: now.settled, total }));
  heard = isReading ? heard : quarter;
}
let heard = 0;

const warned = (warning) => h("li", null,
  h("p", null, h("b", null, say(`list.${warning.kind}`, { host: warning.host })), warning.addresses > 0 && [" ", say("list.left_over", { n: warning.addresses })]),
  warning.words && [h("p", { class: "note" }, say("list.it_said")), h("blockquote", { class: "reply", lang: "en" }, h("bdi", null, warning.words))]);

const share = (projection, what) => h("p", null, h("b", { class: `big ${zone(projection.rate)}` }, percent(projection.rate)), " ", what, " ",
  h("span", { class: "note" }, "(", say("list.interval", { low: percent(projection.low), high: percent(projection.high) }), ", ", say("list.expected", { n: Math.round(projection.expected_bounces) }), ")"));

// The marks of the report: fine below 2 %, providers step in from 5 % on.
const zone = (rate) => (rate < 0.02 ? "fine" : rate < 0.05 ? "careful" : "stop");

const download = (file, text, what) => h("a", { href: `${here}/${file}`, download: true, "aria-label": what }, text);

function result(now) {
  const { result } = now;
  write("result-title", say(now.state === "done" ? "list.result" : "list.interim"));
  write("ending", now.ending === "interrupted" && now.state === "done" ? say("list.result_interrupted") : now.ending === "deadline" ? say("list.result_deadline") : "");
  put(part("three"), LISTS.map((list) => h("div", { class: list },
    h("b", null, count(result.lists[list])), h("span", null, h("b", null, say(`list.${list}`)), " · ", say(`list.${list}_what`)),
    h("p", { class: "downloads" }, ["csv", "xlsx"].map((kind) => {
      const name = { csv: "CSV", xlsx: "Excel" }[kind];
      return download(`${list}.${kind}`, name, say("list.download_of", { list: say(`list.${list}`), kind: name }));
    })))));
  put(part("shares"), share(result.projection.input, say("list.as_is")), result.lists.verified > 0 && share(result.projection.verified, say("list.as_is_verified")));
  part("report").href = `${here}/report.html?show=true`;
  put(part("everything"), say("list.everything"), ": ", ["lists.xlsx", "all.csv", "all.xlsx", "all.jsonl", "report.html", "report.json", "report.md"].flatMap((file) => [download(file, file), " "]),
    now.files.includes("target.csv") && [h("br"), say("list.target_file"), ": ", download("target.csv", "target.csv")]);
  part("resume").hidden = part("finish").hidden = now.state !== "paused";
  part("again").hidden = part("again-what").hidden = now.state === "paused";
  write("took", say("list.time_taken", { time: span(result.time.seconds) }));
}

function estimate({ estimate: { estimate, sample, addresses } }) {
  const { input, verified_low: low, verified_high: high, halving_sample: more } = estimate;
  part("estimate-share").textContent = percent(input.rate);
  part("estimate-share").className = `big ${zone(input.rate)}`;
  write("estimate-interval", `(${say("list.interval", { low: percent(input.low), high: percent(input.high) })}, ${say("list.expected", { n: Math.round(input.expected_bounces) })})`);
  write("estimate-verified", `${count(low)}–${count(high)} ${say("list.estimate_verified")}`);
  write("estimate-how", [say("list.estimate_says", { sample, addresses }) + ".", more && say("list.estimate_halve", { n: more })].filter(Boolean).join(" "));
}

function show(now) {
  const before = view;
  view = now;
  const state = stateOf(now);
  const isUnderWay = now.state === "queued" || now.state === "running";
  const isFirst = !before;
  const isBegun = isUnderWay && !(before?.state === "queued" || before?.state === "running");
  const isOver = before && (before.state === "queued" || before.state === "running") && !isUnderWay;
  if (isFirst || before.name !== now.name) {
    put(part("name"), h("bdi", null, now.name));
    document.title = `${tame(now.name)} – presend`;
  }
  write("state", say(`state.${state}`));
  part("state").className = `badge ${state}`;
  write("kept", now.before_it ? say("list.before", { n: now.before_it }) : now.kept_until ? say("list.kept", { date: day(now.kept_until) }) : "");
  write("problem", now.problem);
  part("live").hidden = !isUnderWay;
  if (now.progress) progress(now.progress);
  else if (isUnderWay) { part("bar").removeAttribute("value"); write("settled", say("state.queued")); }
  if (isBegun) write("called-back", say("list.pause_to_download"));
  const warnings = JSON.stringify(now.warnings);
  if (warnings !== JSON.stringify(before?.warnings)) put(part("warnings-list"), now.warnings.map(warned));
  part("warnings").hidden = now.warnings.length === 0;
  part("estimate").hidden = !now.estimate || Boolean(now.result);
  if (now.estimate) estimate(now);
  part("result").hidden = !now.result || isUnderWay;
  if (now.result && !isUnderWay && JSON.stringify(before?.result) + before?.state !== JSON.stringify(now.result) + now.state) {
    result(now);
    begins = [0];
    rows().catch(complain);
  }
  part("rows").hidden = !now.result || isUnderWay;
  part("bounces").hidden = now.state !== "done" || !now.result;
  part("what").hidden = part("options").hidden = isUnderWay;
  // What was verified is read from its top; how that came about stands closed below.
  if (isFirst || isOver) part("what-open").open = part("options-open").open = !now.result;
  write("verify", say(now.result ? "list.verify_again" : "list.verify"));
  part("guess").hidden = part("guess-hint").hidden = Boolean(now.result);
  if (!isUnderWay && looked !== now.id) {
    looked = now.id;
    fill(now.choices);
    look(now.choices.column).catch((error) => { part("what").hidden = true; complain(error); });
  }
  if (isOver) {
    announce(`${tame(now.name)}: ${say(`state.${state}`)}`);
    if (document.activeElement === document.body || part("live").contains(document.activeElement)) (now.result ? part("result-title") : now.estimate ? part("estimate-title") : part("name")).focus();
  }
}

// --- Its rows, a page at a time, so that a long list is as quick as a short one.

const LENGTH = 50;
// Behind which row each page begins, up to the one that is shown.
let begins = [0];
let asked = null;

// What was added to a row, by its name without `presend_`.
const added = (columns, cells) => Object.fromEntries(columns.map((name, at) => [name.replace(/^presend_/, ""), cells[at] ?? ""]).filter((_, at) => columns[at].startsWith("presend_")));

async function rows() {
  asked?.abort();
  asked = new AbortController();
  const [q, list] = [part("q").value.trim(), part("which").value];
  const query = new URLSearchParams({ after: begins.at(-1), limit: LENGTH });
  if (q) query.set("q", q);
  if (list) query.set("list", list);
  let told;
  try {
    told = await ask("GET", `${here}/rows?${query}`, undefined, {}, asked.signal);
  } catch (error) {
    if (error.status !== 404) throw error;
    part("rows-table").hidden = part("earlier").hidden = part("further").hidden = true;
    return write("found", say("list.no_rows"));
  }
  put(part("rows-body"), told.rows.map(({ number, cells }) => {
    const row = added(told.columns, cells);
    const open = (event) => detail(event.currentTarget, row, told.columns, cells);
    return h("tr", null,
      h("td", { class: "n wide" }, count(number)),
      h("th", { scope: "row" }, h("button", { type: "button", class: "link", onclick: open }, h("bdi", null, row.address || row.input || "—"))),
      h("td", null, verdict(row.verdict)),
      h("td", null, why(row), row.suggestion && h("span", { class: "note" }, " ", say("evidence.suggestion"), ": ", h("bdi", null, row.suggestion))),
      h("td", { class: "n wide" }, row.bounce ? percent(Number(row.bounce)) : ""));
  }));
  const [first, last] = [told.rows[0], told.rows.at(-1)];
  part("rows-table").hidden = !first;
  write("found", !first ? say("list.nothing_found") : q ? "" : say("list.found", { n: list ? view.result.lists[list] : view.result.rows }));
  part("earlier").hidden = part("further").hidden = begins.length === 1 && told.next === null;
  part("earlier").disabled = begins.length === 1;
  part("further").disabled = told.next === null;
  part("further").value = told.next ?? "";
  write("from-to", first ? say("list.from_to", { from: first.number, to: last.number }) : "");
}

// All that is known of a row: what was added to it, then what that is known from.
const detail = (button, row, columns, cells) => attempt(button, async () => {
  const text = row.address || row.input;
  const told = text ? await ask("POST", "v1/check", { address: text, ask: false }) : { results: [] };
  const evidence = told.results.find((one) => one.address === row.address)?.evidence ?? [];
  button.disabled = false;
  button.focus();
  const own = columns.map((name, at) => [name, cells[at] ?? ""]).filter(([name]) => !name.startsWith("presend_"));
  open(text || "—", remembered({ ...row, bounce: row.bounce ? Number(row.bounce) : null, flags: row.flags ? row.flags.split(/[ ,;|]+/) : [], evidence, cells: own }));
});

let typing = null;
function search() {
  clearTimeout(typing);
  typing = setTimeout(() => { begins = [0]; rows().catch(complain); }, 200);
}
part("q").addEventListener("input", search);
part("which").addEventListener("change", search);
part("rows-form").addEventListener("submit", (event) => event.preventDefault());
const leaf = () => rows().then(() => part("rows-title").scrollIntoView({ block: "start" })).catch(complain);
part("earlier").addEventListener("click", () => { begins.pop(); leaf(); });
part("further").addEventListener("click", (event) => { begins.push(Number(event.currentTarget.value)); leaf(); });
dropped(part("bounces-drop"), part("bounces-file"), (files) => learn(files, part("bounces-told"), id));

// --- Told as it changes; a server that went away is tried again until it is back.

function watch() {
  const events = new EventSource(`${here}/events`);
  const tells = () => {
    if (!part("lost").hidden) announce(say("base.back"));
    part("lost").hidden = true;
  };
  events.addEventListener("list", (event) => { tells(); show(JSON.parse(event.data)); });
  events.addEventListener("gone", () => { events.close(); gone(); });
  events.addEventListener("error", () => {
    events.close();
    part("lost").hidden = false;
    // Whether the list is gone, or a token is wanted, an ordinary question tells.
    setTimeout(async () => {
      try {
        show(await ask("GET", here));
        tells();
      } catch (error) {
        if (error.status === 404) return gone();
      }
      watch();
    }, 1500);
  });
}

function gone() {
  for (const section of document.querySelectorAll("main > section")) section.hidden = true;
  part("lost").hidden = part("state").hidden = true;
  write("name", say("list.gone"));
  write("kept", "");
  view = null;
}

ask("GET", here).then((first) => { show(first); watch(); }, (error) => {
  if (error.status === 404) return gone();
  complain(error);
  watch();
});
