//! Where in a text the message begins that came back.

/// Words of the lines that announce the message that came back, in lower case. Systems dress them in dashes, signs and
/// brackets of all kinds, so only the words are compared, at the start of the line without its ornaments.
const RETURNED: &[&str] = &[
    "below this line is a copy of the message",
    "below the next line is a copy of the message",
    "enclosed is a copy of the message",
    "this is a copy of the message",
    "this is a copy of your message",
    "here is a copy of the first part of the message",
    "included is a copy of the message header",
    "below is a copy of the original message",
    "a copy of the original message below this line",
    "the body of the message is",
    "the header of the original message is following",
    "the headers of the original message follow",
    "bounced e-mail:",
    "bounced email:",
    "bounced mail:",
    "bounced message:",
    "unsent message follows",
    "unsent message below",
    "original message follows",
    "the original message follows",
    "original message as received",
    "original message attached",
    "original message headers",
    "original message header",
    "original message",
    "message header follows",
    "message headers follow",
    "message text follows",
    "message contains [",
    "undelivered message follows",
    "returned message",
    "returned mail",
    "start of returned message",
    "the following mail has been returned",
    "your original message",
    "your message reads (in part)",
    "your message follows",
    "old message",
    "ursprüngliche nachricht",
    "message d'origine",
    "mensaje original",
    "original-nachricht",
    "исходное сообщение",
    "原信件内容",
    "content-type: message/rfc822",
    "content-type: text/rfc822-headers",
];

/// Fields with which the message that came back begins where nothing announces it, in lower case: every message that
/// travelled has one of them (RFC 5321 §4.4).
const TRACE_FIELDS: [&str; 3] = ["received: ", "return-path: ", "x-envelope-from: "];

/// Where the message that came back begins: the byte at which it does, and the byte before the line that announces it.
fn returned_at(text: &str) -> Option<(usize, usize)> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line
            .trim_start_matches(|c: char| !c.is_alphabetic())
            .to_lowercase();
        let ornamented = line
            .trim_start()
            .starts_with(['-', '=', '*', '|', '_', '+']);
        let announced = RETURNED
            .iter()
            .find_map(|words| bare.strip_prefix(words))
            .is_some_and(|rest| ornamented || ends_a_line(rest));
        if announced {
            return Some((start, start + line.len()));
        }
        if TRACE_FIELDS.iter().any(|field| bare.starts_with(field)) {
            return Some((start, start));
        }
        start += line.len();
    }
    None
}

/// Whether after the announcing words nothing more of a sentence follows: "Original message: too large" announces
/// nothing.
fn ends_a_line(rest: &str) -> bool {
    !rest.chars().any(char::is_alphabetic)
        || rest.starts_with(',')
        || rest.len() > 20
        || rest.trim_start().starts_with(['(', '-'])
        || ["is as follows", "because", "follows", "under"]
            .iter()
            .any(|word| rest.trim_start().starts_with(word))
}

/// The text before the message that came back.
pub(super) fn before_returned_message(text: &str) -> &str {
    returned_at(text).map_or(text, |(end, _)| &text[..end])
}

/// The message that came back, where the text announces one.
pub(super) fn returned_message(text: &str) -> Option<&str> {
    let (_, start) = returned_at(text)?;
    Some(text[start..].trim_start())
}
