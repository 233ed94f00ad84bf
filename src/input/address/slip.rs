//! Whether two words are one slip of the fingers apart.

/// Whether `typed` becomes `meant` by one insertion, deletion, substitution or transposition of neighbours (optimal
/// string alignment distance 1). Equal words are no slip. Works on bytes, which for A-labels are characters.
///
/// `strsim` measures any distance in about 400 ns; this answers the one question in a few, for each of many candidates.
pub(super) fn is_one_slip(typed: &str, meant: &str) -> bool {
    let (typed, meant) = (typed.as_bytes(), meant.as_bytes());
    let same = typed.iter().zip(meant).take_while(|(a, b)| a == b).count();
    let (typed, meant) = (&typed[same..], &meant[same..]);
    match (typed, meant) {
        ([_, typed @ ..], _) if typed == meant => true,
        (_, [_, meant @ ..]) if typed == meant => true,
        ([_, typed @ ..], [_, meant @ ..]) if typed == meant => true,
        ([a, b, typed @ ..], [c, d, meant @ ..]) => a == d && b == c && typed == meant,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_one_slip;

    #[test]
    fn each_kind_of_slip_is_seen() {
        for typed in [
            "gmai.com",
            "gmaill.com",
            "gmsil.com",
            "gmial.com",
            "mail.com",
            "ggmail.com",
            "gmail.co",
        ] {
            assert!(is_one_slip(typed, "gmail.com"), "{typed}");
        }
        for typed in ["gmail.com", "gamli.com", "gmaillll.com", "", "hotmail.com"] {
            assert!(!is_one_slip(typed, "gmail.com"), "{typed}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_general_distance(a in "[abc]{0,7}", b in "[abc]{0,7}") {
            prop_assert_eq!(is_one_slip(&a, &b), strsim::osa_distance(&a, &b) == 1, "{} {}", a, b);
        }
    }
}
