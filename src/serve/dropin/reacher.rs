//! `POST /v0/check_email` and `/v1/check_email`, as Reacher's backend answers (its `OpenAPI` document, version 0.10).
//!
//! What the request says of how to ask (`from_email`, `hello_name`, `proxy`, `smtp_port`, methods) is left aside: hosts
//! are asked in the operator's own name, within their limits. `mx.records` names the hosts that were asked, not all
//! there are.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{hosts, was_answered};
use crate::model::flag::Flag;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Standing;
use crate::verify::check::JudgedAddress;

/// What Reacher's clients send. Fields that say how to ask are taken and left aside.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CheckEmailRequest {
    /// The address to check.
    pub to_email: String,
}

/// What Reacher's clients are answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckEmailOutput {
    /// What was sent.
    input: String,
    /// `safe`, `risky`, `invalid` or `unknown`.
    is_reachable: &'static str,
    misc: Misc,
    mx: Mx,
    /// Details, or `{"type", "message"}` where no host gave any.
    #[schema(value_type = Object)]
    smtp: Value,
    syntax: Syntax,
    #[schema(value_type = Object)]
    debug: Value,
}

#[derive(Debug, Serialize, ToSchema)]
struct Misc {
    is_disposable: bool,
    is_role_account: bool,
    gravatar_url: Option<String>,
    haveibeenpwned: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Mx {
    accepts_mail: bool,
    records: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Syntax {
    address: Option<String>,
    domain: String,
    is_valid_syntax: bool,
    username: String,
    normalized_email: Option<String>,
    suggestion: Option<String>,
}

/// The answer of Reacher's backend to what is known of `input`; it was asked at `began` and took so long.
pub fn output(
    input: &str,
    judged: &JudgedAddress,
    began: Timestamp,
    took: Duration,
) -> CheckEmailOutput {
    let judgement = &judged.judgement;
    let verdict = judgement.verdict;
    let (disposable, role) = (
        judgement.flags.has(Flag::Disposable),
        judgement.flags.has(Flag::Role),
    );
    let address = judged.address.as_ref();
    CheckEmailOutput {
        input: input.to_owned(),
        is_reachable: match verdict.standing {
            Standing::Deliverable if disposable || role => "risky",
            Standing::Deliverable => "safe",
            Standing::Risky => "risky",
            Standing::Undeliverable => "invalid",
            Standing::Unknown => "unknown",
        },
        misc: Misc {
            is_disposable: disposable,
            is_role_account: role,
            gravatar_url: None,
            haveibeenpwned: None,
        },
        mx: Mx {
            accepts_mail: address.is_some() && !takes_no_mail(verdict.reason),
            records: hosts(judged)
                .into_iter()
                .map(|host| format!("{host}."))
                .collect(),
        },
        smtp: smtp(judged),
        syntax: Syntax {
            address: address.map(ToString::to_string),
            domain: address.map_or_else(String::new, |address| address.domain().wire().to_owned()),
            is_valid_syntax: address.is_some(),
            username: address.map_or_else(String::new, |address| address.local().to_owned()),
            normalized_email: address.map(|address| address.key().into_owned()),
            suggestion: judgement.suggestion.clone(),
        },
        debug: json!({
            "start_time": began,
            "end_time": began + took,
            "duration": { "secs": took.as_secs(), "nanos": took.subsec_nanos() },
            "server_name": "presend",
            "smtp": { "verif_method": { "type": "Smtp" } },
        }),
    }
}

/// Whether DNS says that no mail is taken.
fn takes_no_mail(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NoSuchDomain | Reason::NoMailHost | Reason::NullMx | Reason::MxNotPublic
    )
}

fn smtp(judged: &JudgedAddress) -> Value {
    let judgement = &judged.judgement;
    let verdict = judgement.verdict;
    let is_known = verdict.standing != Standing::Unknown;
    if !is_known && !was_answered(judged) {
        return json!({ "type": "SmtpError", "message": format!("{}: {}", verdict.reason, judgement.reply) });
    }
    let accepted = verdict.standing == Standing::Deliverable
        || matches!(
            verdict.reason,
            Reason::CatchAll | Reason::CatchAllUntested | Reason::AcceptedProvider
        );
    json!({
        "can_connect_smtp": !hosts(judged).is_empty(),
        "has_full_inbox": verdict.reason == Reason::MailboxFull,
        "is_catch_all": verdict.reason == Reason::CatchAll,
        "is_deliverable": accepted,
        "is_disabled": verdict.reason == Reason::MailboxDisabled,
    })
}
