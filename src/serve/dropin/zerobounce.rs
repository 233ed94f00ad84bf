//! `GET /v2/validate` and `/v2/getcredits`, as `ZeroBounce` answers (its documentation of version 2).
//!
//! Where `ZeroBounce` calls a full mailbox `invalid`, it is `unknown` here: it exists, and may have room tomorrow. What is
//! only known to who sells data about people (names, places, ages) is `null`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::hosts;
use crate::model::flag::Flag;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Standing;
use crate::verify::check::JudgedAddress;

/// What `ZeroBounce`'s clients send.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Validating {
    /// A token of this server.
    pub api_key: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// Left aside.
    pub ip_address: Option<String>,
    /// How long to wait at most, in seconds.
    pub timeout: Option<u64>,
}

/// What `ZeroBounce`'s clients are answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Validated {
    address: String,
    status: &'static str,
    sub_status: &'static str,
    free_email: bool,
    did_you_mean: Option<String>,
    account: Option<String>,
    domain: Option<String>,
    domain_age_days: Option<String>,
    active_in_days: Option<String>,
    smtp_provider: Option<String>,
    mx_found: String,
    mx_record: Option<String>,
    firstname: Option<String>,
    lastname: Option<String>,
    gender: Option<String>,
    country: Option<String>,
    region: Option<String>,
    city: Option<String>,
    zipcode: Option<String>,
    processed_at: String,
}

/// `ZeroBounce`'s answer to what is known of `input` at `now`.
pub fn validated(input: &str, judged: &JudgedAddress, now: Timestamp) -> Validated {
    let judgement = &judged.judgement;
    let (status, sub_status) = status(judged);
    let address = judged.address.as_ref();
    let host = hosts(judged).first().map(|host| (*host).to_owned());
    // `2017-04-01 02:48:02.592`
    let at = serde_json::to_value(now).unwrap_or_default();
    let at = at.as_str().unwrap_or_default().replace('T', " ");
    Validated {
        address: input.to_owned(),
        status,
        sub_status,
        free_email: judgement.flags.has(Flag::Free),
        did_you_mean: judgement.suggestion.clone(),
        account: address.map(|address| address.local().to_owned()),
        domain: address.map(|address| address.domain().wire().to_owned()),
        domain_age_days: None,
        active_in_days: None,
        smtp_provider: judgement.provider.clone(),
        mx_found: host.is_some().to_string(),
        mx_record: host,
        firstname: None,
        lastname: None,
        gender: None,
        country: None,
        region: None,
        city: None,
        zipcode: None,
        processed_at: at.trim_end_matches('Z').to_owned(),
    }
}

fn status(judged: &JudgedAddress) -> (&'static str, &'static str) {
    let judgement = &judged.judgement;
    let flags = judgement.flags;
    let sub = sub_status(judgement.verdict.reason);
    let catch_all = judgement.verdict.reason == Reason::CatchAll;
    if judgement.verdict.reason == Reason::Suppressed {
        return ("do_not_mail", "global_suppression");
    }
    match judgement.verdict.standing {
        Standing::Undeliverable => match judgement.suggestion {
            Some(_) if sub == "mailbox_not_found" || sub == "no_dns_entries" => {
                ("invalid", "possible_typo")
            }
            Some(_) | None => ("invalid", sub),
        },
        Standing::Deliverable | Standing::Risky | Standing::Unknown
            if flags.has(Flag::Disposable) =>
        {
            ("do_not_mail", "disposable")
        }
        Standing::Deliverable | Standing::Risky | Standing::Unknown
            if flags.has(Flag::TrapLike) =>
        {
            ("do_not_mail", "possible_trap")
        }
        Standing::Deliverable | Standing::Risky if flags.has(Flag::Role) => {
            if catch_all {
                ("do_not_mail", "role_based_catch_all")
            } else {
                ("do_not_mail", "role_based")
            }
        }
        Standing::Deliverable => ("valid", ""),
        Standing::Risky if judgement.verdict.reason == Reason::MailboxFull => ("unknown", sub),
        Standing::Risky => ("catch-all", ""),
        Standing::Unknown => ("unknown", sub),
    }
}

fn sub_status(reason: Reason) -> &'static str {
    match reason {
        Reason::BadSyntax | Reason::NoAddress => "failed_syntax_check",
        Reason::NoSuchDomain | Reason::NoMailHost | Reason::DnsTrouble => "no_dns_entries",
        Reason::NullMx | Reason::DomainNotServed => "does_not_accept_mail",
        Reason::MxNotPublic => "unroutable_ip_address",
        Reason::Accepted
        | Reason::AcceptedProvider
        | Reason::CatchAll
        | Reason::CatchAllUntested => "",
        Reason::NoSuchMailbox | Reason::MailboxDisabled | Reason::MailboxMoved => {
            "mailbox_not_found"
        }
        Reason::MailboxFull => "mailbox_quota_exceeded",
        Reason::Greylisted => "greylisted",
        Reason::MailboxBusy | Reason::HostBusy | Reason::TryLater | Reason::NotAccepting => {
            "mail_server_temporary_error"
        }
        Reason::SenderBlocked
        | Reason::SenderUnauthenticated
        | Reason::SenderRefused
        | Reason::RateLimited
        | Reason::NeedsPtr
        | Reason::RelayDenied => "antispam_system",
        Reason::TlsRequired | Reason::TooManyRecipients | Reason::Unreachable => {
            "failed_smtp_connection"
        }
        Reason::Silent | Reason::Expired => "mail_server_did_not_respond",
        Reason::HungUp => "forcible_disconnect",
        Reason::Deadline => "timeout_exceeded",
        Reason::Role => "role_based",
        Reason::Disposable => "disposable",
        Reason::TrapLike => "possible_trap",
        Reason::Suppressed => "global_suppression",
        Reason::ProtocolFault
        | Reason::ProviderAnomaly
        | Reason::Duplicate
        | Reason::NotAsked
        | Reason::Interrupted
        | Reason::Unread => "exception_occurred",
    }
}
