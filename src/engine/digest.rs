//! What a host is called where its name must not stand.

use crate::model::seeded::fingerprint;

/// A fingerprint of a text, as a key of a table: the same on every machine, in every version.
#[must_use]
pub fn key_of(text: &str) -> String {
    format!("{:016x}", fingerprint(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_everywhere() {
        // Written down: machines with different versions must agree on it.
        assert_eq!(key_of("acme.test"), "1b867329f882bb68");
    }
}
