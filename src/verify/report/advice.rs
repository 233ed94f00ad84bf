//! What a report comes to in plain words: will it bounce, what to do now.

use super::Report;
use super::blocked::{Causes, Scope};
use crate::model::count::float;
use crate::model::ending::Ending;
use crate::model::flag::{Flag, Flags};
use crate::model::reason::{Blame, Reason};
use crate::model::text::{about, counted, grouped, percent};
use crate::model::verdict::{Standing, Verdict};
use crate::projection::{Basis, Group, Kind, Projection};

/// The rate under which a campaign should stay: senders' platforms warn above it.
pub const GOOD: f64 = 0.02;

/// The rate from which senders' platforms review or slow a sender.
pub const BAD: f64 = 0.05;

/// How a rate stands against what senders live by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mood {
    /// Under the mark, by all we know.
    Fine,
    /// Near it, or perhaps over it.
    Careful,
    /// Over the mark.
    Stop,
}

impl Mood {
    /// How a projection stands.
    #[must_use]
    pub fn of(projection: &Projection) -> Mood {
        if projection.rows == 0 {
            // Of nothing nothing bounces, which is no reason to be glad.
            Mood::Careful
        } else if projection.rate > BAD {
            Mood::Stop
        } else if projection.rate > GOOD || projection.high > BAD {
            Mood::Careful
        } else {
            Mood::Fine
        }
    }

    /// One word, so that colour is never the only signal.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Mood::Fine => "fine",
            Mood::Careful => "careful",
            Mood::Stop => "too many",
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do, in one sentence that names no column, option or command.
    pub what: String,
    /// Why, or what to know beside, in words of the same kind; empty where nothing is.
    pub why: String,
    /// How, and how its rows are found, for a reader who works with the list; empty where the sentence says it.
    pub how: String,
}

/// The answer in one or two sentences.
#[must_use]
pub fn headline(report: &Report) -> String {
    let (before, after) = (&report.projection.input, &report.projection.verified);
    if report.list.rows == 0 {
        return "The list has no rows.".to_owned();
    }
    if before.rows == 0 {
        return "No row of the list names an address.".to_owned();
    }
    if is_blocked(report) {
        return we_were_blocked(report);
    }
    let unasked = report.traffic.rcpt == 0 && report.traffic.answered_from_ledger == 0;
    // What DNS and the text say of every row is proven without asking any host.
    let is_open = unsettled(report, |reason| reason != Reason::NoAddress) > 0;
    if after.rows == 0 && unasked && is_open {
        return format!(
            "Nobody was asked, so nothing is proven yet: lists like this one bounce at about {}.",
            percent(before.rate)
        );
    }
    if after.rows == 0 {
        return format!(
            "Nothing on this list is safe to send to yet. Sent as it is, about {} would bounce.",
            percent(before.rate)
        );
    }
    let as_it_is = match Mood::of(before) {
        Mood::Fine => format!(
            "This list is fit to send: about {} would bounce.",
            percent(before.rate)
        ),
        Mood::Careful => format!(
            "Sent as it is, about {} would bounce: near the limit that mail providers set.",
            percent(before.rate)
        ),
        Mood::Stop => format!(
            "Do not send this list as it is: about {} would bounce.",
            percent(before.rate)
        ),
    };
    if after.rows == before.rows {
        return as_it_is;
    }
    format!(
        "{as_it_is} Sent only to the verified addresses, about {}.",
        percent(after.rate)
    )
}

/// The share of messages at hosts that block us from which a run counts as blocked. Our choice: what is left is the
/// smaller part of the list, and not chosen by chance.
const BLOCKED_SHARE: f64 = 0.5;

/// Whether the run was blocked: the hosts of most messages refuse to answer this client.
#[must_use]
pub fn is_blocked(report: &Report) -> bool {
    let blocked = unsettled(report, |reason| reason.blame() == Blame::Sender);
    blocked > 0 && float(blocked) >= BLOCKED_SHARE * float(report.projection.input.rows)
}

fn we_were_blocked(report: &Report) -> String {
    let causes = causes(report);
    let causes = causes.most_first();
    let blocked = open(report, |reason| reason.blame() == Blame::Sender);
    let what = match causes.first() {
        Some(cause) => cause.in_words(scope(report)),
        None => format!(
            "mail hosts of {} refuse to talk to this machine",
            addresses(blocked)
        ),
    };
    let proven = match report.projection.verified.rows {
        0 => "Nothing is proven yet.".to_owned(),
        rows => format!(
            "Only {} of {} are verified.",
            grouped(rows),
            addresses(report.projection.input.rows)
        ),
    };
    format!("We were blocked: {what}. {proven}")
}

/// The hosts that refuse to answer us, by cause.
#[must_use]
pub fn causes(report: &Report) -> Causes {
    let mut causes = Causes::default();
    for host in &report.blocked {
        causes.add(&host.host, &host.reply, host.addresses);
    }
    causes
}

/// Whether the hosts that refuse to answer us are all that were asked.
fn scope(report: &Report) -> Scope {
    let answered = report.flow.iter().any(|flow| {
        let verdict = Verdict {
            standing: flow.verdict,
            reason: flow.reason,
        };
        match Kind::of(verdict, Flags::NONE) {
            Kind::CatchAll | Kind::Untested | Kind::AcceptsEveryone => true,
            kind => kind.is_settled(),
        }
    });
    if answered || report.traffic.answered_from_ledger > 0 {
        Scope::Some
    } else {
        Scope::All
    }
}

/// What a projection comes to, such as `1.0 % (0.3 to 2.1 %), about 2 of 191 messages`.
#[must_use]
pub fn in_words(projection: &Projection) -> String {
    if projection.rows == 0 {
        return "no rows".to_owned();
    }
    let bounces = about(projection.expected_bounces);
    let nearly = if bounces.starts_with("less") {
        ""
    } else {
        "about "
    };
    format!(
        "{} ({} to {}), {nearly}{bounces} of {}",
        percent(projection.rate),
        percent(projection.low),
        percent(projection.high),
        counted(projection.rows, "message", "messages"),
    )
}

/// Rows whose verdict's reason meets `who`, of those that are not settled.
#[must_use]
pub fn unsettled(report: &Report, who: impl Fn(Reason) -> bool) -> u64 {
    report
        .flow
        .iter()
        .filter(|flow| flow.verdict == Standing::Unknown && who(flow.reason))
        .map(|flow| flow.rows)
        .sum()
}

/// Addresses whose verdict's reason meets `who`, each once, of those that are not settled.
#[must_use]
pub fn open(report: &Report, who: impl Fn(Reason) -> bool) -> u64 {
    if report.open.is_empty() {
        // A report of before they were counted has rows alone.
        return unsettled(report, who);
    }
    let counts = report.open.iter();
    counts
        .filter(|(reason, _)| reason.parse().is_ok_and(&who))
        .map(|(_, count)| count)
        .sum()
}

/// Whether asking again another time may settle an address.
#[must_use]
pub fn may_settle_later(reason: Reason) -> bool {
    match reason.blame() {
        Blame::Host | Blame::Us => true,
        Blame::Nobody => reason == Reason::DnsTrouble,
        Blame::Mailbox | Blame::Domain | Blame::Sender | Blame::Operator => false,
    }
}

/// What to do now, most important first.
#[must_use]
pub fn steps(report: &Report) -> Vec<Step> {
    type Find = fn(&Report) -> Option<Step>;
    const OF_A_BLOCKED_RUN: [Find; 3] = [go_on, get_off_blocklists, ask_from_elsewhere];
    const STEPS: [Find; 11] = [
        go_on,
        send,
        ask_at_all,
        ask_again,
        get_off_blocklists,
        ask_from_elsewhere,
        add_from_review,
        decide_about_catch_alls,
        correct_typing_errors,
        leave_out_traps,
        take_out_dead,
    ];
    let first = if is_blocked(report) {
        &OF_A_BLOCKED_RUN[..]
    } else {
        &[]
    };
    let mut steps: Vec<Step> = Vec::new();
    for step in first.iter().chain(&STEPS).filter_map(|step| step(report)) {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps
}

fn step(what: String, why: impl Into<String>, how: impl Into<String>) -> Step {
    Step {
        what,
        why: why.into(),
        how: how.into(),
    }
}

fn addresses(count: u64) -> String {
    counted(count, "address", "addresses")
}

fn go_on(report: &Report) -> Option<Step> {
    let why = match report.ending {
        Ending::Completed => return None,
        Ending::Interrupted => "It was interrupted",
        Ending::Deadline => "Its time was over",
        Ending::Stranded => "Our own side failed, such as the proxy or DNS",
    };
    Some(step(
        "Let the check go on: it did not come to its end.".to_owned(),
        format!("{why}. What it learned is kept, and nobody is asked twice."),
        "Run the same command again.",
    ))
}

fn send(report: &Report) -> Option<Step> {
    let after = &report.projection.verified;
    if after.rows == 0 {
        return None;
    }
    Some(step(
        format!("Send to the {} in verified.csv.", addresses(after.rows)),
        match Mood::of(after) {
            Mood::Fine => "Soon: every month about two in a hundred go stale.",
            Mood::Careful | Mood::Stop => {
                "In small batches, watching the bounces: even these may bounce too much."
            }
        },
        "",
    ))
}

fn ask_at_all(report: &Report) -> Option<Step> {
    let open = open(report, |reason| reason == Reason::NotAsked);
    if open == 0 || report.ending != Ending::Completed {
        return None;
    }
    Some(step(
        format!(
            "Have the mail hosts of {} asked: nobody was yet.",
            addresses(open)
        ),
        "What the text and DNS say proves no mailbox.",
        "Run the same command without --offline and --no-smtp, with --mail-from. In review.csv: presend_reason = not_asked.",
    ))
}

fn ask_again(report: &Report) -> Option<Step> {
    let later = open(report, |reason| {
        reason != Reason::NotAsked && may_settle_later(reason)
    });
    if later == 0 || report.ending != Ending::Completed {
        return None;
    }
    Some(step(
        format!(
            "Ask again later about {} that got no answer.",
            addresses(later)
        ),
        "Their mail hosts were silent or too busy; most of them answer another time.",
        "Run the same command again in a few hours; only these are asked. In review.csv: presend_verdict = unknown.",
    ))
}

fn get_off_blocklists(report: &Report) -> Option<Step> {
    let causes = causes(report);
    let mut desks = Vec::new();
    for desk in causes.most_first().iter().flat_map(|cause| cause.desks()) {
        if !desks.contains(&(desk.name, desk.advice)) {
            desks.push((desk.name, desk.advice));
        }
    }
    let (first, _) = desks.first()?;
    let names = match desks.len() {
        1 => (*first).to_owned(),
        more => format!("{first} and {} more", more - 1),
    };
    let how: Vec<String> = desks
        .iter()
        .map(|(name, advice)| format!("{name}: {advice}."))
        .collect();
    Some(step(
        format!("Get this machine's address off the blocklist of {names}."),
        "Mail hosts go by it, and refuse whoever stands on it before anybody is asked about.",
        how.join(" "),
    ))
}

fn ask_from_elsewhere(report: &Report) -> Option<Step> {
    let blocked = open(report, |reason| reason.blame() == Blame::Sender);
    if blocked == 0 {
        return None;
    }
    Some(step(
        format!(
            "Ask from another machine about {} whose mail hosts do not talk to this one.",
            addresses(blocked)
        ),
        "Nothing is known against these addresses: it is the machine that asked whom their hosts turn away.",
        "Run the same command there, or here with --source-ip and another address of this machine; only these are asked. The \
         command presend preflight says what is wrong here. In review.csv: presend_reply has their words.",
    ))
}

fn add_from_review(report: &Report) -> Option<Step> {
    let target = report.target.as_ref().filter(|target| target.added > 0)?;
    let under = match target.basis {
        Basis::Expected => format!("and still expect no more than {}", percent(target.wanted)),
        Basis::Upper => format!("and almost surely stay under {}", percent(target.wanted)),
    };
    Some(step(
        format!(
            "You may add {} from review {under}.",
            addresses(target.added)
        ),
        match &target.file {
            Some(file) => format!("{file} has them together with the verified ones."),
            None => "They are the best of those that nobody could vouch for.".to_owned(),
        },
        match &target.file {
            Some(_) => String::new(),
            None => format!(
                "Run again with --target {}%: target.csv will have them.",
                trimmed(target.wanted * 100.0)
            ),
        },
    ))
}

fn decide_about_catch_alls(report: &Report) -> Option<Step> {
    let about = report.what_if.iter().find(|what| {
        what.group == Group::CatchAlls && what.provider.is_none() && what.review_rows > 0
    })?;
    Some(step(
        format!(
            "Decide about {} at domains that accept everything.",
            addresses(about.review_rows)
        ),
        format!(
            "With them the rate would be {} ({} to {}).",
            percent(about.kept.rate),
            percent(about.kept.low),
            percent(about.kept.high)
        ),
        "In review.csv: presend_reason = catch_all or catch_all_untested.",
    ))
}

fn correct_typing_errors(report: &Report) -> Option<Step> {
    let meant: u64 = report.suggestions.iter().map(|line| line.rows).sum();
    if meant == 0 {
        return None;
    }
    Some(step(
        format!(
            "Correct {}.",
            counted(meant, "probable typing error", "probable typing errors")
        ),
        "Look at each, correct it where it came from, then have it checked again.",
        "presend_suggestion has what was probably meant.",
    ))
}

fn leave_out_traps(report: &Report) -> Option<Step> {
    let traps = report.counts.flag.get("trap_like").copied().unwrap_or(0);
    if traps == 0 {
        return None;
    }
    Some(step(
        format!(
            "Leave out {} that {} like a spam trap.",
            addresses(traps),
            if traps == 1 { "looks" } else { "look" }
        ),
        "Whoever writes to a trap is reported, whatever else is right.",
        "presend_flags contains trap_like.",
    ))
}

fn take_out_dead(report: &Report) -> Option<Step> {
    let dead = report.list.dead;
    if dead == 0 {
        return None;
    }
    let take = match dead {
        1 => "takes",
        _ => "take",
    };
    Some(step(
        format!(
            "Take {} that {take} no mail out of your records.",
            addresses(dead)
        ),
        "Each of them comes back every time, and every one that does counts against you.",
        "In rejected.csv: presend_verdict = undeliverable, with a reason other than bad_syntax and no \
         presend_suggestion; presend_reply has the words of the mail host.",
    ))
}

/// What to know about rows that are not one message each, or did not come in clean: in one line, where there is anything.
#[must_use]
pub fn beside(report: &Report) -> Option<String> {
    let reason = |reason: Reason| report.counts.reason.get(reason.as_str()).copied();
    let flag = |flag: Flag| report.counts.flag.get(flag.as_str()).copied();
    let told: Vec<String> = [
        (flag(Flag::Duplicate), "duplicate row", "duplicate rows"),
        (
            reason(Reason::NoAddress),
            "row without an address",
            "rows without an address",
        ),
        (
            flag(Flag::SeveralAddresses),
            "row with several addresses",
            "rows with several addresses",
        ),
        (flag(Flag::Cleaned), "address cleaned", "addresses cleaned"),
    ]
    .into_iter()
    .filter_map(|(count, one, many)| Some(counted(count.filter(|count| *count > 0)?, one, many)))
    .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// A number without zeros at its end.
fn trimmed(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
