//! The length of an RSA public key, read from its DER (RFC 8017 §A.1.1, RFC 5280 §4.1.2.7).

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// The bits of the modulus of an RSA key: either a `SubjectPublicKeyInfo`, as is usual, or a bare `RSAPublicKey`, as
/// RFC 6376 §3.6.1 says. `None` when it is neither.
#[must_use]
pub fn rsa_bits(der: &[u8]) -> Option<usize> {
    let (outer, _) = element(der, SEQUENCE)?;
    if let Some((_algorithm, rest)) = element(outer, SEQUENCE) {
        let (bits, _) = element(rest, BIT_STRING)?;
        // The first byte of a bit string counts its unused bits.
        let (key, _) = element(bits.strip_prefix(&[0])?, SEQUENCE)?;
        return modulus_bits(key);
    }
    modulus_bits(outer)
}

fn modulus_bits(key: &[u8]) -> Option<usize> {
    let (modulus, rest) = element(key, INTEGER)?;
    element(rest, INTEGER)?;
    let start = modulus.iter().position(|&byte| byte != 0)?;
    let magnitude = &modulus[start..];
    let unused = usize::try_from(magnitude[0].leading_zeros()).ok()?;
    Some(magnitude.len() * 8 - unused)
}

/// The content of the element of this kind at the front, with what follows it.
fn element(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag != kind {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        // Four bytes of length hold more than any record of DNS.
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        let length = digits
            .iter()
            .fold(0usize, |length, &digit| (length << 8) | usize::from(digit));
        (length, rest)
    };
    rest.split_at_checked(length)
}
