//! Which mailboxes exist: the truth that a run is measured against.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What is true of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It takes mail.
    Exists,
    /// Its domain takes mail, but there is no such mailbox.
    Missing,
    /// It exists, but is full.
    Full,
    /// It existed once.
    Disabled,
    /// It exists, but gets too much mail at present.
    Busy,
    /// It moved to another address, without forwarding.
    Moved,
    /// Its domain does not exist.
    NoSuchDomain,
    /// Its domain takes no mail, or has no host that does.
    NoMailHost,
    /// The hosts that should take its mail are never to be reached.
    HostsDead,
    /// Its domain's names cannot be looked up.
    NamesBroken,
}

impl Truth {
    /// Its name, such as `no_such_domain`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Truth::Exists => "exists",
            Truth::Missing => "missing",
            Truth::Full => "full",
            Truth::Disabled => "disabled",
            Truth::Busy => "busy",
            Truth::Moved => "moved",
            Truth::NoSuchDomain => "no_such_domain",
            Truth::NoMailHost => "no_mail_host",
            Truth::HostsDead => "hosts_dead",
            Truth::NamesBroken => "names_broken",
        }
    }

    /// Whether a message sent now would come back.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn bounces(&self) -> bool {
        match self {
            Truth::Exists | Truth::Busy => false,
            Truth::Missing
            | Truth::Full
            | Truth::Disabled
            | Truth::Moved
            | Truth::NoSuchDomain
            | Truth::NoMailHost
            | Truth::HostsDead
            | Truth::NamesBroken => true,
        }
    }
}

/// The state of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It takes mail.
    Open,
    /// It is over quota.
    Full,
    /// Closed by its provider.
    Disabled,
    /// Takes no more mail for a while.
    Busy,
    /// Known to have moved (RFC 5321 §3.4, reply 551).
    Moved {
        /// The address that it has now.
        to: String,
    },
}

/// What a domain does with mail to names that have no mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unclaimed {
    /// It has no use for it.
    #[default]
    Unwanted,
    /// It is delivered and read: a true catch-all.
    Delivered,
    /// It is taken at the door, a bounce follows.
    Bounced,
}

/// Whether `anna+news` is `anna`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlusTags {
    /// A plus is a letter like any other.
    #[default]
    Kept,
    /// What follows the plus is ignored.
    Ignored,
}

/// Whether the hosts of a domain know that they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// They take its mail.
    #[default]
    Taken,
    /// They refuse it as if it were a foreign domain's.
    Refused,
}

/// The mailboxes of one domain.
#[derive(Clone, Debug, Default)]
pub struct Mailboxes {
    /// By local part in lower case.
    pub known: BTreeMap<String, Condition>,
    /// What becomes of mail to other names.
    pub unclaimed: Unclaimed,
    /// Whether tags are ignored.
    pub plus_tags: PlusTags,
    /// Whether its hosts take its mail at all.
    pub service: Service,
}

impl Mailboxes {
    /// The mailbox of that name, in any case.
    #[must_use]
    pub fn get(&self, local: &str) -> Option<&Condition> {
        let local = local.to_lowercase();
        self.known.get(&local).or_else(|| match self.plus_tags {
            PlusTags::Kept => None,
            PlusTags::Ignored => self.known.get(local.split_once('+')?.0),
        })
    }

    /// What is true of that name, as far as the domain itself goes.
    #[must_use]
    pub fn truth(&self, local: &str) -> Truth {
        if self.service == Service::Refused {
            return Truth::NoMailHost;
        }
        match self.get(local) {
            Some(Condition::Open) => Truth::Exists,
            Some(Condition::Full) => Truth::Full,
            Some(Condition::Disabled) => Truth::Disabled,
            Some(Condition::Busy) => Truth::Busy,
            Some(Condition::Moved { .. }) => Truth::Moved,
            None => match self.unclaimed {
                Unclaimed::Delivered => Truth::Exists,
                Unclaimed::Unwanted | Unclaimed::Bounced => Truth::Missing,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailboxes(plus_tags: PlusTags) -> Mailboxes {
        let known = BTreeMap::from([
            ("anna".to_owned(), Condition::Open),
            ("bert".to_owned(), Condition::Full),
        ]);
        Mailboxes {
            known,
            plus_tags,
            ..Mailboxes::default()
        }
    }

    #[test]
    fn case_does_not_matter_but_tags_may() {
        let plain = mailboxes(PlusTags::Kept);
        assert_eq!(plain.truth("Anna"), Truth::Exists);
        assert_eq!(plain.truth("anna+news"), Truth::Missing);
        assert_eq!(
            mailboxes(PlusTags::Ignored).truth("ANNA+news"),
            Truth::Exists
        );
    }

    #[test]
    fn a_catch_all_delivers_to_unknown_recipients_and_a_late_bouncer_does_not() {
        let mut domain = mailboxes(PlusTags::Kept);
        domain.unclaimed = Unclaimed::Delivered;
        assert_eq!(domain.truth("zoe"), Truth::Exists);
        assert_eq!(domain.truth("bert"), Truth::Full);
        domain.unclaimed = Unclaimed::Bounced;
        assert_eq!(domain.truth("zoe"), Truth::Missing);
    }
}
