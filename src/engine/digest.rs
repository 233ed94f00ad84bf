//! Digests that are the same on every machine, in every version: what a host or a person is called where its name must
//! not stand.

use std::fmt::Write;

/// A digest of some texts, in which it matters where one ends (FNV-1a, 64 bits, mixed: FNV leaves the high bits poor).
#[must_use]
pub fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    let bytes = texts
        .into_iter()
        .flat_map(|text| text.bytes().chain([0xff]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mixed(hash)
}

/// A number of which every bit depends on every bit of another (the last step of `MurmurHash3`).
#[must_use]
pub fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let number = (number ^ (number >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ (number >> 33)
}

/// A digest as a key of a table.
#[must_use]
pub fn key_of(text: &str) -> String {
    let mut key = String::with_capacity(16);
    // Writing to a string cannot fail.
    let _ = write!(key, "{:016x}", digest([text]));
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_where_a_text_ends() {
        // Written down: machines with different versions must agree on it.
        assert_eq!(key_of("acme.test"), "76b8dd8ed51ad9d9");
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
    }
}
