// The page of one list: what is on it, how far it is, what came of it, its rows.

import { announce, ask, attempt, clock, complain, count, day, dropped, escaped, h, part, percent, put, say, span, tame, write } from "./common.js";
import { beside, learn, open, remembered, verdict, why } from "./evidence.js";

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

// How lists that are not read rightly are read: what people meet, beside what is found out.
choose("delimiter", [[",", ","], [";", ";"], ["tab", "Tab"], ["|", "|"], ["none", say("list.delimiter_none")]], say("list.found_out"));
choose("encoding", ["utf-8", "windows-1252", "iso-8859-2", "windows-1251", "shift_jis", "gbk", "utf-16le"].map((name) => [name, name]), say("list.found_out"));

// Sets a field to a value; one that is not among those on offer joins them.
function set(field, value, text = value) {
  const wanted = value == null ? "" : String(value);
  if (![...field.options].some((option) => option.value === wanted)) field.append(h("option", { value: wanted }, text));
  field.value = wanted;
}

// A policy of one's own begins as the usual one.
const OWN = 'deliverable = "verified"\nrisky = "review"\nunknown = "review"\nundeliverable = "rejected"\n';

// What was chosen before.
function fill(choices) {
  const form = part("choices");
  set(form.elements.target, choices.target, percent(choices.target ?? 0));
  for (const name of ["wait", "deadline"]) set(form.elements[name], choices[name]);
  form.elements.safe.checked = choices.target_on === "upper";
  form.elements.title.value = choices.title ?? "";
  const isOwn = choices.policy?.includes("=");
  form.elements.policy.value = isOwn ? "own" : choices.policy ?? "balanced";
  part("own").value = isOwn ? choices.policy : OWN;
  showOwn();
  for (const name of ["delimiter", "encoding"]) set(part(name), choices[name]);
}

const showOwn = () => { part("own-line").hidden = part("choices").elements.policy.value !== "own"; };
part("choices").addEventListener("change", showOwn);

function chosen() {
  const { policy, own, target, safe, wait, deadline, title } = part("choices").elements;
  return {
    ...view.choices,
    ...chosenReading,
    policy: policy.value === "own" ? own.value : policy.value,
    target: target.value ? Number(target.value) : null,
    target_on: safe.checked ? "upper" : null,
    wait: wait.value || null,
    deadline: deadline.value || null,
    title: title.value.trim() || null,
  };
}

// --- What is on it, before anybody is asked.

let looked = null;
const ticked = () => [...part("further-columns").querySelectorAll("input:checked")].map((box) => box.value);

// Looks at the list, read as it was chosen; with `reading` as that says.
async function look(reading) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(reading ?? {})) {
    for (const one of [value].flat()) query.append(name, one ?? "");
  }
  const seen = await ask("GET", `${here}/preview${reading ? `?${query}` : ""}`);
  const isOneColumn = seen.columns.length < 2;
  const name = (at) => seen.columns[at] || say("list.column_n", { n: at + 1 });
  part("column-line").hidden = isOneColumn;
  put(part("column"), seen.column === null && h("option", { value: "" }, say("list.column_choose")), seen.columns.map((_, at) => h("option", { value: at + 1 }, name(at))));
  part("column").value = seen.column ?? "";
  for (const id of ["verify", "guess"]) part(id).disabled = seen.column === null;
  part("undecided").hidden = seen.column !== null;
  put(part("undecided"), h("b", null, say("list.undecided")), " ", h("span", { lang: "en" }, seen.undecided ?? ""));
  part("further-line").hidden = isOneColumn || seen.column === null;
  put(part("further-columns"), seen.columns.map((_, at) => at + 1 !== seen.column && h("label", { class: "choice" },
    h("input", { type: "checkbox", value: at + 1, checked: seen.further.includes(at + 1), onchange: () => read({ column: part("column").value, further: ticked() }) }), h("span", null, h("bdi", null, name(at))))));
  part("sheet-line").hidden = seen.sheets.length < 2;
  put(part("sheet"), [...seen.sheets].sort((one, other) => one.localeCompare(other)).map((sheet) => h("option", { value: sheet }, sheet)));
  part("sheet").value = seen.sheets[0] ?? "";
  const number = (n, what) => h("div", n ? null : { class: "none" }, h("b", null, count(n)), h("span", null, what));
  put(part("counts"), (seen.column === null ? ["rows"] : ["rows", "addresses", "mailboxes", "domains", "duplicates", "without_address", "suppressed"]).map((what) => number(seen[what], say(`list.${what}`))));
  put(part("remarks"), seen.remarks.map((remark) => h("li", { lang: "en" }, remark)));
  const flags = Object.entries(seen.flags).filter(([name]) => name !== "duplicate" && name !== "suppressed");
  write("flags", flags.length ? `${say("list.flags")}: ${flags.map(([name, n]) => `${count(n)} × ${say(`flag.${name}`) || name}`).join(" · ")}` : "");
  const isHere = (at) => (at + 1 === seen.column || seen.further.includes(at + 1) ? "here" : null);
  put(part("first-head"), seen.columns.map((_, at) => h("th", { scope: "col", class: isHere(at) }, h("bdi", null, name(at)))));
  put(part("first-body"), seen.first.map((cells) => h("tr", null, cells.map((text, at) => h("td", { class: isHere(at) }, h("bdi", null, text))))));
}

// Reads the list otherwise: what a choice says of columns holds for that reading alone. It is kept apart from what the
// server tells of the list, which comes anew whenever it tells.
let chosenReading = {};
const read = ({ column = null, further = [] }) => attempt(null, async () => {
  const reading = { column, further, sheet: part("sheet").value || null, delimiter: part("delimiter").value || null, encoding: part("encoding").value || null };
  await look(reading);
  chosenReading = reading;
});
part("column").addEventListener("change", () => read({ column: part("column").value, further: ticked() }));
for (const id of ["sheet", "delimiter", "encoding"]) part(id).addEventListener("change", () => read({}));

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

// Asks again about some rows, whatever is known of them.
const askAgain = (button, picked) => attempt(button, async () => {
  show(await ask("POST", `${here}/again`, picked));
  part("live-title").focus();
});
part("ask-found").addEventListener("click", (event) => askAgain(event.currentTarget, picked()));

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
  write("to-go", now.to_go?.latest > 0 ? between(now.to_go, "list.to_go") : "");
  write("traffic", [say("list.traffic", { recipients: now.recipients, connections: now.connections }), now.known > 0 && say("list.known", { n: now.known })].filter(Boolean).join(" "));
  const waits = now.waiting;
  part("waiting-line").hidden = !waits;
  if (waits) {
    const when = (until) => ({ clock: clock(until), left: span((new Date(until) - new Date(now.at)) / 1000) });
    write("waiting", [say("list.waiting", { n: waits.addresses, hosts: say("list.hosts", { n: waits.hosts }), ...when(waits.until) }), waits.greylist && say("list.greylist")].filter(Boolean).join(" "));
    put(part("waiting-hosts"), waits.largest.map((one) => h("li", null, h("b", null, h("bdi", null, one.host)), ": ", say("list.waiting_host", { n: count(one.addresses), ...when(one.until) }))));
  }
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

// What can be had of a list while it is asked about.
const NOW = ["verified.csv", "review.csv", "rejected.csv", "lists.xlsx", "report.html"];

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
  const { real } = result;
  part("real").hidden = !real;
  if (real) put(part("real"), beside(real.total, result.projection.verified));
  part("report").href = `${here}/report.html?show=true`;
  put(part("everything"), say("list.everything"), ": ", ["lists.xlsx", "all.csv", "all.xlsx", "all.jsonl", "report.html", "report.json", "report.md"].flatMap((file) => [download(file, file), " "]),
    now.files.includes("target.csv") && [h("br"), say("list.target_file"), ": ", download("target.csv", "target.csv")]);
  part("resume").hidden = part("finish").hidden = now.state !== "paused";
  part("again").hidden = part("again-what").hidden = now.state === "paused";
  write("took", say("list.time_taken", { time: span(result.time.seconds) }));
}

// Between which two times something lies; where the shorter one is nothing to speak of, only the longer one is said.
function between({ soonest, latest }, name) {
  const [from, to] = [span(soonest), span(latest)];
  return from === to || soonest < 60 ? say(`${name}_short`, { to }) : say(name, { from, to });
}

function estimate({ estimate: { estimate, sample, addresses, length } }) {
  const { input, verified_low: low, verified_high: high, halving_sample: more } = estimate;
  part("estimate-share").textContent = percent(input.rate);
  part("estimate-share").className = `big ${zone(input.rate)}`;
  write("estimate-interval", `(${say("list.interval", { low: percent(input.low), high: percent(input.high) })}, ${say("list.expected", { n: Math.round(input.expected_bounces) })})`);
  write("estimate-verified", `${count(low)}–${count(high)} ${say("list.estimate_verified")}. ${length ? between(length, "list.estimate_takes") : ""}`);
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
  put(part("problem"), h("b", null, say(`problem.${now.problem_kind}`)), " ", h("span", { lang: "en" }, now.problem ?? ""));
  part("problem").hidden = !now.problem;
  part("live").hidden = !isUnderWay;
  // Of a list that waits nothing is known yet.
  part("bar").hidden = part("live-numbers").hidden = !now.progress;
  if (now.progress) progress(now.progress);
  else if (isUnderWay) write("settled", say("state.queued"));
  if (isBegun) write("called-back", "");
  const isKnown = isUnderWay && now.files.length > 0;
  if (isKnown && part("now").hidden) put(part("now"), say("list.now"), ": ", NOW.flatMap((file) => [download(file, file), " "]));
  part("now").hidden = !isKnown;
  const first = now.waits_for;
  put(part("waits-for"), first && [say("list.waits_for"), " ", h("a", { href: `list?id=${escaped(first.id)}` }, h("bdi", null, first.name)), "."]);
  part("waits-for").hidden = !first;
  const warnings = JSON.stringify(now.warnings);
  if (warnings !== JSON.stringify(before?.warnings)) put(part("warnings-list"), now.warnings.map(warned));
  part("warnings").hidden = now.warnings.length === 0;
  part("estimate").hidden = !now.estimate || Boolean(now.result);
  if (now.estimate) estimate(now);
  part("result").hidden = !now.result || isUnderWay;
  if (now.result && !isUnderWay && `${JSON.stringify(before?.result)}${before?.state}${before?.ended}` !== `${JSON.stringify(now.result)}${now.state}${now.ended}`) {
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
    // Where it cannot be read as it was said, it may be read otherwise.
    look().catch((error) => { part("reading-open").open = true; complain(error); });
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

// The rows that are looked for.
const picked = () => ({ q: part("q").value.trim() || null, list: part("which").value || null });

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
    const open = (event) => detail(event.currentTarget, row, told.columns, cells, { rows: [number], list: list || null });
    return h("tr", null,
      h("td", { class: "n wide" }, count(number)),
      h("th", { scope: "row" }, h("button", { type: "button", class: "link", onclick: open }, h("bdi", null, row.address || row.input || "—"))),
      h("td", null, verdict(row.verdict)),
      h("td", null, why(row), row.suggestion && h("span", { class: "note" }, " ", say("evidence.suggestion"), ": ", h("bdi", null, row.suggestion))),
      h("td", { class: "n wide" }, row.bounce ? percent(Number(row.bounce)) : ""));
  }));
  const [first, last] = [told.rows[0], told.rows.at(-1)];
  part("rows-table").hidden = !first;
  const all = list ? view.result.lists[list] : view.result.rows;
  write("found", !first ? say("list.nothing_found") : q ? "" : say("list.found", { n: all }));
  part("ask-found").hidden = !first || (!q && !list);
  if (!part("ask-found").hidden) part("ask-found").textContent = q ? say("list.ask_found") : say("list.ask_list", { n: all });
  part("earlier").hidden = part("further").hidden = begins.length === 1 && told.next === null;
  part("earlier").disabled = begins.length === 1;
  part("further").disabled = told.next === null;
  part("further").value = told.next ?? "";
  write("from-to", first ? say("list.from_to", { from: first.number, to: last.number }) : "");
}

// All that is known of a row: what was added to it, then what that is known from.
const detail = (button, row, columns, cells, itself) => attempt(button, async () => {
  const text = row.address || row.input;
  const told = text ? await ask("POST", "v1/check", { address: text, ask: false }) : { results: [] };
  const evidence = told.results.find((one) => one.address === row.address)?.evidence ?? [];
  button.disabled = false;
  button.focus();
  const own = columns.map((name, at) => [name, cells[at] ?? ""]).filter(([name]) => !name.startsWith("presend_"));
  open(text || "—", remembered({ ...row, bounce: row.bounce ? Number(row.bounce) : null, flags: row.flags ? row.flags.split(/[ ,;|]+/) : [], evidence, cells: own }), row.address && (() => askAgain(null, itself)));
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
