//! Does a host say that it takes no mail at all?

use crate::model::echo;
use crate::model::reading::Reading;
use crate::model::reason::Blame;
use crate::model::verdict::Exchange;
use crate::smtp::rules::FALLBACK;

/// The reply rules that mean "takes no mail".
const RULES: [&str; 3] = ["takes-no-mail", "host-takes-no-mail", "null-mx"];

/// The readings of the codes alone.
const BY_CODE: [&str; 2] = ["host takes no mail", "domain takes no mail"];

/// Whether an answer says that the host, or the recipient's domain, takes no mail at all (RFC 7504: 521, 556).
///
/// Some hosts say 521 to clients that they block, so the text must say so too, unless there is none.
#[must_use]
pub fn says_it_takes_no_mail(exchange: &Exchange, reading: &Reading) -> bool {
    let by_words = RULES.contains(&&*reading.rule);
    let by_code = reading.rule.strip_prefix(FALLBACK);
    let by_code = by_code.is_some_and(|code| BY_CODE.contains(&code));
    reading.permanent
        && matches!(exchange.code, Some(521 | 556))
        && reading.reason.blame() != Blame::Sender
        && (by_words || (by_code && is_wordless(&exchange.reply)))
}

/// Whether a reply is nothing but codes and names of hosts.
fn is_wordless(reply: &str) -> bool {
    let is_a_word = |word: &str| !word.contains('.') && word.chars().any(char::is_alphabetic);
    !echo::without_placeholders(reply)
        .split_whitespace()
        .any(is_a_word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stage::Stage;
    use crate::smtp::rules::{Book, Context};
    use crate::smtp::{Answer, Reply};

    fn says_so(stage: Stage, text: &str) -> bool {
        let reply = Reply::from_text(text).unwrap();
        let exchange = Exchange {
            stage,
            host: "mx.acme.test".to_owned(),
            code: Some(reply.code),
            reply: text.to_owned(),
        };
        let context = Context {
            stage,
            provider: None,
            echoes: &["mx.acme.test"],
            ours: &[],
        };
        let reading = Book::built_in().diagnose(&Answer::Reply(reply), &context);
        says_it_takes_no_mail(&exchange, &reading)
    }

    #[test]
    fn the_words_of_the_standard_say_so_and_so_does_the_bare_code() {
        for text in [
            "521 mx.acme.test does not accept mail",
            "521 5.3.2 mx.acme.test does not accept mail",
            "521 Server does not accept mail",
            "521 This host accepts no mail",
            "521 mx.acme.test",
            "521",
        ] {
            assert!(says_so(Stage::Greeting, text), "{text}");
            assert!(says_so(Stage::Rcpt, text), "{text}");
        }
        for text in [
            "556 Domain does not accept mail",
            "556 5.1.10 Recipient address has null MX",
        ] {
            assert!(says_so(Stage::Rcpt, text), "{text}");
        }
    }

    #[test]
    fn a_block_says_nothing_of_the_kind_whatever_its_code() {
        for text in [
            "521 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org",
            "521 5.5.0 Your IP [192.0.2.1] has been blacklisted.",
            "521 5.3.2 Service currently unavailable",
            "521 5.2.1 AOL will not accept delivery of this message.",
            "521 Go away",
            "521 mx.acme.test does not accept mail from you",
            "521 mx.acme.test does not accept mail from 192.0.2.1, it is on our blocklist",
            "521 does not accept mail at this time, please try again later",
            "554 mx.acme.test does not accept mail",
            "556 Address unavailable.",
        ] {
            assert!(!says_so(Stage::Greeting, text), "{text}");
            assert!(!says_so(Stage::Rcpt, text), "{text}");
        }
    }
}
