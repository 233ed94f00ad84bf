//! Tells a statement about the client or sender from one about the recipient.

/// Words that a statement about a mailbox has, in lower case, in the languages that hosts write.
const MAILBOX_WORDS: [&str; 26] = [
    "user",
    "mailbox",
    "recipient",
    "account",
    "inbox",
    "addressee",
    "alias",
    "rcpt",
    "destinat",
    "empf",
    "postfach",
    "benutzer",
    "konto",
    "usuario",
    "usu\u{e1}rio",
    "utilisateur",
    "utente",
    "casella",
    "buz\u{f3}n",
    "caixa",
    "bo\u{ee}te",
    "gebruiker",
    "\u{43f}\u{43e}\u{43b}\u{44c}\u{437}\u{43e}\u{432}\u{430}\u{442}\u{435}\u{43b}",
    "\u{7528}\u{6237}",
    "\u{5b9b}\u{5148}",
    "\u{30e6}\u{30fc}\u{30b6}",
];

/// Whether a text names one of our domains, none of the host's or the recipient's, and no mailbox: "553 shop.example
/// does not exist" to a message from shop.example. `ours` are domains, `theirs` addresses.
#[must_use]
pub fn speaks_of_us(text: &str, ours: &[&str], theirs: &[&str]) -> bool {
    let text = text.to_lowercase();
    let their_domains = theirs
        .iter()
        .filter_map(|address| address.rsplit_once('@'))
        .map(|(_, domain)| owner(domain));
    for domain in their_domains {
        if names(&text, &domain) {
            return false;
        }
    }
    if begins_with_ours(&text, ours) {
        return true;
    }
    if MAILBOX_WORDS.iter().any(|word| text.contains(word)) {
        return false;
    }
    ours.iter().any(|domain| names(&text, &owner(domain)))
}

/// Whether what a reply (lower case) says first is an address of ours: then what it says next is said of that address,
/// such as `<us@our.example>: user unknown` by a host that asks back.
fn begins_with_ours(text: &str, ours: &[&str]) -> bool {
    let is_code = |word: &&str| {
        word.chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'))
    };
    let first = text.split_whitespace().find(|word| !is_code(word));
    let address = first.and_then(|word| word.rsplit_once('@'));
    address.is_some_and(|(_, domain)| ours.iter().any(|ours| names(domain, &owner(ours))))
}

/// The registrable domain, where there is one: a host names a sender's domain with or without its subdomains.
fn owner(domain: &str) -> String {
    let domain = domain.trim_end_matches('.').to_lowercase();
    psl::domain_str(&domain).unwrap_or(&domain).to_owned()
}

/// Whether a text (lower case) names a domain or one below it.
fn names(text: &str, domain: &str) -> bool {
    !domain.is_empty()
        && text.match_indices(domain).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + domain.len()..].chars().next();
            before.is_none_or(|c| !c.is_alphanumeric() && c != '-')
                && after.is_none_or(|c| !c.is_alphanumeric() && c != '-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_names_only_our_domain_speaks_of_us() {
        let ours = ["news.shop.example"];
        let theirs = ["ann@garden.example"];
        for text in [
            "553 shop.example does not exist",
            "550 Domain of <bounce@news.shop.example> not found",
            "550 news.shop.example: unknown domain",
            "550 <bounce@news.shop.example>: user unknown",
            "550 5.1.1 bounce@shop.example: no such mailbox",
        ] {
            assert!(speaks_of_us(text, &ours, &theirs), "{text}");
        }
        for text in [
            "550 User unknown (message from news@shop.example)",
            "550 shop.example may not write to garden.example",
            "550 <ann@garden.example>: user unknown, bounce@shop.example",
            "550 <bounce@shop.example>: garden.example has no such user",
            "550 <ann@notshop.example>: user unknown",
            "550 garden.example does not exist",
            "550 myshop.example does not exist",
            "550 no",
        ] {
            assert!(!speaks_of_us(text, &ours, &theirs), "{text}");
        }
        let colleague = ["ann@shop.example"];
        let text = "550 <ann@shop.example>: user unknown";
        assert!(!speaks_of_us(text, &ours, &colleague));
    }

    #[test]
    fn mail_within_one_domain_is_about_the_mailbox() {
        assert!(!speaks_of_us(
            "550 shop.example does not exist",
            &["shop.example"],
            &["ann@shop.example"]
        ));
    }
}
