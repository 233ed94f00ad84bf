//! What makes an address look like a spam trap, weighed so that no single weak signal ever does.

use std::fmt;

use super::generated::Generated;

/// How much a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Enough by itself.
    Strong,
    /// Enough only together with another.
    Weak,
}

/// One sign of a spam trap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The local part names itself a trap.
    TrapName,
    /// The domain belongs to the operator of a blocklist.
    BlocklistOperator {
        /// The domain in the list.
        domain: Box<str>,
    },
    /// The provider closed its mailboxes.
    ClosedProvider {
        /// The domain in the list.
        domain: Box<str>,
        /// Since when no mailbox is left.
        year: u16,
    },
    /// The operator's own list has the name or domain.
    Listed {
        /// The entry that matched.
        entry: Box<str>,
        /// The file and line.
        source: Box<str>,
    },
    /// The local part is a complaint address, such as `abuse`.
    ComplaintDesk,
    /// The local part belongs to a machine that does not read.
    MachineName,
    /// The local part looks generated.
    GeneratedName(Generated),
    /// The domain is one slip from a large provider.
    TypoDomain {
        /// The provider that was probably meant.
        meant: Box<str>,
    },
    /// The domain is reserved: it has no owner on the internet.
    ReservedName,
    /// The domain accepts every address: known only after its host was asked, so the caller adds it.
    CatchAll,
}

impl Signal {
    /// How much it says.
    #[must_use]
    pub fn weight(&self) -> Weight {
        match self {
            Signal::TrapName
            | Signal::BlocklistOperator { .. }
            | Signal::ClosedProvider { .. }
            | Signal::Listed { .. } => Weight::Strong,
            Signal::ComplaintDesk
            | Signal::MachineName
            | Signal::GeneratedName(_)
            | Signal::TypoDomain { .. }
            | Signal::ReservedName
            | Signal::CatchAll => Weight::Weak,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Signal::TrapName => f.write_str("a name that calls itself a trap"),
            Signal::BlocklistOperator { domain } => write!(f, "{domain} runs a blocklist"),
            Signal::ClosedProvider { domain, year } => {
                write!(f, "{domain} closed its mailboxes in {year}")
            }
            Signal::Listed { entry, source } => write!(f, "`{entry}` in {source}"),
            Signal::ComplaintDesk => f.write_str("complaint desk"),
            Signal::MachineName => f.write_str("name of a machine that does not read"),
            Signal::GeneratedName(why) => write!(f, "generated name ({why})"),
            Signal::TypoDomain { meant } => write!(f, "typo of {meant}"),
            Signal::ReservedName => f.write_str("reserved domain"),
            Signal::CatchAll => f.write_str("catch-all mail host"),
        }
    }
}

/// Whether these signals together make an address trap-like: one strong signal, or two different weak ones. A repeated
/// signal counts once.
#[must_use]
pub fn is_trap_like(signals: &[Signal]) -> bool {
    let differs = |signal: &&Signal| {
        signals
            .first()
            .is_some_and(|first| std::mem::discriminant(first) != std::mem::discriminant(signal))
    };
    signals
        .iter()
        .any(|signal| signal.weight() == Weight::Strong)
        || signals.iter().any(|signal| differs(&signal))
}

/// The reasons why an address is trap-like, such as `typo of gmail.com with catch-all mail host`; `None` if it is not.
#[must_use]
pub fn trap_like(signals: &[Signal]) -> Option<String> {
    is_trap_like(signals).then(|| {
        signals
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" with ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typo() -> Signal {
        Signal::TypoDomain {
            meant: "gmail.com".into(),
        }
    }

    #[test]
    fn one_weak_signal_never_makes_a_trap() {
        let weak = [
            Signal::ComplaintDesk,
            Signal::MachineName,
            Signal::GeneratedName(Generated::Hex),
            typo(),
            Signal::ReservedName,
            Signal::CatchAll,
        ];
        assert_eq!(trap_like(&[]), None);
        for (at, signal) in weak.iter().enumerate() {
            assert_eq!(trap_like(std::slice::from_ref(signal)), None, "{signal}");
            assert_eq!(
                trap_like(&[signal.clone(), signal.clone()]),
                None,
                "{signal} twice"
            );
            for other in &weak[at + 1..] {
                assert!(
                    is_trap_like(&[signal.clone(), other.clone()]),
                    "{signal} and {other}"
                );
            }
        }
    }

    #[test]
    fn a_typo_domain_is_trap_like_once_it_is_known_to_accept_everyone() {
        let reasons = trap_like(&[typo(), Signal::CatchAll]);
        assert_eq!(
            reasons.as_deref(),
            Some("typo of gmail.com with catch-all mail host")
        );
    }

    #[test]
    fn one_strong_signal_is_enough() {
        for signal in [
            Signal::TrapName,
            Signal::BlocklistOperator {
                domain: "spamhaus.org".into(),
            },
            Signal::ClosedProvider {
                domain: "voila.fr".into(),
                year: 2016,
            },
            Signal::Listed {
                entry: "bad.example".into(),
                source: "mine.txt, line 1".into(),
            },
        ] {
            assert!(is_trap_like(&[signal]));
        }
    }
}
