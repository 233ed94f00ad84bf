//! An explanation as programs read it: the contract of `explain --json`.
//!
//! Fields are only ever added; what is unknown is `null`.

use serde::Serialize;

use super::{AddressAction, ExplainedRecipient, Explanation, RejectedBy, Subject};
use crate::bounce::dsn::{Action, Withholding};
use crate::model::reason::{Blame, Reason};
use crate::smtp::EnhancedCode;
use crate::smtp::rules::Interpretation;

/// The object of one explanation.
#[derive(Debug, Serialize)]
struct Object<'a> {
    kind: Kind,
    readings: Vec<ReadingObject<'a>>,
    address_action: AddressAction,
    sender_action: &'a [String],
    rejected_by: RejectedBy,
    reporting_mta: Option<&'a str>,
    remote_mta: Option<&'a str>,
    recipients: Vec<RecipientObject<'a>>,
}

/// What was explained. The names are part of the contract.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// A reply or code, as text.
    Reply,
    /// A notice that a message was given up.
    Bounce,
    /// A notice that a message is late.
    Delayed,
    /// A notice that a message arrived.
    Delivered,
    /// The answer of a machine in a person's place.
    AutoReply,
    /// A complaint.
    Complaint,
    /// A platform sent nothing, since the address had bounced or complained before, or is kept from mail.
    Suppressed,
    /// A platform sent nothing, since the person has unsubscribed.
    Unsubscribed,
    /// A message of no such kind.
    Other,
    /// Nothing at all.
    Nothing,
}

impl From<&Subject> for Kind {
    fn from(subject: &Subject) -> Kind {
        match subject {
            Subject::Reply(_) => Kind::Reply,
            Subject::Bounce => Kind::Bounce,
            Subject::Delay => Kind::Delayed,
            Subject::Delivery => Kind::Delivered,
            Subject::AutoReply(_) => Kind::AutoReply,
            Subject::Complaint(_) => Kind::Complaint,
            Subject::Withheld(Withholding::KnownDead | Withholding::Undisclosed) => {
                Kind::Suppressed
            }
            Subject::Withheld(Withholding::Unsubscribed) => Kind::Unsubscribed,
            Subject::Withheld(Withholding::OwnChoice)
            | Subject::Feedback(_)
            | Subject::OtherMessage => Kind::Other,
            Subject::Nothing => Kind::Nothing,
        }
    }
}

/// One reading, as an object of the output.
#[derive(Debug, Serialize)]
struct ReadingObject<'a> {
    reason: Reason,
    blame: Blame,
    permanent: bool,
    rule: &'a str,
    why: &'a str,
}

/// One recipient of a notice.
#[derive(Debug, Serialize)]
struct RecipientObject<'a> {
    r#final: Option<&'a str>,
    original: Option<&'a str>,
    action: Option<Action>,
    status: Option<EnhancedCode>,
    diagnostic: Option<&'a str>,
    reason: Option<Reason>,
}

/// The explanation as a JSON value, in the order of the contract.
///
/// # Errors
///
/// Never in practice: every field is text, a number, a word or a list of them.
pub fn to_string(explanation: &Explanation) -> serde_json::Result<String> {
    serde_json::to_string(&object(explanation))
}

/// The same over several lines, indented for reading.
///
/// # Errors
///
/// As [`to_string`].
pub fn to_string_pretty(explanation: &Explanation) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&object(explanation))
}

fn object(explanation: &Explanation) -> Object<'_> {
    Object {
        kind: Kind::from(&explanation.subject),
        readings: explanation.readings.iter().map(reading).collect(),
        address_action: explanation.address_action,
        sender_action: &explanation.sender_action,
        rejected_by: explanation.rejected_by,
        reporting_mta: explanation.reporting_mta.as_deref(),
        remote_mta: explanation.remote_mta.as_deref(),
        recipients: explanation.recipients.iter().map(recipient).collect(),
    }
}

fn reading(interpretation: &Interpretation) -> ReadingObject<'_> {
    ReadingObject {
        reason: interpretation.reading.reason,
        blame: interpretation.reading.reason.blame(),
        permanent: interpretation.reading.permanent,
        rule: &interpretation.reading.rule,
        why: &interpretation.why,
    }
}

fn recipient(recipient: &ExplainedRecipient) -> RecipientObject<'_> {
    RecipientObject {
        r#final: recipient.final_recipient.as_deref(),
        original: recipient.original.as_deref(),
        action: recipient.action,
        status: recipient.status,
        diagnostic: recipient.diagnostic.as_deref(),
        reason: recipient.verdict.reason,
    }
}
