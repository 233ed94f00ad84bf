//! An explanation as text: short sentences, wrapped to the terminal.

use std::fmt::Write;
use std::time::Duration;

use super::{AddressAction, ExplainedRecipient, Explanation, RejectedBy, Subject, action_after};
use crate::bounce::dsn::{Action, Withholding};
use crate::model::limits;
use crate::model::reason::{Blame, Reason};
use crate::smtp::rules::Interpretation;

/// How text may be dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Nothing but text.
    Plain,
    /// Headings in bold (ECMA-48). Every word is there without it, too.
    Colour,
}

/// Width of the headings' column.
const HEADING: usize = 16;

/// Shows an explanation, wrapped to `width` columns.
#[must_use]
pub fn render(explanation: &Explanation, width: usize, style: Style) -> String {
    let mut page = Page {
        out: String::new(),
        width: width.max(limits::NARROWEST_COLUMNS),
        style,
    };
    page.section("What it is", &[what_it_is(explanation)]);
    // Several recipients have their own readings; one reply may have several.
    let several = explanation.recipients.len() > 1;
    let told = if several { usize::MAX } else { 1 };
    let open = !several && explanation.readings.len() > 1;
    let meanings: Vec<String> = explanation
        .readings
        .iter()
        .take(told)
        .map(|reading| {
            if open {
                one_of_several(reading)
            } else {
                meaning(reading)
            }
        })
        .collect();
    page.section("What it means", &meanings);
    let faults: Vec<String> = distinct(explanation.readings.iter().take(told).map(fault_of));
    page.section("Whose fault", &faults);
    if refusal_matters(explanation) {
        page.section("Who refused", &[refuser(explanation)]);
    }
    page.section("The address", &[address(explanation)]);
    page.section("What to do", &explanation.sender_action);
    let grounds: Vec<String> = explanation
        .readings
        .iter()
        .take(told)
        .map(grounds)
        .collect();
    page.section("Why we say so", &grounds);
    if !several {
        let others = explanation.readings.iter().skip(1);
        let others: Vec<String> = others
            .map(|other| format!("{} {}", meaning(other), super::safe_line(&other.why)))
            .collect();
        page.section("Also possible", &others);
    }
    for recipient in &explanation.recipients {
        page.section("Recipient", &recipient_lines(recipient));
    }
    page.out
}

/// What was given to us.
fn what_it_is(explanation: &Explanation) -> String {
    let reporter = explanation
        .reporting_mta
        .as_deref()
        .map(|host| format!(" from {host}"))
        .unwrap_or_default();
    match &explanation.subject {
        Subject::Reply(text) => text.clone(),
        Subject::Bounce => format!("A bounce{reporter}: a message was given up."),
        Subject::Delay => format!(
            "A delay notice{reporter}: a message is late, and the sending server still tries."
        ),
        Subject::Delivery => format!("A delivery notice{reporter}: the message arrived."),
        Subject::AutoReply(sign) => format!("An automatic answer, known by {sign}."),
        Subject::Complaint(kind) => {
            format!("A complaint{reporter}: a person called a message of yours unwanted ({kind}).")
        }
        Subject::Feedback(kind) => {
            format!("Feedback{reporter} that is no complaint ({kind}).")
        }
        Subject::Withheld(why) => {
            let why = match why {
                Withholding::KnownDead => "the address bounced or complained before",
                Withholding::Unsubscribed => "the person has unsubscribed",
                Withholding::Undisclosed => "it keeps the address from mail and does not say why",
                Withholding::OwnChoice => "for reasons of its own",
            };
            format!("An event of a sending platform, which sent nothing: {why}.")
        }
        Subject::OtherMessage => "A message of another kind.".to_owned(),
        Subject::Nothing => "Nothing: give a reply, a code or a message file.".to_owned(),
    }
}

/// A reading in plain words.
fn meaning(interpretation: &Interpretation) -> String {
    let reading = &interpretation.reading;
    let passes = action_after(std::slice::from_ref(interpretation)) == AddressAction::Retry;
    let lasting = match (reading.permanent, reading.reason.blame()) {
        (true, Blame::Mailbox | Blame::Domain) if passes => {
            " The server calls this permanent, yet it usually passes."
        }
        (true, Blame::Mailbox | Blame::Domain) => {
            " This is permanent: sending the same again will fail again."
        }
        (true, Blame::Sender) => {
            " This is permanent until the cause is gone: sending the same again will fail again."
        }
        (true, Blame::Host | Blame::Operator | Blame::Us | Blame::Nobody) => {
            " By its code it is permanent."
        }
        (false, Blame::Mailbox | Blame::Domain | Blame::Host | Blame::Sender) => {
            " This is temporary."
        }
        (false, Blame::Nobody) if matches!(reading.reason, Reason::DnsTrouble | Reason::Unread) => {
            " This is temporary."
        }
        (false, Blame::Operator | Blame::Us | Blame::Nobody) => "",
    };
    format!(
        "{}{lasting} ({})",
        reading.reason.in_plain_words(),
        reading.reason
    )
}

/// The likeliest of several readings, worded so that it is not taken for the only one.
fn one_of_several(interpretation: &Interpretation) -> String {
    if interpretation.reading.reason == Reason::Unread {
        return "From this alone it cannot be told; below is what it may mean. (unread)".to_owned();
    }
    format!("Most often: {}", meaning(interpretation))
}

/// What a reason blames, as a sentence.
fn fault(reason: Reason) -> &'static str {
    match reason.blame() {
        Blame::Mailbox if !reason.may_reject() => {
            "The mailbox: it works, but takes no more at the moment."
        }
        Blame::Mailbox => "The mailbox: this address does not take the mail.",
        Blame::Domain => "The recipient's domain: none of its addresses takes mail.",
        Blame::Host => "The recipient's mail server; neither you nor the address.",
        Blame::Sender => {
            "The sender (you, or your mail service); this says nothing about the mailbox."
        }
        Blame::Operator => "Nobody: it is your own list's setting.",
        Blame::Us => "Nobody: the question was not asked to the end.",
        Blame::Nobody => "Nobody that can be told from this.",
    }
}

/// What a reading blames, as a sentence.
fn fault_of(interpretation: &Interpretation) -> String {
    fault(interpretation.reading.reason).to_owned()
}

/// Each text once, in order.
fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

/// Whether there is anything to say about the side that refused.
fn refusal_matters(explanation: &Explanation) -> bool {
    match explanation.subject {
        Subject::Reply(_) | Subject::Bounce | Subject::Delay => true,
        Subject::Delivery
        | Subject::AutoReply(_)
        | Subject::Complaint(_)
        | Subject::Feedback(_)
        | Subject::Withheld(_)
        | Subject::OtherMessage
        | Subject::Nothing => false,
    }
}

/// The side that refused, with the grounds.
fn refuser(explanation: &Explanation) -> String {
    let who = match explanation.rejected_by {
        RejectedBy::Recipient => "The recipient's own mail server.",
        RejectedBy::Gateway => "A filter or forwarder before the recipient's mail server.",
        RejectedBy::Sender => {
            "The sender's own side: the message never reached the recipient's server."
        }
        RejectedBy::Unknown => "Not known.",
    };
    format!("{who} {}", explanation.rejected_by_why)
}

/// What to do with the address.
fn address(explanation: &Explanation) -> String {
    let mut actions = explanation
        .recipients
        .iter()
        .map(|recipient| recipient.address_action);
    if let Some(first) = actions.next()
        && actions.any(|action| action != first)
    {
        return "It differs: see each recipient below.".to_owned();
    }
    address_sentence(explanation.address_action, explanation.retry_after)
}

/// An action as a sentence.
fn address_sentence(action: AddressAction, retry_after: Option<Duration>) -> String {
    match action {
        AddressAction::Remove => "Remove it from the list.".to_owned(),
        AddressAction::Keep => "Keep it: nothing was said against it.".to_owned(),
        AddressAction::Retry => match retry_after {
            Some(wait) => format!("Keep it, and try again in {}.", duration(wait)),
            None => "Keep it, and try again later.".to_owned(),
        },
        AddressAction::Review => {
            "Look at it yourself: from this alone it cannot be told whether it works.".to_owned()
        }
    }
}

/// A duration in its largest sensible unit, rounded up.
fn duration(wait: Duration) -> String {
    let seconds = wait.as_secs();
    let (count, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7199 => (seconds.div_ceil(60), "minute"),
        7200..=172_799 => (seconds.div_ceil(3600), "hour"),
        _ => (seconds.div_ceil(24 * 3600), "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// The rule, with why it fits.
fn grounds(interpretation: &Interpretation) -> String {
    let why = super::safe_line(&interpretation.why);
    format!(
        "{why} [rule: {}]",
        super::safe_line(&interpretation.reading.rule)
    )
    .trim_start()
    .to_owned()
}

/// One recipient of a notice.
fn recipient_lines(recipient: &ExplainedRecipient) -> Vec<String> {
    let name = recipient
        .final_recipient
        .as_deref()
        .or(recipient.original.as_deref())
        .unwrap_or("(not named)");
    let mut first = name.to_owned();
    if let Some(original) = recipient
        .original
        .as_deref()
        .filter(|original| *original != name)
    {
        let _ = write!(first, " (you wrote to {original})");
    }
    if let Some(action) = recipient.action {
        let _ = write!(first, ": {}", outcome(action));
    }
    if let Some(reading) = recipient.verdict.readings.first() {
        let _ = write!(first, " {}", reading.reading.reason.in_plain_words());
    }
    let mut lines = vec![
        first,
        address_sentence(recipient.address_action, recipient.retry_after),
    ];
    if let Some(host) = &recipient.remote_mta {
        lines.push(format!("Answered by {host}."));
    }
    if let Some(diagnostic) = &recipient.diagnostic {
        lines.push(format!("Verbatim: {diagnostic}"));
    }
    lines
}

/// What became of a message, as a sentence.
fn outcome(action: Action) -> &'static str {
    match action {
        Action::Failed => "given up.",
        Action::Delayed => "still being tried.",
        Action::Delivered => "delivered.",
        Action::Relayed => "passed on to a system that sends no notices.",
        Action::Expanded => "passed on to several addresses.",
    }
}

/// Text with a column of headings.
struct Page {
    out: String,
    width: usize,
    style: Style,
}

impl Page {
    /// Adds a heading with one or more paragraphs; several get a dash each.
    fn section(&mut self, heading: &str, paragraphs: &[String]) {
        for (index, paragraph) in paragraphs.iter().enumerate() {
            let dash = if paragraphs.len() > 1 { "- " } else { "" };
            let heading = if index == 0 { heading } else { "" };
            let room = self.width - HEADING - dash.len();
            for (row, line) in wrap(paragraph, room).iter().enumerate() {
                let (heading, dash) = if row == 0 {
                    (heading, dash)
                } else {
                    ("", if dash.is_empty() { "" } else { "  " })
                };
                let padding = " ".repeat(HEADING.saturating_sub(heading.len()));
                let heading = match self.style {
                    Style::Colour if !heading.is_empty() => format!("\u{1b}[1m{heading}\u{1b}[0m"),
                    Style::Colour | Style::Plain => heading.to_owned(),
                };
                let _ = writeln!(self.out, "{heading}{padding}{dash}{line}");
            }
        }
    }
}

/// Breaks text into lines of at most `width` characters; a longer word is cut.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let mut word: &str = word;
        let mut length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        while length > width {
            let cut = word
                .char_indices()
                .nth(width)
                .map_or(word.len(), |(at, _)| at);
            lines.push(word[..cut].to_owned());
            word = &word[cut..];
            length -= width;
        }
        line.push_str(word);
        used += length;
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_are_rounded_up_to_what_people_say() {
        let table = [
            (1, "1 second"),
            (90, "90 seconds"),
            (299, "5 minutes"),
            (3600, "60 minutes"),
            (7200, "2 hours"),
            (259_200, "3 days"),
        ];
        for (seconds, expected) in table {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked(text in "\\PC{0,200}", width in 1usize..60) {
            for line in wrap(&text, width) {
                prop_assert!(line.chars().count() <= width);
            }
        }
    }
}
