//! World files: a simulated internet, written by hand.
//!
//! TOML. Names are written with or without IDNA, durations like `"90s"` or `"5m"`. Every key but `name` may be left
//! out.
//!
//! At the top:
//!
//! - `start`: what the clock shows when a run begins, such as `"2026-03-02T06:00:00Z"`.
//! - `client`: the address that clients connect from.
//!
//! `[network]`, for hosts that say nothing else:
//!
//! - `round_trip` (60ms), `jitter` (0.3: a third more or less), `loss`, `reset` (0: probability per segment).
//! - `dns_latency` (20ms).
//! - `dns_outage = { after, lasts }`: when DNS begins to answer nothing at all, and for how long; for ever without
//!   `lasts`.
//! - `ipv6` (true): whether clients have a way to IPv6 addresses.
//!
//! `[[host]]`, a mail host:
//!
//! - `name`, `address` (one or a list; else one is found), published as A, AAAA, PTR.
//! - `persona`: one of [`Persona`](super::Persona) in snake case, `"honest"` if not said. All that follows changes a
//!   part of it.
//! - `dialect`: one of [`Dialect`](super::dialect::Dialect); `[host.says]`: own words for one of
//!   [`Line`](super::dialect::Line), such as `no_such_user = "550 gone"`. `{address}`, `{host}`, `{client}`,
//!   `{minutes}`, `{seconds}` are filled in; `\n` begins a further line.
//! - `door`, `greeting`, `greeting_wait`, `early_talkers`, `hello`, `pipelining`, `offers`, `tls`, `senders`,
//!   `recipients`, `greylist = { by, wait }`, `errors = { slow_after, hang_up_after }`, `bad_recipients`,
//!   `connections`, `per_transaction`, `per_connection`, `domains_per_transaction`, `rcpt_wait`, `tarpit`, `sulks`,
//!   `harvest = { after, then, lasts }`, `turns_after`, `rate = { recipients, per }`, `after_refusal`, `speech`,
//!   `stumble = { at, how, after, connections }`: see [`Habits`].
//! - `round_trip`, `jitter`, `loss`, `reset`: as in `[network]`.
//!
//! `[[domain]]`, one or more domains with the same content:
//!
//! - `name`: one or a list.
//! - `mx`: a list of hosts in order of preference, each `"host"` or `"20 host"`; `"."` says that the domain takes no
//!   mail (RFC 7505). A name that is described nowhere is one without an address.
//! - `address`, `txt`, `ttl` (1h).
//! - `dns`: `"answers"`, `"fails"`, `"refuses"`, `"silent"`, `"stuck"`; `dns_recovers_after`: a number of questions.
//! - `mailboxes`, `full`, `disabled`, `busy`: lists of local parts; `moved`: a table from local parts to addresses.
//! - `unclaimed`: what becomes of mail to other names: `"unwanted"`, `"delivered"` (a catch-all), `"bounced"`.
//! - `plus_tags`: `"kept"`, or `"ignored"`: `anna+news` is `anna`.
//! - `service`: `"taken"`, or `"refused"`: its hosts do not know that they are.
//!
//! `[[record]]`, anything else in DNS: `name`, with one of `a`, `aaaa`, `mx`, `txt` (one character string, or a list of
//! those that make up one record), `ptr`, `soa` (the zone's serial number), `cname`; `ttl`. A name `*.zone` answers for
//! every name below `zone` that is not written down (RFC 4592), `*` alone for every name at all.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;

use super::Internet;
use super::habits::Habits;
use super::host::Way;
use super::mailbox::{Condition, Mailboxes};
use super::plan::{Content, Plan, PlannedDomain, PlannedHost, PlannedRecord, TTL};
use super::schema::{DomainTable, File, HostTable, Mx, OneOrMany, RecordTable, WayTable};
use super::zone::Outage;
use crate::net::route::Record;

/// What is wrong with a world file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct WorldError {
    /// The file, as the operator named it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, what to write instead.
    pub problem: String,
}

/// Something wrong at a place.
struct Fault {
    at: Range<usize>,
    problem: String,
}

/// Reads a world file; `file` is its name for errors.
///
/// # Errors
///
/// When it is no TOML, has a key that is none, or contradicts itself.
pub fn read(text: &str, file: &str) -> Result<Internet, WorldError> {
    let locate = |fault: Fault| WorldError {
        file: file.to_owned(),
        line: 1 + text
            .as_bytes()
            .iter()
            .take(fault.at.start)
            .filter(|byte| **byte == b'\n')
            .count(),
        problem: fault.problem,
    };
    let tables: File = toml::from_str(text).map_err(|error| {
        locate(Fault {
            at: error.span().unwrap_or(0..0),
            problem: error.message().trim().to_owned(),
        })
    })?;
    plan(tables).map(Plan::build).map_err(locate)
}

fn plan(tables: File) -> Result<Plan, Fault> {
    let mut plan = Plan::default();
    if let Some(start) = tables.start {
        plan.start = start.get_ref().parse().map_err(|_| {
            fault(
                &start,
                format!(
                    "`{}` is no time; write it like \"2026-03-02T06:00:00Z\"",
                    start.get_ref()
                ),
            )
        })?;
    }
    plan.client = tables.client.unwrap_or(plan.client);
    plan.way = way(&tables.network.way(), plan.way);
    plan.dns_latency = tables
        .network
        .dns_latency
        .map_or(plan.dns_latency, |latency| latency.0);
    plan.dns_outage = tables.network.dns_outage.as_ref().map(|table| Outage {
        after: table.after.0,
        lasts: table.lasts.map(|lasts| lasts.0),
    });
    plan.ipv6 = tables.network.ipv6.unwrap_or(plan.ipv6);
    let mut claims = Claims::default();
    for table in tables.host {
        plan.hosts.push(host(&table, plan.way, &mut claims)?);
    }
    for table in tables.domain {
        domains(&table, &mut plan.domains, &mut claims)?;
    }
    for table in tables.record {
        plan.records.push(record(table)?);
    }
    Ok(plan)
}

/// What was described already, hence must not be described again.
#[derive(Default)]
struct Claims {
    hosts: HashSet<String>,
    addresses: HashMap<IpAddr, String>,
    domains: HashSet<String>,
}

fn host(table: &HostTable, common: Way, claims: &mut Claims) -> Result<PlannedHost, Fault> {
    let name = ascii(&table.name)?;
    if !claims.hosts.insert(name.clone()) {
        return Err(fault(
            &table.name,
            format!("the host `{name}` is described twice; remove one of the two"),
        ));
    }
    let addresses = table
        .address
        .clone()
        .map_or_else(Vec::new, OneOrMany::into_vec);
    for address in &addresses {
        if let Some(other) = claims.addresses.insert(*address, name.clone()) {
            let problem =
                format!("{address} belongs to `{other}` already; give `{name}` another address");
            return Err(fault(&table.name, problem));
        }
    }
    let mut habits = table.persona.unwrap_or_default().habits();
    change(&mut habits, table);
    let way = table.way();
    let way = way.is_different().then(|| self::way(&way, common));
    Ok(PlannedHost {
        name,
        addresses,
        habits,
        way,
    })
}

/// Lets a table change the habits that come with its persona.
fn change(habits: &mut Habits, table: &HostTable) {
    macro_rules! set {
        ($($key:ident)*) => { $(if let Some(value) = table.$key.clone() { habits.$key = value; })* };
    }
    macro_rules! set_limits {
        ($($key:ident)*) => { $(if table.$key.is_some() { habits.$key = table.$key; })* };
    }
    macro_rules! set_times {
        ($($key:ident)*) => { $(if let Some(time) = table.$key { habits.$key = time.0; })* };
    }
    set!(dialect door greeting early_talkers hello pipelining offers tls senders recipients after_refusal speech);
    set_limits!(greylist errors harvest turns_after rate connections bad_recipients per_transaction per_connection);
    set_limits!(domains_per_transaction stumble);
    set_times!(greeting_wait rcpt_wait tarpit);
    if let Some(time) = table.sulks {
        habits.sulks = Some(time.0);
    }
    habits.says.extend(table.says.clone());
}

fn way(table: &WayTable, common: Way) -> Way {
    Way {
        round_trip: table.round_trip.map_or(common.round_trip, |time| time.0),
        jitter: table.jitter.map_or(common.jitter, |share| share.0),
        loss: table.loss.map_or(common.loss, |share| share.0),
        reset: table.reset.map_or(common.reset, |share| share.0),
    }
}

fn domains(
    table: &DomainTable,
    into: &mut Vec<PlannedDomain>,
    claims: &mut Claims,
) -> Result<(), Fault> {
    let mailboxes = Arc::new(mailboxes(table)?);
    let mut mx = Vec::with_capacity(table.mx.len());
    for (rank, entry) in (1..).zip(&table.mx) {
        mx.push(exchange(entry, rank)?);
    }
    for name in table.name.get_ref().clone().into_vec() {
        let ascii = to_ascii(&name, || table.name.span())?;
        if !claims.domains.insert(ascii.clone()) {
            let problem = format!("the domain `{ascii}` is described twice; remove one of the two");
            return Err(fault(&table.name, problem));
        }
        into.push(PlannedDomain {
            name: ascii,
            mx: mx.clone(),
            addresses: table
                .address
                .clone()
                .map_or_else(Vec::new, OneOrMany::into_vec),
            texts: table.txt.clone(),
            ttl: table.ttl.map_or(TTL, |ttl| ttl.0),
            name_server: table.dns,
            recovers_after: table.dns_recovers_after,
            mailboxes: Arc::clone(&mailboxes),
        });
    }
    Ok(())
}

fn exchange(entry: &Spanned<Mx>, rank: u16) -> Result<(u16, String), Fault> {
    let (preference, host) = match entry.get_ref().0.split_once(' ') {
        None => (rank.saturating_mul(10), entry.get_ref().0.as_str()),
        Some((preference, host)) => {
            let problem = || {
                format!(
                    "`{}` is no mail host; write it like \"mx1.host.test\" or \"20 mx2.host.test\"",
                    entry.get_ref().0
                )
            };
            (
                preference.parse().map_err(|_| fault(entry, problem()))?,
                host.trim(),
            )
        }
    };
    if host == "." {
        Ok((0, String::new()))
    } else {
        Ok((preference, to_ascii(host, || entry.span())?))
    }
}

fn mailboxes(table: &DomainTable) -> Result<Mailboxes, Fault> {
    let mut known: BTreeMap<String, Condition> = table
        .moved
        .iter()
        .map(|(local, to)| (local.to_lowercase(), Condition::Moved { to: to.clone() }))
        .collect();
    let lists = [
        (&table.mailboxes, Condition::Open),
        (&table.full, Condition::Full),
        (&table.disabled, Condition::Disabled),
        (&table.busy, Condition::Busy),
    ];
    for (list, condition) in lists {
        for local in list {
            let other = known.insert(local.get_ref().to_lowercase(), condition.clone());
            if other.is_some_and(|other| other != condition) {
                let problem = format!("`{}` is in two lists; remove it from one", local.get_ref());
                return Err(fault(local, problem));
            }
        }
    }
    Ok(Mailboxes {
        known,
        unclaimed: table.unclaimed,
        plus_tags: table.plus_tags,
        service: table.service,
    })
}

fn record(table: RecordTable) -> Result<PlannedRecord, Fault> {
    let span = table.name.span();
    let name = table.name.get_ref().trim_end_matches('.').to_lowercase();
    let mut contents = Vec::new();
    contents.extend(
        table
            .a
            .map(|address| Content::Record(Record::Address(address.into()))),
    );
    contents.extend(
        table
            .aaaa
            .map(|address| Content::Record(Record::Address(address.into()))),
    );
    contents.extend(
        table
            .txt
            .map(|strings| {
                strings
                    .into_vec()
                    .into_iter()
                    .map(String::into_bytes)
                    .collect()
            })
            .map(|strings| Content::Record(Record::Txt(strings))),
    );
    contents.extend(
        table
            .ptr
            .map(|name| Content::Record(Record::Ptr(name.to_lowercase()))),
    );
    contents.extend(
        table
            .soa
            .map(|serial| Content::Record(Record::Soa { serial })),
    );
    contents.extend(table.cname.map(|name| Content::Alias(name.to_lowercase())));
    if let Some(mx) = &table.mx {
        let (preference, exchange) = exchange(mx, 1)?;
        contents.push(Content::Record(Record::Mx {
            preference,
            exchange,
        }));
    }
    let ttl = table.ttl.map_or(TTL, |ttl| ttl.0);
    if let (Some(content), true) = (contents.pop(), contents.is_empty()) {
        return Ok(PlannedRecord { name, content, ttl });
    }
    let problem = format!(
        "the record of `{name}` needs exactly one of `a`, `aaaa`, `mx`, `txt`, `ptr`, `soa`, `cname`"
    );
    Err(Fault { at: span, problem })
}

fn ascii(name: &Spanned<String>) -> Result<String, Fault> {
    to_ascii(name.get_ref(), || name.span())
}

fn to_ascii(name: &str, span: impl Fn() -> Range<usize>) -> Result<String, Fault> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    match idna::domain_to_ascii(bare) {
        Ok(ascii) if !ascii.is_empty() && !ascii.contains(char::is_whitespace) => Ok(ascii),
        Ok(_) | Err(_) => Err(Fault {
            at: span(),
            problem: format!("`{name}` is no domain name; write it like \"acme.test\""),
        }),
    }
}

fn fault<T>(at: &Spanned<T>, problem: String) -> Fault {
    Fault {
        at: at.span(),
        problem,
    }
}
