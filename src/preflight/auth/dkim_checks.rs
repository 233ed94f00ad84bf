//! A sender's DKIM keys for the checklist: those of the given selectors, else the common ones.

use serde::{Deserialize, Serialize};

use crate::model::limits;
use crate::net::route::DnsFailure;

use crate::preflight::auth::dkim::{Key, KeyFault, KeyKind, KeyRecord, read_key};
use crate::preflight::check::Check;
use crate::preflight::lookup::{Found, Lookups};

/// How a selector came to be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The operator: a missing key is a fault.
    Given,
    /// Our list of common ones: a missing key says nothing.
    Common,
}

/// What stands at a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtSelector {
    /// A record that can be read.
    Record(KeyRecord),
    /// One that cannot.
    Malformed(KeyFault),
    /// More than one (RFC 6376 §3.6.2.2: the result is undefined).
    Several(usize),
    /// No record.
    Nothing,
    /// DNS did not say.
    Failed(DnsFailure),
}

/// One selector and what stands at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The selector's name, without `._domainkey`.
    pub selector: String,
    /// How it came to be looked up.
    pub origin: Origin,
    /// What stands there.
    pub at: AtSelector,
}

#[derive(Deserialize)]
struct File {
    selectors: Vec<String>,
}

/// The selectors that services use for all their customers.
///
/// # Panics
/// Never: a test reads the same text.
#[must_use]
pub fn common_selectors() -> Vec<String> {
    let file: File = toml::from_str(include_str!("../../../config/dkim_selectors.toml"))
        .expect("the selectors that come with the program are well formed");
    file.selectors
}

/// Asks DNS for the key at a selector (RFC 6376 §3.6.2).
pub async fn look(lookups: &Lookups, domain: &str, selector: &str, origin: Origin) -> Selected {
    let name = format!("{selector}._domainkey.{domain}");
    let at = match lookups.texts(&name).await {
        Found::Nothing(_) => AtSelector::Nothing,
        Found::Failed(failure) => AtSelector::Failed(failure),
        Found::Some(texts) => match texts.as_slice() {
            [text] => match read_key(&text.joined()) {
                Ok(record) => AtSelector::Record(record),
                Err(fault) => AtSelector::Malformed(fault),
            },
            several => AtSelector::Several(several.len()),
        },
    };
    Selected {
        selector: selector.to_owned(),
        origin,
        at,
    }
}

impl Selected {
    /// The key, when receivers can use it.
    #[must_use]
    pub fn usable(&self) -> Option<Key> {
        match &self.at {
            AtSelector::Record(KeyRecord::Key(key)) => {
                let strong = match key.kind {
                    KeyKind::Rsa { bits } => bits >= limits::DKIM_RSA_BITS,
                    KeyKind::Ed25519 => true,
                };
                (strong && !key.testing).then_some(*key)
            }
            AtSelector::Record(KeyRecord::Revoked)
            | AtSelector::Malformed(_)
            | AtSelector::Several(_)
            | AtSelector::Nothing
            | AtSelector::Failed(_) => None,
        }
    }
}

/// The checks of DKIM.
#[must_use]
pub fn checks(domain: &str, selected: &[Selected]) -> Vec<Check> {
    const WHY: &str = "DKIM signs your mail, so that receivers know it is yours and unchanged.";
    let mut checks: Vec<Check> = selected
        .iter()
        .filter_map(|selected| check(domain, selected, WHY))
        .collect();
    let given = selected.iter().any(|one| one.origin == Origin::Given);
    if checks.is_empty() && !given {
        checks.push(Check::unknown(
            "dkim_key",
            "no key at any of the common selectors",
            WHY,
            "Look up your selector (the s= in the DKIM-Signature line of a message you sent) and run this again with \
             --selector NAME. If you do not sign yet, switch on DKIM at your mail service and publish the record it shows",
        ));
    }
    // A forgotten key of a common selector is no fault while another is in order.
    if selected.iter().any(|one| one.usable().is_some()) {
        for (check, one) in checks
            .iter_mut()
            .zip(selected.iter().filter(|one| is_of_note(one)))
        {
            if one.origin == Origin::Common && one.usable().is_none() {
                check.id = "dkim_spare_key";
                *check = check.clone().advised();
            }
        }
    }
    checks
}

fn is_of_note(selected: &Selected) -> bool {
    match (&selected.at, selected.origin) {
        (
            AtSelector::Nothing | AtSelector::Failed(_) | AtSelector::Record(KeyRecord::Revoked),
            Origin::Common,
        ) => false,
        (_, Origin::Given | Origin::Common) => true,
    }
}

fn check(domain: &str, selected: &Selected, why: &str) -> Option<Check> {
    const ID: &str = "dkim_key";
    if !is_of_note(selected) {
        return None;
    }
    let selector = &selected.selector;
    let name = format!("{selector}._domainkey.{domain}");
    let again = format!(
        "Make a new key of 2048 bits at your mail service and publish the TXT record it shows at {name}, whole and on \
         one line: v=DKIM1; k=rsa; p=..."
    );
    Some(match &selected.at {
        AtSelector::Nothing => Check::fail(
            ID,
            format!("there is no key at {name}"),
            why,
            format!(
                "Publish the TXT record that your mail service shows at {name}: v=DKIM1; k=rsa; p=..."
            ),
        ),
        AtSelector::Failed(failure) => Check::unknown(
            ID,
            format!("{name}: {failure}"),
            why,
            "Run this again when DNS answers",
        ),
        AtSelector::Several(count) => Check::fail(
            ID,
            format!("{count} records at {name}"),
            why,
            format!("Delete all but the current TXT record at {name}"),
        ),
        AtSelector::Malformed(fault) => Check::fail(ID, format!("{selector}: {fault}"), why, again),
        AtSelector::Record(KeyRecord::Revoked) => Check::fail(
            ID,
            format!("{selector}: the key is revoked (empty p=)"),
            why,
            again,
        ),
        AtSelector::Record(KeyRecord::Key(key)) => {
            let shown = match key.kind {
                KeyKind::Rsa { bits } => format!("{selector}: RSA, {bits} bits"),
                KeyKind::Ed25519 => format!("{selector}: Ed25519"),
            };
            if key.testing {
                return Some(Check::fail(
                    ID,
                    format!("{shown}, in testing (t=y)"),
                    "Receivers treat mail signed by a testing key as not signed.",
                    format!("Take t=y out of the TXT record at {name}"),
                ));
            }
            match key.kind {
                KeyKind::Rsa { bits } if bits < limits::DKIM_RSA_BITS => Check::fail(
                    ID,
                    shown,
                    "Receivers refuse RSA keys under 1024 bits (RFC 8301).",
                    again,
                ),
                KeyKind::Rsa { bits } if bits < limits::DKIM_RSA_BITS_ADVISED => {
                    let mut check = Check::pass(
                        ID,
                        shown,
                        "The key is accepted, but 2048 bits are advised (RFC 8301).",
                    );
                    check.fix = Some(again);
                    check
                }
                KeyKind::Rsa { .. } | KeyKind::Ed25519 => Check::pass(ID, shown, why),
            }
        }
    })
}
