//! Forgetting a person in the engine, so that no message names it.

use super::fault::Fault;
use super::jetstream::Message;
use super::{Nats, Order};
use crate::engine::{Answers, EngineError};

/// Where a text says `key` in whatever case, and not as a part of another address: the first place at or behind `from`.
fn place_of(text: &[u8], key: &[u8], from: usize) -> Option<usize> {
    let of_an_address = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80;
    let of_a_local_part = |byte: u8| of_an_address(byte) || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let is_at = |place: usize| {
        let end = place + key.len();
        let before = place.checked_sub(1).and_then(|before| text.get(before));
        let (behind, next) = (text.get(end), text.get(end + 1));
        let begins = key.starts_with(b"@") || !before.is_some_and(|byte| of_a_local_part(*byte));
        // A full stop may end a sentence.
        let goes_on = match behind {
            Some(b'.' | b'-') => next.is_some_and(|byte| of_an_address(*byte)),
            Some(byte) => of_an_address(*byte),
            None => false,
        };
        text[place..end].eq_ignore_ascii_case(key) && begins && !goes_on
    };
    let last = text.len().checked_sub(key.len())?;
    (from..=last).find(|place| !key.is_empty() && is_at(*place))
}

/// A key as JSON writes it, as all messages are.
fn written(key: &str) -> Vec<u8> {
    let text = serde_json::to_string(key).unwrap_or_default();
    text.trim_matches('"').as_bytes().to_vec()
}

/// Whether a message names a person, or an address of a domain, however it is spelled, also in a host's words about
/// another recipient.
fn names(payload: &[u8], key: &str) -> bool {
    let is_named = |text: &[u8]| place_of(text, &written(key), 0).is_some();
    if is_named(payload) {
        return true;
    }
    // Beyond ASCII, cases differ in more than a bit.
    !key.is_ascii() && is_named(String::from_utf8_lossy(payload).to_lowercase().as_bytes())
}

/// A message without a person, or without all of a domain: what else it says, or nothing where it cannot be read. An
/// order in which nobody is left stays one: its coordinator waits to be told that it is done.
fn without(payload: &[u8], key: &str) -> Option<Vec<u8>> {
    let kept = if let Ok(order) = Order::decode(payload) {
        order.without(key).encode()
    } else if let Ok(answers) = Answers::decode(payload) {
        answers.without(key).encode()
    } else {
        return None;
    };
    Some(blanked(&kept, key)).filter(|kept| !names(kept, key))
}

/// A message in which the forgotten address is blank wherever a host named it in its words.
fn blanked(message: &[u8], key: &str) -> Vec<u8> {
    let written = written(key);
    let mut blanked = Vec::with_capacity(message.len());
    let mut from = 0;
    while let Some(place) = place_of(message, &written, from) {
        blanked.extend_from_slice(&message[from..place]);
        blanked.extend_from_slice(b"...");
        from = place + written.len();
    }
    blanked.extend_from_slice(&message[from..]);
    blanked
}

impl Nats {
    /// Takes a person, or every address of a domain, out of all messages. Returns how many named them.
    ///
    /// What is left of a message is kept as a new one before the old one is overwritten: a process that is stopped
    /// between has it twice, not never.
    pub(super) async fn forget_person(&self, key: &str) -> Result<u64, EngineError> {
        let mut found = 0;
        for (stream, subjects) in [
            (&self.places.orders, self.places.all_orders()),
            (&self.places.answers, self.places.all_answers()),
        ] {
            match self.take_out(stream, &subjects, key).await {
                Ok(named) => found += named,
                Err(fault) => return Err(self.told_of(fault, stream).await),
            }
            self.sweep(stream).await?;
        }
        Ok(found)
    }

    /// Goes through a stream message by message. What is kept anew comes behind, and names nobody any more.
    async fn take_out(&self, stream: &str, subjects: &str, key: &str) -> Result<u64, Fault> {
        let (mut found, mut from) = (0, 1);
        while let Some(stored) = self.jetstream.next(stream, subjects, from).await? {
            from = stored.sequence + 1;
            if !names(&stored.payload, key) {
                continue;
            }
            found += 1;
            if let Some(rest) = without(&stored.payload, key) {
                let message = Message {
                    subject: &stored.subject,
                    payload: rest,
                    // Its own id is remembered still, and would have it dropped.
                    id: Some(format!("{stream}.{}.without", stored.sequence)),
                    follows: None,
                };
                self.jetstream.publish(message).await?;
            }
            self.jetstream.erase(stream, stored.sequence).await?;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_found_however_it_is_spelled() {
        for (message, is_named) in [
            (r#"{"a":"Ann@ACME.test"}"#, true),
            (r#"{"reply":"550 <ann@acme.test>: who?"}"#, true),
            (r#"{"reply":"no ann@acme.test."}"#, true),
            (r#"{"a":"bob@acme.test"}"#, false),
            (r#"{"a":"joann@acme.test"}"#, false),
            (r#"{"a":"ann@acme.test.uk"}"#, false),
        ] {
            assert_eq!(names(message.as_bytes(), "ann@acme.test"), is_named);
        }
        let quoted = r#"{"a":"\"an n\"@acme.test"}"#;
        assert!(names(quoted.as_bytes(), "\"an n\"@acme.test"));
    }

    #[test]
    fn a_person_is_blank_in_the_words_of_a_host() {
        let told = blanked(
            br#"{"reply":"<Ann@acme.test>: not on <b@acme.test>"}"#,
            "ann@acme.test",
        );
        assert_eq!(told, br#"{"reply":"<...>: not on <b@acme.test>"}"#);
    }

    #[test]
    fn every_address_of_a_domain_is_found_and_none_of_another() {
        assert!(names(br#"{"a":"ann@acme.test"}"#, "@acme.test"));
        assert!(!names(br#"{"a":"ann@acme.testing"}"#, "@acme.test"));
        assert!(!names(br#"{"a":"ann@mx.acme.test"}"#, "@acme.test"));
    }

    #[test]
    fn what_cannot_be_read_goes_as_a_whole() {
        assert_eq!(
            without(b"garbage about ann@acme.test", "ann@acme.test"),
            None
        );
    }
}
