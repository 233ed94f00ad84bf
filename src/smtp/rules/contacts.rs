//! Contacts for senders: the blocklists that refusals name, and the providers' pages for postmasters.
//!
//! Addresses of pages change. Those of Spamhaus, `SpamCop`, Barracuda, Proofpoint, Cloudmark, UCEPROTECT, Abusix,
//! Mailspike, Cisco Talos, Symantec, Trend Micro, SPFBL, Mimecast, Microsoft, Google, Yahoo, Apple, Mail.ru, Yandex and
//! Orange were found in public documentation of 2024 to 2026; the others are from general knowledge. No page was opened
//! to see whether it answers.

/// A place to look, with the words that point to it.
#[derive(Debug)]
pub struct Desk {
    /// Words of a refusal that point here, in lower case.
    words: &'static [&'static str],
    /// The blocklist or provider that is reached there.
    pub name: &'static str,
    /// What to do there.
    pub advice: &'static str,
}

/// Blocklists, by the words that refusals name them with.
const BLOCKLISTS: &[Desk] = &[
    Desk {
        words: &["spamhaus", "zen.dq", "sbl-xbl"],
        name: "Spamhaus",
        advice: "look your sending address and domain up at https://check.spamhaus.org/ and follow what it says of the listing",
    },
    Desk {
        words: &["spamcop"],
        name: "SpamCop",
        advice: "look your address up at https://www.spamcop.net/bl.shtml; it delists by itself within about a day once the spam stops",
    },
    Desk {
        words: &["barracudacentral", "b.barracuda", "barracuda reputation"],
        name: "Barracuda Central",
        advice: "ask for removal at https://www.barracudacentral.org/rbl/removal-request",
    },
    Desk {
        words: &[
            "ipcheck.proofpoint",
            "support.proofpoint.com/dnsbl",
            "proofpoint.com/dnsbl",
            "prs.proofpoint",
        ],
        name: "Proofpoint",
        advice: "look your address up at https://ipcheck.proofpoint.com/ and ask for removal there",
    },
    Desk {
        words: &["cloudmark"],
        name: "Cloudmark",
        advice: "ask for a reset at https://csi.cloudmark.com/en/reset/",
    },
    Desk {
        words: &["uceprotect"],
        name: "UCEPROTECT",
        advice: "look your address up at https://www.uceprotect.net/en/rblcheck.php; levels 2 and 3 list whole networks, so ask your hosting company",
    },
    Desk {
        words: &["sorbs"],
        name: "SORBS",
        advice: "that list closed in 2024, so ask the recipient's postmaster to stop using it",
    },
    Desk {
        words: &["invaluement"],
        name: "invaluement",
        advice: "look your address up at https://www.invaluement.com/lookup/",
    },
    Desk {
        words: &["abusix"],
        name: "Abusix",
        advice: "look your address up at https://lookup.abusix.com/",
    },
    Desk {
        words: &["psbl.surriel", "psbl.org"],
        name: "PSBL",
        advice: "ask for removal at https://psbl.org/",
    },
    Desk {
        words: &["mailspike"],
        name: "Mailspike",
        advice: "look your address up at https://mailspike.org/iplookup.html",
    },
    Desk {
        words: &["surbl"],
        name: "SURBL",
        advice: "it lists domains inside messages: look the links of your message up at https://surbl.org/surbl-analysis",
    },
    Desk {
        words: &["uribl"],
        name: "URIBL",
        advice: "it lists domains inside messages: look the links of your message up at https://admin.uribl.com/",
    },
    Desk {
        words: &["spamrats"],
        name: "SpamRATS",
        advice: "look your address up at https://www.spamrats.com/; it often lists addresses without a proper reverse name",
    },
    Desk {
        words: &["senderscore", "returnpath", "validity"],
        name: "Validity (Sender Score)",
        advice: "look your address up at https://senderscore.org/",
    },
    Desk {
        words: &["senderbase", "talosintelligence", "ironport"],
        name: "Cisco Talos",
        advice: "look your address up at https://talosintelligence.com/reputation_center",
    },
    Desk {
        words: &["symantec", "messagelabs", "brightmail"],
        name: "Broadcom (Symantec)",
        advice: "look your address up at https://ipremoval.sms.symantec.com/lookup/ and ask for an investigation there",
    },
    Desk {
        words: &["trendmicro", "trend micro", "mail-abuse.com", "ers-"],
        name: "Trend Micro",
        advice: "look your address up at https://servicecentral.trendmicro.com/en-us/ers/ip-lookup/",
    },
    Desk {
        words: &["spfbl"],
        name: "SPFBL",
        advice: "look your address up at https://matrix.spfbl.net/",
    },
    Desk {
        words: &["csi.mimecast", "mimecast"],
        name: "Mimecast",
        advice: "ask the recipient to permit you in Mimecast, or use the sender feedback form at https://www.mimecast.com/senderfeedback/",
    },
    Desk {
        words: &[
            "banned sending ip",
            "delist.messaging.microsoft",
            "sender.office.com",
            "5.7.511",
        ],
        name: "Microsoft 365",
        advice: "ask for removal at https://sender.office.com/ (for 5.7.511 write to delist@microsoft.com)",
    },
];

/// Providers' desks for senders, by the words of their refusals or the provider's name.
const PROVIDERS: &[Desk] = &[
    Desk {
        words: &["google", "gmail", "gsmtp"],
        name: "Google",
        advice: "see your domain's reputation and complaints in Postmaster Tools, https://postmaster.google.com/",
    },
    Desk {
        words: &[
            "outlook.com",
            "hotmail",
            "microsoft",
            "s3140",
            "s3150",
            "olc.protection",
            "protection.outlook",
        ],
        name: "Microsoft",
        advice: "see how it judges your address in SNDS, https://sendersupport.olc.protection.outlook.com/snds/, and join its complaint programme JMRP",
    },
    Desk {
        words: &["yahoo", "aol.com", "ymail", "[tss0", "[bl2"],
        name: "Yahoo",
        advice: "see its rules, and join its complaint feedback loop, at https://senders.yahooinc.com/",
    },
    Desk {
        words: &["icloud", "apple", "[hm08]", "[cs01]"],
        name: "Apple",
        advice: "see its rules at https://support.apple.com/en-us/102322 and write to icloudadmin@apple.com",
    },
    Desk {
        words: &["gmx", "web.de", "mail.com", "1und1", "kundenserver"],
        name: "GMX, WEB.DE and mail.com",
        advice: "see https://postmaster.gmx.net/ for the meaning of the code and the contact form",
    },
    Desk {
        words: &["mail.ru"],
        name: "Mail.ru",
        advice: "see your reputation at https://postmaster.mail.ru/",
    },
    Desk {
        words: &["yandex"],
        name: "Yandex",
        advice: "see your reputation at https://postoffice.yandex.com/",
    },
    Desk {
        words: &["comcast", "xfinity"],
        name: "Comcast",
        advice: "see the code and the request form at https://postmaster.comcast.net/",
    },
    Desk {
        words: &["orange.fr", "wanadoo", "ofr_", "ofr0"],
        name: "Orange",
        advice: "see https://postmaster.orange.fr/",
    },
    Desk {
        words: &["qq.com", "tencent", "mail.qq"],
        name: "Tencent QQ",
        advice: "see the meaning of the code at https://service.mail.qq.com/",
    },
];

/// The blocklists that a refusal (lower case) names.
pub fn blocklists(text: &str) -> impl Iterator<Item = &'static Desk> {
    BLOCKLISTS
        .iter()
        .filter(move |desk| desk.words.iter().any(|word| text.contains(word)))
}

/// What a refusal calls the blocklist that it names, such as `zen.spamhaus.org`; the list's own name where the words
/// hold no zone. `None` where it names none.
#[must_use]
pub fn zone(refusal: &str) -> Option<String> {
    let text = refusal.to_ascii_lowercase();
    let desk = blocklists(&text).next()?;
    let is_zone = |word: &&str| {
        let labels = word.split('.');
        word.contains('.')
            && desk.words.iter().any(|known| word.contains(known))
            && labels.clone().all(|label| !label.is_empty())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
    };
    let mut words = text
        .split(|c: char| c.is_whitespace() || "()[]<>,;:'\"".contains(c))
        .map(|word| word.trim_end_matches(['.', '!']));
    let zone = words.find(|word| is_zone(word));
    Some(zone.map_or_else(|| desk.name.to_owned(), str::to_owned))
}

/// The provider whose contact a refusal (lower case, with what is known of the host) points to.
#[must_use]
pub fn provider(text: &str) -> Option<&'static Desk> {
    PROVIDERS
        .iter()
        .find(|desk| desk.words.iter().any(|word| text.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_list() {
        let named = |text: &str| blocklists(text).map(|desk| desk.name).collect::<Vec<_>>();
        assert_eq!(named("blocked using zen.spamhaus.org"), ["Spamhaus"]);
        assert_eq!(
            named("554 5.7.1 blocked using b.barracudacentral.org"),
            ["Barracuda Central"]
        );
        assert!(named("user unknown").is_empty());
        assert_eq!(
            provider("550 5.7.26 x gsmtp").map(|desk| desk.name),
            Some("Google")
        );
    }

    #[test]
    fn a_list_is_called_what_the_refusal_calls_it() {
        for (refusal, called) in [
            (
                "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using Zen.Spamhaus.org; \
                 https://www.spamhaus.org/query/ip/192.0.2.1",
                Some("zen.spamhaus.org"),
            ),
            (
                "550 listed at https://check.spamhaus.org/x?y",
                Some("Spamhaus"),
            ),
            ("550 (bl.spamcop.net). Go away", Some("bl.spamcop.net")),
            ("550 5.1.1 user unknown", None),
        ] {
            assert_eq!(zone(refusal).as_deref(), called, "{refusal}");
        }
    }

    #[test]
    fn words_are_in_lower_case_and_advice_names_a_place() {
        for desk in BLOCKLISTS.iter().chain(PROVIDERS) {
            assert!(
                desk.words.iter().all(|word| *word == word.to_lowercase()),
                "{}",
                desk.name
            );
            assert!(
                !desk.advice.is_empty() && !desk.advice.ends_with('.'),
                "{}",
                desk.name
            );
        }
    }
}
