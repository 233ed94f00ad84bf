//! What a message or an event comes to, for the tests that say what it should be.
//!
//! Every case goes through `bounces` as people run it on a file, and through `explain`: both must say the same, for
//! both show what `weigh` decides.

use std::fs;

use presend::bounce::explain::{self, Hints, Knowledge, json};
use presend::bounce::import::{self as bounces, BounceEvent, Kind, SourceError, Understood};
use serde_json::Value;

/// What one happening must be.
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) who: Option<&'static str>,
    /// Names of reasons of which one is right; `-` for none.
    pub(crate) reasons: &'static [&'static str],
    pub(crate) fate: Fate,
}

/// What becomes of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is not written to again.
    Suppressed,
    /// It stays.
    Stays,
}

pub(crate) fn wanted(
    kind: Kind,
    who: &'static str,
    reasons: &'static [&'static str],
    fate: Fate,
) -> Wanted {
    Wanted {
        kind,
        who: (who != "-").then_some(who),
        reasons,
        fate,
    }
}

pub(crate) fn happenings(name: &str, bytes: &[u8]) -> Result<Vec<BounceEvent>, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    bounces::read(&path)
}

/// Checks one source; what is wrong goes to `faults`.
pub(crate) fn check(
    name: &str,
    file: &str,
    content: &str,
    all: &[Wanted],
    faults: &mut Vec<String>,
) {
    let found = match happenings(file, content.as_bytes()) {
        Ok(found) => found,
        Err(error) => {
            faults.push(format!("{name}: {error}"));
            return;
        }
    };
    let told: Vec<String> = found
        .iter()
        .map(|one| {
            format!(
                "{} {:?} {:?} suppressed: {} ({})",
                one.kind.as_str(),
                one.final_recipient,
                one.reason,
                one.suppresses(),
                one.because
            )
        })
        .collect();
    let fits = |one: &BounceEvent, wanted: &Wanted| {
        one.kind == wanted.kind
            && one.final_recipient.as_deref() == wanted.who
            && wanted.reasons.contains(
                &one.reason
                    .map_or("-", presend::model::reason::Reason::as_str),
            )
            && one.suppresses() == (wanted.fate == Fate::Suppressed)
    };
    let right =
        found.len() == all.len() && found.iter().zip(all).all(|(one, wanted)| fits(one, wanted));
    if !right {
        faults.push(format!("{name}:\n    {}", told.join("\n    ")));
    }
}

/// A report with one recipient, after the format of Postfix.
pub(crate) fn report(fields: &str) -> String {
    told_and_reported("The message could not be passed on.", fields)
}

/// A report with words before it.
pub(crate) fn told_and_reported(words: &str, fields: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@out.shop.example (Mail Delivery System)\nTo: news@shop.example\n\
         Subject: Undelivered Mail Returned to Sender\nDate: Mon, 2 Mar 2026 06:00:00 +0000\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"cut\"\n\n--cut\nContent-Type: text/plain\n\n\
         {words}\n\n--cut\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; out.shop.example\n\n{fields}\n\n\
         --cut\nContent-Type: message/rfc822\n\nFrom: Shop <news@shop.example>\nTo: rosa@garden.example\nSubject: Seeds\n\
         Message-ID: <seeds@shop.example>\n\nHello\n\n--cut--\n"
    )
}

/// A notice in words alone.
pub(crate) fn words(from: &str, subject: &str, text: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: {from}\nTo: news@shop.example\nSubject: {subject}\nDate: Mon, 2 Mar 2026 06:00:00 +0000\n\n{text}\n"
    )
}

/// Whom most cases are about.
pub(crate) const ROSA: &str = "rosa@garden.example";

/// Where `explain` and `bounces` say different things of one message, or of the first event of an export.
pub(crate) fn disagreement(name: &str, file: &str, bytes: &[u8], faults: &mut Vec<String>) {
    let explained = explain::explain(bytes, Hints::default(), Knowledge::built_in());
    let mut imported = happenings(file, bytes).unwrap();
    if !file.ends_with("eml") {
        imported.retain(|one| one.understood == Understood::Yes);
        imported.truncate(1);
    }
    let told: Vec<_> = explained
        .recipients
        .iter()
        .map(|one| {
            (
                one.final_recipient.clone(),
                one.verdict.kind,
                one.verdict.reason,
                one.verdict.condemns,
                one.address_action,
            )
        })
        .collect();
    let learned: Vec<_> = imported
        .iter()
        .filter(|_| !told.is_empty())
        .map(|one| {
            (
                one.final_recipient.clone(),
                one.kind,
                one.reason,
                one.suppresses(),
                one.address_action,
            )
        })
        .collect();
    if told != learned {
        faults.push(format!(
            "{name}: explain says {told:?}, bounces says {learned:?}"
        ));
    }
    if !told.is_empty() {
        return;
    }
    let object: Value = serde_json::from_str(&json::to_string(&explained).unwrap()).unwrap();
    for one in &imported {
        if object["kind"] != one.kind.as_str() || explained.address_action != one.address_action {
            faults.push(format!(
                "{name}: explain says {} and {:?}, bounces says {:?} and {:?}",
                object["kind"], explained.address_action, one.kind, one.address_action
            ));
        }
    }
}
