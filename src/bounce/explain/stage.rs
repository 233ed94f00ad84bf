//! Names of stages as an operator types them: `rcpt to`, `RCPT`, `end of data`.

use crate::model::stage::Stage;

/// The stage that `word` names, however it is spelled; `None` for a word that names none.
#[must_use]
pub fn named(word: &str) -> Option<Stage> {
    let letters: String = word
        .chars()
        .filter(char::is_ascii_alphabetic)
        .collect::<String>()
        .to_ascii_lowercase();
    match letters.as_str() {
        "connect" | "connection" | "conn" => Some(Stage::Connect),
        "greeting" | "banner" | "initial" | "initialconnection" => Some(Stage::Greeting),
        "hello" | "ehlo" | "helo" | "lhlo" => Some(Stage::Hello),
        "tls" | "starttls" => Some(Stage::Tls),
        "mail" | "mailfrom" | "from" | "sender" => Some(Stage::Mail),
        "rcpt" | "rcptto" | "to" | "recipient" => Some(Stage::Rcpt),
        "data" | "enddata" | "endofdata" | "dataend" | "eod" | "eom" | "dot" | "bdat"
        | "message" | "body" => Some(Stage::Data),
        "unknown" | "any" | "none" => Some(Stage::Unknown),
        _ => None,
    }
}

/// The stages to choose from, for error messages.
#[must_use]
pub fn choices() -> String {
    Stage::ALL.map(Stage::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_known_however_they_are_spelled() {
        for stage in Stage::ALL {
            assert_eq!(named(stage.as_str()), Some(stage));
        }
        for (word, stage) in [
            ("RCPT TO:", Stage::Rcpt),
            ("mail from", Stage::Mail),
            ("end-of-data", Stage::Data),
            ("EHLO", Stage::Hello),
        ] {
            assert_eq!(named(word), Some(stage), "{word}");
        }
        assert_eq!(named("lunch"), None);
        assert_eq!(named(""), None);
    }
}
