//! The closed vocabulary of reasons.
//!
//! Every verdict names one [`Reason`]; every reason has a [`Blame`], and only a reason that blames the mailbox or its
//! domain may ever reject an address. The names are a public contract: never renamed, only added to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The party at fault when a message would not, or might not, arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// This mailbox does not take mail.
    Mailbox,
    /// The whole domain does not take mail.
    Domain,
    /// The receiving host: busy, broken or unwilling for reasons of its own.
    Host,
    /// The client or the sender: address, name, reputation, authentication.
    Sender,
    /// The operator's own choice about the list.
    Operator,
    /// This program: it did not ask, or not to the end.
    Us,
    /// No party: nothing is wrong, or nothing is known.
    Nobody,
}

impl Blame {
    /// The name used in output, such as `mailbox`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Blame::Mailbox => "mailbox",
            Blame::Domain => "domain",
            Blame::Host => "host",
            Blame::Sender => "sender",
            Blame::Operator => "operator",
            Blame::Us => "us",
            Blame::Nobody => "nobody",
        }
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Declares the reasons once, so that the list, the names and the blame cannot drift apart.
macro_rules! reasons {
    ($($variant:ident $wire:literal $blame:ident $plain:literal;)*) => {
        /// Why a verdict is what it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $(#[doc = $plain] $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the vocabulary.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The name used in lists, reports and rule files, such as `no_such_mailbox`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $wire,)* }
            }

            /// What this reason blames.
            #[must_use]
            pub fn blame(self) -> Blame {
                match self { $(Reason::$variant => Blame::$blame,)* }
            }

            /// One sentence for a reader who does not know SMTP.
            #[must_use]
            pub fn in_plain_words(self) -> &'static str {
                match self { $(Reason::$variant => $plain,)* }
            }
        }
    };
}

reasons! {
    // What the text says.
    BadSyntax "bad_syntax" Mailbox "This is not an e-mail address.";
    // What DNS says about the domain.
    NoSuchDomain "no_such_domain" Domain "The domain does not exist.";
    NoMailHost "no_mail_host" Domain "The domain exists, but no host takes mail for it.";
    NullMx "null_mx" Domain "The domain states that it takes no mail at all.";
    MxNotPublic "mx_not_public" Domain "The domain names only private or reserved addresses as its mail hosts.";
    DnsTrouble "dns_trouble" Nobody "DNS gave no usable answer about the domain this time.";
    // The mailbox takes mail, as far as can be told.
    Accepted "accepted" Nobody "The mail host accepts this address.";
    AcceptedProvider "accepted_provider" Nobody "The mail host accepts every address and bounces later, so its yes proves nothing.";
    CatchAll "catch_all" Nobody "The domain accepts every address, invented ones too, so its yes proves nothing.";
    CatchAllUntested "catch_all_untested" Nobody "The address was taken, but whether the domain takes just anything could not be found out.";
    // The mailbox takes no mail.
    NoSuchMailbox "no_such_mailbox" Mailbox "There is no such mailbox.";
    MailboxDisabled "mailbox_disabled" Mailbox "The mailbox exists but has been closed or switched off.";
    MailboxMoved "mailbox_moved" Mailbox "The mailbox has moved to another address.";
    DomainNotServed "domain_not_served" Domain "The mail host says that it takes no mail for this domain.";
    // The mailbox takes no mail for now.
    MailboxFull "mailbox_full" Mailbox "The mailbox exists but is full.";
    MailboxBusy "mailbox_busy" Mailbox "The mailbox exists but is receiving too much mail just now.";
    // Come back later.
    Greylisted "greylisted" Host "The mail host asks strangers to come back later.";
    HostBusy "host_busy" Host "The mail host is too busy just now.";
    TryLater "try_later" Host "The mail host could not answer for the moment.";
    // It is about the client that asks or the sender.
    SenderBlocked "sender_blocked" Sender "The mail host blocks whoever is asking, usually through a blocklist or a reputation filter.";
    SenderUnauthenticated "sender_unauthenticated" Sender "The sender's SPF, DKIM or DMARC does not pass.";
    SenderRefused "sender_refused" Sender "The mail host refuses this sender, host name or message by policy.";
    RateLimited "rate_limited" Sender "The sender is going too fast for this mail host.";
    NeedsPtr "needs_ptr" Sender "The sending address has no proper reverse DNS name.";
    TlsRequired "tls_required" Sender "The mail host wants an encrypted connection.";
    TooManyRecipients "too_many_recipients" Sender "Too many recipients at once for this mail host.";
    RelayDenied "relay_denied" Sender "The mail host takes this for an attempt to relay through it.";
    // The host itself.
    Unreachable "unreachable" Host "No mail host of the domain could be reached.";
    Silent "silent" Host "The mail host did not answer in time.";
    HungUp "hung_up" Host "The mail host closed the connection before it answered.";
    ProtocolFault "protocol_fault" Host "The mail host did not speak proper SMTP.";
    Expired "expired" Host "The message could not be delivered within the time that the sending server keeps trying.";
    NotAccepting "not_accepting" Host "The mail host takes no mail at present.";
    ProviderAnomaly "provider_anomaly" Host "The mail host contradicts itself, so its answers are not trusted this time.";
    // The operator's own lists.
    NoAddress "no_address" Operator "The row names no address.";
    Role "role" Operator "The address belongs to a function, not to a person.";
    Disposable "disposable" Operator "The domain hands out throw-away addresses.";
    TrapLike "trap_like" Operator "The address looks like a spam trap.";
    Suppressed "suppressed" Operator "The address is on your suppression list.";
    Duplicate "duplicate" Operator "An earlier row names the same mailbox.";
    // Our own doing.
    NotAsked "not_asked" Us "Nobody was asked about this address.";
    Interrupted "interrupted" Us "The run was interrupted before this address was settled.";
    Deadline "deadline" Us "The run's time was over before this address was settled.";
    // A reply that no rule understood.
    Unread "unread" Nobody "The mail host said something that is not in the rule book.";
}

impl Reason {
    /// Whether it condemns an address: a refusal that is `permanent`, and blames the mailbox or its domain.
    #[must_use]
    pub fn condemns(self, permanent: bool) -> bool {
        permanent && self.may_reject()
    }

    /// Whether a permanent refusal with this reason may reject an address: only the mailbox or its domain can be to
    /// blame, and a full or busy mailbox exists.
    #[must_use]
    pub fn may_reject(self) -> bool {
        matches!(self.blame(), Blame::Mailbox | Blame::Domain)
            && !matches!(self, Reason::MailboxFull | Reason::MailboxBusy)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no reason of the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reason; see the table of reasons in the README")]
pub struct UnknownReason(pub String);

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, UnknownReason> {
        Reason::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == word)
            .ok_or_else(|| UnknownReason(word.to_owned()))
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<str>::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_its_wire_name() {
        for &reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
            assert_eq!(
                serde_json::from_str::<Reason>(&serde_json::to_string(&reason).unwrap()).unwrap(),
                reason
            );
        }
    }

    /// The table of the README, made of the vocabulary.
    fn table() -> String {
        let mut table = "| reason | whose fault | what it means |\n|---|---|---|\n".to_owned();
        for reason in Reason::ALL {
            use std::fmt::Write as _;
            let _ = writeln!(
                table,
                "| `{reason}` | {} | {} |",
                reason.blame(),
                reason.in_plain_words()
            );
        }
        table
    }

    #[test]
    fn the_readme_tables_the_reasons() {
        let readme = include_str!("../../README.md");
        let table = table();
        assert!(
            readme.contains(&table),
            "put this below the heading \"The reasons\" of README.md:\n\n{table}"
        );
    }

    #[test]
    fn only_the_mailbox_or_its_domain_may_reject() {
        for &reason in Reason::ALL {
            if reason.may_reject() {
                assert!(
                    matches!(reason.blame(), Blame::Mailbox | Blame::Domain),
                    "{reason}"
                );
            }
        }
        assert!(!Reason::MailboxFull.may_reject());
        assert!(!Reason::MailboxBusy.may_reject());
        assert!(Reason::NoSuchMailbox.may_reject());
    }
}
