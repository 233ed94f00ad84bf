//! What a reply quotes of another server's: one that verifies a recipient tells what it was answered.

use crate::smtp::Reply;

/// What stands before the quotation, as Postfix writes it: `host mail.example.net[192.0.2.7] said: 550 5.1.1 ...`.
const BEFORE: &str = " said: ";

/// What stands behind it: `(in reply to RCPT TO command)`.
const BEHIND: &str = "(in reply to ";

/// The reply that `reply` quotes, in small letters; `None` where it quotes none.
pub(super) fn quoted(reply: &Reply) -> Option<Reply> {
    let text = reply.lines.join(" ").to_ascii_lowercase();
    let (_, quotation) = text.split_once(BEFORE)?;
    let quotation = match quotation.rsplit_once(BEHIND) {
        Some((quotation, _)) => quotation,
        None => quotation,
    };
    Reply::from_text(quotation.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_reply_has_its_own_codes() {
        let reply = Reply::from_text(
            "450 4.1.1 <ann@example.net>: Recipient address rejected: unverified address: host mail.example.net[192.0.2.7] \
             said: 550 5.1.1 <ann@example.net> User doesn't exist: ann@example.net (in reply to RCPT TO command)",
        );
        let quoted = quoted(&reply.unwrap()).unwrap();
        assert_eq!(quoted.code, 550);
        assert_eq!(
            quoted.enhanced.map(|code| code.to_string()).as_deref(),
            Some("5.1.1")
        );
        assert_eq!(
            quoted.lines.join(" "),
            "5.1.1 <ann@example.net> user doesn't exist: ann@example.net"
        );
    }

    #[test]
    fn nothing_is_quoted_where_no_reply_stands() {
        for text in [
            "450 4.1.1 unverified address: connect to mail.example.net[192.0.2.7]:24: Connection refused",
            "450 4.1.1 unverified address: host mail.example.net[192.0.2.7] said: no",
            "450 said: ",
        ] {
            assert_eq!(quoted(&Reply::from_text(text).unwrap()), None, "{text}");
        }
    }
}
