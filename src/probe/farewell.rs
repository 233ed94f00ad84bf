//! What a host means that takes its leave in the middle of a connection (421, RFC 5321 §3.8).
//!
//! Once a connection has brought answers, most hosts that end it count something in it: recipients, messages, mistakes.
//! A fresh connection is welcome, so nothing is said of the recipient at hand, nor of our speed.

/// What the host's words are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// Too many refused recipients in this connection.
    Refusals,
    /// This connection has had all the recipients or messages that it may have.
    UsedUp,
    /// They do not say.
    Untold,
}

/// Words about mistakes: Postfix (`too many errors`), Exim (`too many syntax or protocol errors`), Sendmail and Haraka
/// (`too many bad commands`), `OpenSMTPD` (`too many failed`).
const REFUSALS: &[&str] = &[
    "error",
    "bad command",
    "invalid command",
    "unrecognized command",
    "failures",
    "too many failed",
    "rejected recipients",
];

/// Words about what a connection has been used for, beside `connection` or `session`: Yahoo (`max message per
/// connection reached`), Exim (`too many messages in one connection`).
const USED_UP: &[&str] = &[
    "messages",
    "message per",
    "recipients",
    "transactions",
    "mails",
    "limit",
];

/// Reads a farewell.
#[must_use]
pub fn farewell(words: &str) -> Farewell {
    let words = words.to_ascii_lowercase();
    let names = |one: &&str| words.contains(*one);
    let of_this_one = [
        "in this",
        "in one",
        "per ",
        "this connection",
        "this session",
    ];
    let one = (words.contains("connection") || words.contains("session"))
        && of_this_one.iter().any(|of| words.contains(of));
    if REFUSALS.iter().any(names) && !words.contains("too many connections") {
        Farewell::Refusals
    } else if one && USED_UP.iter().any(names) {
        Farewell::UsedUp
    } else {
        Farewell::Untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn farewells_are_told_by_what_they_count() {
        for (words, meaning) in [
            (
                "421 4.7.0 mx.test Error: too many errors",
                Farewell::Refusals,
            ),
            (
                "421 mx.test: too many syntax or protocol errors",
                Farewell::Refusals,
            ),
            (
                "421 4.7.0 Too many bad commands; closing connection",
                Farewell::Refusals,
            ),
            (
                "421 4.7.0 mx.test Too many messages in this connection",
                Farewell::UsedUp,
            ),
            (
                "421 Max message per connection reached, closing transmission channel",
                Farewell::UsedUp,
            ),
            (
                "421 4.4.5 Too many recipients in this session",
                Farewell::UsedUp,
            ),
            (
                "421 4.7.0 mx.test Error: too many connections from 192.0.2.1",
                Farewell::Untold,
            ),
            (
                "421 4.7.28 Our system has detected an unusual rate of unsolicited mail",
                Farewell::Untold,
            ),
            ("421 4.3.2 Service shutting down", Farewell::Untold),
        ] {
            assert_eq!(farewell(words), meaning, "{words}");
        }
    }
}
