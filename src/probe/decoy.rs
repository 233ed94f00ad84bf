//! The local part of a decoy: unguessable, and the same for the same seed.

use crate::model::seeded::fingerprint;

/// A local part for `domain` that no mailbox has, the same for the same seed: a greylisting host must see the same
/// recipient again.
///
/// Eighteen letters with digits, more than 80 bits: no mailbox has it, and no host can guess it to give a false answer.
#[must_use]
pub fn decoy_local_part(seed: u64, domain: &str, nth: u32) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut name = String::with_capacity(18);
    for half in 0u8..2 {
        let mut bits = fingerprint((seed, domain, nth, half));
        for _ in 0..9 {
            name.push(char::from(LETTERS[(bits & 31) as usize]));
            bits >>= 5;
        }
    }
    // A name that begins with a letter offends no server's own idea of a local part.
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.replace_range(..1, "q");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoy_is_the_same_for_the_same_seed_only() {
        let decoy = decoy_local_part(7, "acme.test", 0);
        assert_eq!(decoy, decoy_local_part(7, "acme.test", 0));
        assert_ne!(decoy, decoy_local_part(8, "acme.test", 0));
        assert_ne!(decoy, decoy_local_part(7, "acme.example", 0));
        assert_ne!(decoy, decoy_local_part(7, "acme.test", 1));
    }

    #[test]
    fn a_decoy_is_a_plain_local_part() {
        for seed in 0..500 {
            let decoy = decoy_local_part(seed, "acme.test", 0);
            assert_eq!(decoy.len(), 18);
            assert!(
                decoy.starts_with(|c: char| c.is_ascii_lowercase()),
                "{decoy}"
            );
            assert!(
                decoy
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
                "{decoy}"
            );
        }
    }
}
