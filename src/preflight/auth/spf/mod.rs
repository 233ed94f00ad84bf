//! SPF (RFC 7208): whether a domain lets an address send in its name.
//!
//! [`Record`] is a record as parsed; [`check_host`] evaluates it as a receiver does; [`SpfTree`] draws the whole of it,
//! for a receiver stops at the first match while an operator who mends a record must see everything.

pub mod edit;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use crate::net::route::DnsFailure;

use crate::preflight::lookup::Text;

mod evaluate;
mod expand;
mod fault;
mod parse;
mod tree;

pub use evaluate::{Question, SpfOutcome, check_host};
pub use expand::MacroString;
#[cfg(feature = "testing")]
pub use fault::Fault;
pub use fault::SyntaxError;
pub use tree::{Branch, Remark, SpfTree, TreeTerm};

/// The results of SPF (RFC 7208 §2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SpfResult {
    /// There is no policy.
    None,
    /// There is one, and it says nothing about this address.
    Neutral,
    /// The address may send.
    Pass,
    /// The address may not send.
    Fail,
    /// The address probably may not send.
    SoftFail,
    /// DNS did not answer; later it may.
    TempError,
    /// The policy cannot be read, and stays so until its record is mended.
    PermError,
}

impl SpfResult {
    /// The word used in JSON and in mail headers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SpfResult::None => "none",
            SpfResult::Neutral => "neutral",
            SpfResult::Pass => "pass",
            SpfResult::Fail => "fail",
            SpfResult::SoftFail => "softfail",
            SpfResult::TempError => "temperror",
            SpfResult::PermError => "permerror",
        }
    }
}

impl fmt::Display for SpfResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a match of a mechanism says (RFC 7208 §4.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// `+`, or nothing.
    Pass,
    /// `-`: the address may not send.
    Fail,
    /// `~`: the address probably may not send.
    SoftFail,
    /// `?`: the domain says nothing of the address.
    Neutral,
}

impl From<Qualifier> for SpfResult {
    fn from(qualifier: Qualifier) -> Self {
        match qualifier {
            Qualifier::Pass => SpfResult::Pass,
            Qualifier::Fail => SpfResult::Fail,
            Qualifier::SoftFail => SpfResult::SoftFail,
            Qualifier::Neutral => SpfResult::Neutral,
        }
    }
}

/// How many leading bits of an address must agree, by family (RFC 7208 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// For IPv4, 0 to 32.
    pub four: u8,
    /// For IPv6, 0 to 128.
    pub six: u8,
}

/// What a directive matches (RFC 7208 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Every address (§5.1).
    All,
    /// What another domain's policy passes (§5.2).
    Include(MacroString),
    /// The addresses of a name, of the domain itself when none is given (§5.3).
    A(Option<MacroString>, Prefixes),
    /// The addresses of a name's mail hosts (§5.4).
    Mx(Option<MacroString>, Prefixes),
    /// An address whose confirmed reverse name lies under a name; not to be used (§5.5).
    Ptr(Option<MacroString>),
    /// An IPv4 network (§5.6).
    Ip4(Ipv4Addr, u8),
    /// An IPv6 network (§5.6).
    Ip6(Ipv6Addr, u8),
    /// Anything, when a name made from the message has an IPv4 address (§5.7).
    Exists(MacroString),
}

/// One mechanism with what its match says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// What a match says.
    pub qualifier: Qualifier,
    /// The condition under which it matches.
    pub mechanism: Mechanism,
    /// The term as it stands in the record.
    pub text: String,
}

/// A well-formed SPF record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The directives, in the order in which they are tried.
    pub directives: Vec<Directive>,
    /// The domain whose policy is used when nothing matched (§6.1).
    pub redirect: Option<MacroString>,
    /// Where the explanation of a failure stands (§6.2).
    pub explanation: Option<MacroString>,
}

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A record breaks the grammar.
    #[error("the SPF record of {domain} is malformed: {fault}")]
    Syntax {
        /// The domain that publishes it.
        domain: String,
        /// What is wrong with it.
        fault: SyntaxError,
    },
    /// A domain publishes more than one record (§4.5).
    #[error("{domain} publishes {count} SPF records; receivers then use none of them")]
    SeveralRecords {
        /// The domain that publishes them.
        domain: String,
        /// How many there are.
        count: usize,
    },
    /// An `include` or `redirect` leads to a domain without a record (§5.2, §6.1).
    #[error("{term} leads to {domain}, which publishes no SPF record")]
    NoRecord {
        /// The term that leads there.
        term: String,
        /// Where it leads.
        domain: String,
    },
    /// More terms ask DNS than receivers follow (§4.6.4).
    #[error(
        "the policy needs more than {} DNS look-ups",
        crate::model::limits::SPF_LOOKUPS
    )]
    TooManyLookups,
    /// More terms find nothing than receivers put up with (§4.6.4).
    #[error(
        "more than {} terms of the policy find nothing in DNS",
        crate::model::limits::SPF_VOID_LOOKUPS
    )]
    TooManyVoidLookups,
    /// An `mx` term leads to too many hosts (§4.6.4).
    #[error(
        "{term} leads to {count} mail hosts; receivers stop at {}",
        crate::model::limits::SPF_MAIL_HOSTS
    )]
    TooManyMailHosts {
        /// The term, as published.
        term: String,
        /// How many hosts.
        count: usize,
    },
    /// A policy includes itself.
    #[error("{domain} includes itself by way of {term}")]
    Loop {
        /// The domain that comes round again.
        domain: String,
        /// The term that closes the loop.
        term: String,
    },
    /// DNS did not answer.
    #[error("DNS did not answer about {name}: {failure}")]
    Dns {
        /// The name asked for.
        name: String,
        /// What went wrong.
        failure: DnsFailure,
    },
}

impl Problem {
    /// The result that a receiver comes to.
    #[must_use]
    pub fn result(&self) -> SpfResult {
        match self {
            Problem::Dns { .. } => SpfResult::TempError,
            Problem::Syntax { .. }
            | Problem::SeveralRecords { .. }
            | Problem::NoRecord { .. }
            | Problem::TooManyLookups
            | Problem::TooManyVoidLookups
            | Problem::TooManyMailHosts { .. }
            | Problem::Loop { .. } => SpfResult::PermError,
        }
    }
}

/// The SPF records among the TXT records of a name: those that begin with the version, then a space or nothing
/// (RFC 7208 §4.5).
#[must_use]
pub fn select(texts: &[Text]) -> Vec<&Text> {
    const VERSION: &[u8] = b"v=spf1";
    texts
        .iter()
        .filter(|text| {
            let bytes = text.joined();
            bytes
                .get(..VERSION.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(VERSION))
                && matches!(bytes.get(VERSION.len()), None | Some(b' '))
        })
        .collect()
}

/// The domain whose policy an SMTP transaction is judged by, and as what sender: MAIL FROM, or `postmaster` at the HELO
/// name when it is null (RFC 7208 §2.4); a missing local part is `postmaster` too (§4.3).
///
/// Returns the domain and the sender.
#[must_use]
pub fn identity(mail_from: &str, helo: &str) -> (String, String) {
    let bare = mail_from
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap_or(mail_from);
    if bare.is_empty() {
        return (helo.to_owned(), format!("postmaster@{helo}"));
    }
    match bare.rsplit_once('@') {
        Some(("", domain)) => (domain.to_owned(), format!("postmaster@{domain}")),
        Some((_, domain)) => (domain.to_owned(), bare.to_owned()),
        None => (bare.to_owned(), format!("postmaster@{bare}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_problem_of_a_policy_has_its_words() {
        let domain = || "acme.test".to_owned();
        let term = || "include:mail.test".to_owned();
        let fault = SyntaxError {
            term: "ip4:one".to_owned(),
            fault: Fault::Ip4,
        };
        let texts = error_texts!(Problem {
            Syntax { domain: domain(), fault: fault },
            SeveralRecords { domain: domain(), count: 2 },
            NoRecord { term: term(), domain: "mail.test".to_owned() },
            TooManyLookups,
            TooManyVoidLookups,
            TooManyMailHosts { term: "mx".to_owned(), count: 12 },
            Loop { domain: domain(), term: term() },
            Dns { name: domain(), failure: DnsFailure::Timeout },
        });
        insta::assert_snapshot!(texts, @r#"
        the SPF record of acme.test is malformed: in "ip4:one": this is no IPv4 network; write it as in ip4:192.0.2.0/24
        acme.test publishes 2 SPF records; receivers then use none of them
        include:mail.test leads to mail.test, which publishes no SPF record
        the policy needs more than 10 DNS look-ups
        more than 2 terms of the policy find nothing in DNS
        mx leads to 12 mail hosts; receivers stop at 10
        acme.test includes itself by way of include:mail.test
        DNS did not answer about acme.test: no name server answered in time
        "#);
    }
}
