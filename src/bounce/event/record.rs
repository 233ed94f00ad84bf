//! What one line of an export says: fields with names, whether from JSON or from a table.

use std::sync::Arc;

use serde_json::Value;

use super::name::fold;
use super::platform::{Field, Platforms, Understood};
use super::says::Outcome;
use crate::bounce::dsn::{
    self, Action, AutoReply, Claim, Complaint, Diagnostic, Documented, Message, Notice, Recipient,
    Withheld, Withholding, quoted,
};
use crate::bounce::weigh::Kind;
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::smtp::EnhancedCode;

/// The fields of one line of an export, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    fields: Vec<Named>,
    /// The names of all columns of its table, folded, whether or not this row fills them.
    columns: Arc<[String]>,
    column: Column,
}

/// What stands in the column of a table that holds addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Column {
    /// There is none.
    #[default]
    None,
    /// The column was found by its name or content: it counts where no column has a platform's name for the recipient.
    Found(String),
    /// The operator says that this is the recipient.
    Named(String),
}

/// One field of a record, as found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    /// Its own name, folded.
    leaf: String,
    /// Its name with those of the objects that hold it, folded.
    path: String,
    /// How deep it is nested.
    depth: usize,
    value: String,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// As a message would say it.
    pub message: Message,
    /// When it happened, where the record says.
    pub at: Option<Timestamp>,
    /// What makes the event count once.
    pub id: String,
    /// Whether it names a recipient, and nothing in it says what happened.
    pub unsaid: bool,
}

/// What the words of an event say.
#[derive(Debug)]
struct Words {
    outcome: Option<Outcome>,
    claim: Claim,
}

/// Fields whose arrays hold one recipient each, folded; what stands beside the array holds for all of them.
const RECIPIENTS: [&str; 4] = [
    "bouncedrecipients",
    "complainedrecipients",
    "delayedrecipients",
    "failedrecipients",
];

/// Fields whose arrays hold whole events, folded.
const EVENTS: [&str; 9] = [
    "contacts",
    "items",
    "events",
    "results",
    "bounces",
    "records",
    "messages",
    "suppresseddestinationsummaries",
    "suppressions",
];

/// Fields whose text holds an event as JSON once more, folded: Amazon's queues and topics.
const WRAPPED: [&str; 3] = ["message", "body", "value"];

impl Record {
    /// The record of a row of a table.
    pub(super) fn of_row<'a>(
        columns: &Arc<[String]>,
        fields: impl Iterator<Item = (&'a str, &'a str)>,
        column: Column,
    ) -> Record {
        let fields = fields
            .take(limits::EVENT_FIELDS)
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(name, value)| Named {
                leaf: fold(name),
                path: fold(name),
                depth: 0,
                value: value.trim().to_owned(),
            })
            .collect();
        Record {
            fields,
            columns: Arc::clone(columns),
            column,
        }
    }

    /// The names of a table's columns, as records keep them.
    #[must_use]
    pub fn columns(names: &[String]) -> Arc<[String]> {
        names.iter().map(|name| fold(name)).collect()
    }

    /// The records in a JSON value: most hold one, wrappers hold many.
    #[must_use]
    pub fn of_json(value: &Value) -> Vec<Record> {
        let mut records = Vec::new();
        gather(value, limits::EVENT_DEPTH, &mut records);
        records
    }

    /// The first value of a field, by the platforms' names for it.
    fn get<'a>(&'a self, field: Field, platforms: &'a Platforms) -> Option<&'a str> {
        self.all(field, platforms).next()
    }

    /// All values of a field, most telling first.
    fn all<'a>(
        &'a self,
        field: Field,
        platforms: &'a Platforms,
    ) -> impl Iterator<Item = &'a str> + 'a {
        platforms.names(field).iter().flat_map(move |name| {
            let whole = self.fields.iter().filter(move |named| named.path == *name);
            let inner = self
                .fields
                .iter()
                .filter(move |named| named.path != *name && named.leaf == *name);
            whole.chain(inner).map(|named| named.value.as_str())
        })
    }

    /// What the record says; `None` when it names no recipient.
    #[must_use]
    pub fn read(&self, platforms: &Platforms) -> Option<Told> {
        let recipient = self.recipient(platforms)?;
        let understood = platforms.understand(
            |field| self.has(field),
            |condition| {
                self.fields.iter().any(|named| {
                    (named.leaf == condition.field || named.path == condition.field)
                        && condition.holds(&fold(&named.value))
                })
            },
        );
        let words = self.words(platforms, &understood);
        let text = self.text(platforms);
        let status = self
            .all(Field::Status, platforms)
            .chain(self.all(Field::Code, platforms))
            .find_map(|value| EnhancedCode::at_start(value).map(|(code, _)| code));
        let code = self
            .all(Field::Code, platforms)
            .find_map(|value| value.parse::<u16>().ok())
            .filter(|code| (200..600).contains(code) && !understood.own_codes.contains(code));
        let failed = status.is_some_and(|status| status.class != 2)
            || code.is_some_and(|code| code >= 400)
            || status.is_none() && code.is_none() && !text.is_empty();
        // A line of a list of bounces need not say that it is one.
        let outcome = words
            .outcome
            .or_else(|| {
                (words.claim.permanent.is_some() || failed)
                    .then_some(Outcome::Happened(Kind::Bounce))
            })
            .or_else(|| {
                status
                    .is_some_and(|status| status.class == 2)
                    .then_some(Outcome::Happened(Kind::Delivered))
            });
        let unsaid = outcome.is_none() && platforms.unsaid().is_none();
        let outcome = outcome.or_else(|| platforms.unsaid().map(Outcome::Happened));
        let at = self.all(Field::Time, platforms).find_map(moment);
        let claim = words.claim;
        let notice =
            |action| self.notice(platforms, &recipient, &text, status, code, &claim)(action);
        let withheld = |why| {
            Message::Withheld(Withheld {
                recipient: recipient.clone(),
                why,
                claim: claim.clone(),
                text: text.clone(),
            })
        };
        let message = match outcome.unwrap_or(Outcome::Happened(Kind::Other)) {
            Outcome::Withheld(why) => withheld(why),
            Outcome::Happened(Kind::Suppressed) => withheld(Withholding::KnownDead),
            Outcome::Happened(Kind::Unsubscribed) => withheld(Withholding::Unsubscribed),
            Outcome::Happened(Kind::Bounce) => Message::Bounce(notice(Action::Failed)),
            Outcome::Happened(Kind::Delayed) => Message::Delayed(notice(Action::Delayed)),
            Outcome::Happened(Kind::Delivered) => Message::Delivered(notice(Action::Delivered)),
            Outcome::Happened(Kind::AutoReply) => Message::AutoReply(AutoReply {
                from: Some(recipient.clone()),
                subject: None,
                sign: "the platform says so",
            }),
            Outcome::Happened(Kind::Complaint) => Message::Complaint(Complaint {
                feedback_type: self
                    .get(Field::Feedback, platforms)
                    .unwrap_or("abuse")
                    .to_ascii_lowercase(),
                recipients: vec![recipient.clone()],
                ..Complaint::default()
            }),
            Outcome::Happened(Kind::Other) => Message::Other,
        };
        let id = self
            .get(Field::Id, platforms)
            .or_else(|| self.get(Field::Message, platforms))
            .map_or_else(
                || format!("{} {}", at.unwrap_or_default().as_millis(), text),
                |id| format!("event {id}"),
            );
        Some(Told {
            message,
            at,
            id,
            unsaid,
        })
    }

    /// The recipient that the record is about.
    fn recipient(&self, platforms: &Platforms) -> Option<String> {
        match &self.column {
            Column::Named(cell) => dsn::address_in(cell),
            Column::None | Column::Found(_) => self
                .all(Field::Recipient, platforms)
                .find_map(dsn::address_in)
                .or_else(|| match &self.column {
                    Column::Found(cell) => dsn::address_in(cell),
                    Column::None | Column::Named(_) => None,
                }),
        }
    }

    /// Whether there is a field of this name or path (folded).
    fn has(&self, field: &str) -> bool {
        self.fields
            .iter()
            .any(|named| named.leaf == field || named.path == field)
            || self.columns.iter().any(|column| column == field)
    }

    /// What happened, and what is claimed about the cause: by the platform's documentation, else by the words of all
    /// fields that may say so.
    fn words(&self, platforms: &Platforms, understood: &Understood) -> Words {
        let mut words = self.general_words(platforms);
        words.claim.platform.clone_from(&understood.platform);
        if let Some(said) = understood.said {
            words.outcome = said.outcome.or(words.outcome);
            if said.reason.is_some() {
                words.claim.documented = Documented::ForThisClass;
            }
            words.claim.reason = said.reason.or(words.claim.reason);
            words.claim.permanent = said.permanent.or(words.claim.permanent);
        }
        words
    }

    /// What the words say that mean the same at every platform.
    fn general_words(&self, platforms: &Platforms) -> Words {
        let mut kind = None;
        let mut claim = Claim::default();
        for name in platforms.names(Field::Kind) {
            for named in self.fields.iter().filter(|named| named.leaf == *name) {
                // Beside a recipient's own "failed" in a delivery status, the outer word is the one that counts.
                if let Some(found) = platforms.kind(name, &named.value) {
                    kind = Some(match (kind, found) {
                        // The more precise word wins: a "bounce" of the class "auto reply" is none.
                        (None | Some(Kind::Bounce), found) => found,
                        (Some(Kind::Other), Kind::AutoReply | Kind::Complaint) => found,
                        (Some(known), _) => known,
                    });
                }
                if let Some(found) = platforms.claim(name, &named.value) {
                    claim.reason = claim.reason.or(found.reason);
                    // "Soft" anywhere keeps an address; a precise cause is as permanent as the event that it explains.
                    claim.permanent = match (claim.permanent, found.permanent) {
                        (Some(known), _) => Some(known),
                        (None, found) => found,
                    };
                }
            }
        }
        Words {
            outcome: kind.map(Outcome::Happened),
            claim,
        }
    }

    /// The mail host's words: the first text that quotes a reply, else the first that has words at all.
    fn text(&self, platforms: &Platforms) -> String {
        let candidates = || {
            self.all(Field::Text, platforms)
                .filter(|text| text.contains(char::is_whitespace) || text.len() > 24)
        };
        let text = candidates()
            .find(|text| quoted::has_reply(text))
            .or_else(|| candidates().next())
            .or_else(|| {
                self.all(Field::Text, platforms).find(|text| {
                    text.chars().any(char::is_alphabetic) && platforms.kind("", text).is_none()
                })
            });
        text.unwrap_or_default().to_owned()
    }

    /// The record as the notice of a mail system, given what became of the message.
    fn notice<'a>(
        &'a self,
        platforms: &'a Platforms,
        recipient: &'a str,
        text: &'a str,
        status: Option<EnhancedCode>,
        code: Option<u16>,
        claim: &'a Claim,
    ) -> impl FnOnce(Action) -> Notice + 'a {
        move |action| {
            let quotes_none = !quoted::has_reply(text);
            // A text without its code gets the one that stands in a field of its own.
            // A number of another kind in the text is no reply beside a code in a field.
            let another = code.is_some_and(|code| !text.contains(&code.to_string()));
            let bare = quotes_none || quoted::is_enhanced_alone(text) || another;
            let whole = match (bare, code, status) {
                (true, Some(code), Some(status)) if quotes_none => {
                    format!("{code} {status} {text}")
                }
                (true, Some(code), _) => format!("{code} {text}"),
                (true, None, Some(status)) if quotes_none => format!("{status} {text}"),
                (true | false, _, _) => text.to_owned(),
            };
            let whole = whole.trim().to_owned();
            let quoted = quoted::read(&whole);
            let remote = self.all(Field::Remote, platforms).find_map(dsn::host_name);
            Notice {
                reporting_mta: self
                    .all(Field::Reporting, platforms)
                    .find_map(dsn::host_name),
                recipients: vec![Recipient {
                    final_recipient: Some(recipient.to_owned()),
                    action: Some(action),
                    status: status.or(quoted.reply.as_ref().and_then(|reply| reply.enhanced)),
                    diagnostic: (!whole.is_empty()).then_some(Diagnostic {
                        kind: None,
                        text: whole,
                    }),
                    remote_mta: remote.or(quoted.host),
                    stage: quoted.stage,
                    reply: quoted.reply,
                    claim: Some(claim.clone()),
                    ..Recipient::default()
                }],
                ..Notice::default()
            }
        }
    }
}

/// Gathers the records in a value.
fn gather(value: &Value, depth: usize, records: &mut Vec<Record>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Array(items) => {
            for item in items {
                gather(item, depth - 1, records);
            }
        }
        Value::Object(object) => {
            for (name, inner) in object {
                let name = fold(name);
                match inner {
                    Value::Array(items)
                        if EVENTS.contains(&name.as_str())
                            && items.iter().any(Value::is_object) =>
                    {
                        gather(inner, depth - 1, records);
                        return;
                    }
                    Value::String(text)
                        if WRAPPED.contains(&name.as_str())
                            && text.trim_start().starts_with('{') =>
                    {
                        if let Ok(inner) = serde_json::from_str::<Value>(text) {
                            gather(&inner, depth - 1, records);
                            return;
                        }
                    }
                    Value::Object(_) if name == "sns" => {
                        gather(inner, depth - 1, records);
                        return;
                    }
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_)
                    | Value::Object(_) => {}
                }
            }
            let mut common = Record::default();
            let mut each = Vec::new();
            flatten(value, "", 0, &mut common, &mut each);
            if each.is_empty() {
                records.push(common);
            } else {
                for mut record in each {
                    record.fields.extend(common.fields.iter().cloned());
                    records.push(record);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Lays the fields of an object out flat; recipients in arrays become records of their own in `each`.
fn flatten(value: &Value, path: &str, depth: usize, record: &mut Record, each: &mut Vec<Record>) {
    let Value::Object(object) = value else {
        return;
    };
    if depth >= limits::EVENT_DEPTH {
        return;
    }
    for (name, inner) in object {
        if record.fields.len() >= limits::EVENT_FIELDS {
            return;
        }
        let leaf = fold(name);
        let inner_path = format!("{path}{leaf}");
        let mut push = |value: String| {
            record.fields.push(Named {
                leaf: leaf.clone(),
                path: inner_path.clone(),
                depth,
                value,
            });
        };
        match inner {
            Value::Null => {}
            Value::Bool(value) => push(value.to_string()),
            Value::Number(value) => push(value.to_string()),
            Value::String(value) if value.trim().is_empty() => {}
            Value::String(value) => push(value.trim().to_owned()),
            Value::Array(items) if RECIPIENTS.contains(&leaf.as_str()) => {
                for item in items.iter().take(limits::NOTICE_RECIPIENTS) {
                    let mut one = Record::default();
                    flatten(item, "", depth + 1, &mut one, &mut Vec::new());
                    each.push(one);
                }
            }
            Value::Array(items) => {
                if let Some(first) = items.iter().find_map(Value::as_str) {
                    push(first.to_owned());
                }
            }
            Value::Object(_) => flatten(inner, &inner_path, depth + 1, record, each),
        }
    }
}

/// Reads a time as platforms write it: RFC 3339, seconds or milliseconds since 1970, `2026-03-02 06:00:00`, or as in
/// the header of a message (RFC 5322 §3.3).
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        // From 2001 to 2286 as seconds, the same in milliseconds.
        let millis = match number {
            seconds if (1e9..1e10).contains(&seconds) => seconds * 1e3,
            millis if (1e12..1e13).contains(&millis) => millis,
            _ => return None,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 10^12 and 10^13"
        )]
        return Some(Timestamp::from_millis(millis as u64));
    }
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return crate::bounce::dsn::date(text);
    }
    // `humantime` takes neither offsets nor a blank before them.
    let text = text.replacen(' ', "T", 1);
    let (clock, offset) = match text
        .get(19..)
        .and_then(|rest| rest.find(['+', '-', 'Z', ' ']))
    {
        Some(at) => text.split_at(19 + at),
        None => (text.as_str(), "Z"),
    };
    let moment: Timestamp = match clock.len() {
        10 => format!("{clock}T00:00:00Z").parse().ok()?,
        16 => format!("{clock}:00Z").parse().ok()?,
        _ => format!("{clock}Z").parse().ok()?,
    };
    let minutes = offset_minutes(offset.trim())?;
    let shifted = i128::from(moment.as_millis()) - i128::from(minutes) * 60_000;
    u64::try_from(shifted).ok().map(Timestamp::from_millis)
}

/// The minutes that `+02:00`, `-0500`, `Z` or `UTC` stand for.
fn offset_minutes(offset: &str) -> Option<i64> {
    if matches!(offset, "" | "Z" | "UTC" | "GMT") {
        return Some(0);
    }
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 = digits.get(2..4).unwrap_or("0").parse().ok()?;
    Some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reason::Reason;

    fn told(json: &str) -> Vec<(String, String, Option<Reason>, Option<bool>)> {
        let platforms = Platforms::built_in();
        Record::of_json(&serde_json::from_str(json).unwrap())
            .iter()
            .filter_map(|record| record.read(&platforms))
            .map(|told| {
                let (kind, who) = match &told.message {
                    Message::Bounce(notice) => {
                        ("bounce", notice.recipients[0].final_recipient.clone())
                    }
                    Message::Delayed(notice) => {
                        ("delayed", notice.recipients[0].final_recipient.clone())
                    }
                    Message::Delivered(notice) => {
                        ("delivered", notice.recipients[0].final_recipient.clone())
                    }
                    Message::AutoReply(answer) => ("auto_reply", answer.from.clone()),
                    Message::Complaint(complaint) => {
                        ("complaint", complaint.recipients.first().cloned())
                    }
                    Message::Withheld(withheld) => ("withheld", Some(withheld.recipient.clone())),
                    Message::Other => ("other", None),
                };
                let claim = match &told.message {
                    Message::Bounce(notice)
                    | Message::Delayed(notice)
                    | Message::Delivered(notice) => {
                        notice.recipients[0].claim.clone().unwrap_or_default()
                    }
                    Message::Withheld(withheld) => withheld.claim.clone(),
                    Message::AutoReply(_) | Message::Complaint(_) | Message::Other => {
                        Claim::default()
                    }
                };
                (
                    kind.to_owned(),
                    who.unwrap_or_default(),
                    claim.reason,
                    claim.permanent,
                )
            })
            .collect()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn each_platform_is_understood() {
        use Reason::*;
        type Line = (
            &'static str,
            &'static str,
            &'static str,
            Option<Reason>,
            Option<bool>,
        );
        let table: &[Line] = &[
            (
                r#"{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"a@x.example","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}],"timestamp":"2026-03-02T06:00:00.000Z","feedbackId":"f1"},"mail":{"source":"news@shop.example","destination":["other@x.example"]}}"#,
                "bounce",
                "a@x.example",
                None,
                Some(true),
            ),
            (
                r#"{"Type":"Notification","MessageId":"m","Message":"{\"notificationType\":\"Complaint\",\"complaint\":{\"complainedRecipients\":[{\"emailAddress\":\"a@x.example\"}],\"complaintFeedbackType\":\"abuse\"},\"mail\":{}}"}"#,
                "complaint",
                "a@x.example",
                None,
                None,
            ),
            (
                r#"{"eventType":"DeliveryDelay","deliveryDelay":{"delayType":"MailboxFull","delayedRecipients":[{"emailAddress":"a@x.example","status":"4.2.2","diagnosticCode":"452 4.2.2 full"}]}}"#,
                "delayed",
                "a@x.example",
                None,
                None,
            ),
            (
                r#"{"detail-type":"Email Bounced","detail":{"eventType":"Bounce","bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull","bouncedRecipients":[{"emailAddress":"a@x.example"}]}}}"#,
                "bounce",
                "a@x.example",
                Some(MailboxFull),
                Some(false),
            ),
            (
                r#"[{"email":"a@x.example","timestamp":1772431200,"event":"bounce","reason":"550 5.1.1 no","status":"5.1.1","type":"bounce","sg_event_id":"e"}]"#,
                "bounce",
                "a@x.example",
                None,
                None,
            ),
            (
                r#"[{"email":"a@x.example","timestamp":1772431200,"event":"bounce","reason":"550 blocked","type":"blocked"}]"#,
                "bounce",
                "a@x.example",
                Some(SenderRefused),
                Some(false),
            ),
            (
                r#"[{"email":"a@x.example","event":"spamreport"}]"#,
                "complaint",
                "a@x.example",
                None,
                None,
            ),
            (
                r#"[{"email":"a@x.example","event":"dropped","reason":"Bounced Address"}]"#,
                "withheld",
                "a@x.example",
                None,
                None,
            ),
            (
                r#"[{"created":1772431200,"email":"a@x.example","reason":"550 5.1.1 no such user","status":"5.1.1"}]"#,
                "bounce",
                "a@x.example",
                None,
                None,
            ),
            (
                r#"{"signature":{"token":"t"},"event-data":{"event":"failed","severity":"permanent","reason":"bounce","recipient":"a@x.example","timestamp":1772431200.5,"id":"i","delivery-status":{"code":550,"message":"5.1.1 no such user","mx-host":"mx.x.example"},"message":{"headers":{"to":"b@y.example","message-id":"m"}}}}"#,
                "bounce",
                "a@x.example",
                None,
                Some(true),
            ),
            (
                r#"{"items":[{"event":"failed","severity":"temporary","recipient":"a@x.example","delivery-status":{"code":452}}],"paging":{}}"#,
                "bounce",
                "a@x.example",
                None,
                Some(false),
            ),
            (
                r#"{"event-data":{"event":"complained","recipient":"a@x.example"}}"#,
                "complaint",
                "a@x.example",
                None,
                None,
            ),
            (
                r#"{"RecordType":"Bounce","Type":"HardBounce","TypeCode":1,"Email":"a@x.example","Description":"The server was unable to deliver your message","Details":"smtp;550 5.1.1 unknown","BouncedAt":"2026-03-02T06:00:00.0000000-05:00","ID":42}"#,
                "bounce",
                "a@x.example",
                None,
                Some(true),
            ),
            (
                r#"{"TotalCount":1,"Bounces":[{"Type":"AutoResponder","Email":"a@x.example","Details":"out"}]}"#,
                "auto_reply",
                "a@x.example",
                None,
                None,
            ),
            (
                r#"{"RecordType":"SpamComplaint","Type":"SpamComplaint","Email":"a@x.example"}"#,
                "complaint",
                "a@x.example",
                None,
                None,
            ),
            (
                r#"[{"msys":{"message_event":{"type":"bounce","bounce_class":"10","rcpt_to":"a@x.example","raw_reason":"550 5.1.1 unknown user","error_code":"550","event_id":"9","timestamp":"1772431200"}}}]"#,
                "bounce",
                "a@x.example",
                Some(NoSuchMailbox),
                Some(true),
            ),
            (
                r#"{"results":[{"type":"bounce","bounce_class":"51","rcpt_to":"a@x.example","raw_reason":"554 spam"}]}"#,
                "bounce",
                "a@x.example",
                Some(SenderRefused),
                Some(false),
            ),
            (
                r#"[{"event":"hard_bounce","ts":1772431200,"msg":{"email":"a@x.example","bounce_description":"bad_mailbox","diag":"smtp;550 5.1.1 no","state":"bounced"}}]"#,
                "bounce",
                "a@x.example",
                None,
                Some(true),
            ),
            (
                r#"{"events":[{"type":"BOUNCE","recipient":"a@x.example","category":"UNKNOWN_USER","response":"550 5.1.1 no","created":1772431200000,"id":"h"}]}"#,
                "bounce",
                "a@x.example",
                Some(NoSuchMailbox),
                Some(true),
            ),
            (
                r#"{"event":"soft_bounce","email":"a@x.example","reason":"mailbox full","ts_event":1772431200,"message-id":"m"}"#,
                "bounce",
                "a@x.example",
                Some(MailboxFull),
                Some(false),
            ),
            (
                r#"{"event":"bounce","time":1772431200,"email":"a@x.example","blocked":false,"hard_bounce":true,"error_related_to":"recipient","error":"user unknown"}"#,
                "bounce",
                "a@x.example",
                Some(NoSuchMailbox),
                Some(true),
            ),
            (
                r#"{"type":"email.bounced","created_at":"2026-03-02T06:00:00Z","data":{"to":["a@x.example"],"bounce":{"message":"550 5.1.1 no","type":"Permanent","subType":"NoEmail"}}}"#,
                "bounce",
                "a@x.example",
                Some(NoSuchMailbox),
                Some(true),
            ),
            (
                r#"{"event":"delivered","email":"a@x.example"}"#,
                "delivered",
                "a@x.example",
                None,
                None,
            ),
            (
                r#"{"event":"open","email":"a@x.example"}"#,
                "other",
                "",
                None,
                None,
            ),
        ];
        for (json, kind, who, reason, permanent) in table {
            let found = told(json);
            let expected = vec![((*kind).to_owned(), (*who).to_owned(), *reason, *permanent)];
            assert_eq!(found, expected, "{json}");
        }
    }

    #[test]
    fn one_notice_about_several_recipients_is_one_event_for_each() {
        let found = told(
            r#"{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"a@x.example"},{"emailAddress":"b@x.example"}]}}"#,
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].1, "b@x.example");
    }

    #[test]
    fn times_are_read_as_platforms_write_them() {
        for text in [
            "2026-03-02T06:00:00Z",
            "2026-03-02T06:00:00.000Z",
            "2026-03-02 06:00:00",
            "2026-03-02 06:00",
            "2026-03-02T01:00:00-05:00",
            "2026-03-02T01:00:00.0000000-05:00",
            "2026-03-02 07:00:00 +0100",
            "1772431200",
            "1772431200.0",
            "1772431200000",
            "Mon, 02 Mar 2026 06:00:00 +0000",
        ] {
            assert_eq!(
                moment(text).map(|at| at.to_string()).as_deref(),
                Some("2026-03-02T06:00:00Z"),
                "{text}"
            );
        }
        assert_eq!(moment("yesterday"), None);
        assert_eq!(moment("5"), None);
    }
}
