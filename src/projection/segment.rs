//! Which addresses share a belief: a kind of answer, at a provider, at a domain.

use std::fmt;
use std::str::FromStr;

use crate::input::flags::{Flag, Flags};
use crate::model::reason::Reason;
use crate::model::verdict::{Standing, Verdict};

/// Declares the kinds once, so that the list and the names cannot drift apart.
macro_rules! kinds {
    ($($variant:ident $name:literal $plain:literal;)*) => {
        /// What an answer says of the chance that a message bounces.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $plain] $variant,)*
        }

        impl Kind {
            /// Every kind, as they are listed in `config/priors.toml`.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)*];

            /// The name used in `config/priors.toml` and in the ledger, such as `catch_all`. Stable.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$variant => $name,)* }
            }

            /// What its addresses have in common, in plain words.
            #[must_use]
            pub fn in_plain_words(self) -> &'static str {
                match self { $(Kind::$variant => $plain,)* }
            }
        }
    };
}

kinds! {
    Proven "proven" "accepted where invented addresses are refused";
    Throwaway "throwaway" "accepted throw-away mailboxes";
    Busy "busy" "mailboxes that exist but are too busy just now";
    Untested "untested" "accepted, but perhaps anything is accepted there";
    AcceptsEveryone "accepts_everyone" "at providers that accept everything and bounce later";
    CatchAll "catch_all" "at domains that accept every address";
    Full "full" "full mailboxes";
    Refused "refused" "refused for good";
    NoMail "no_mail" "at domains that take no mail";
    NoAddress "no_address" "not an e-mail address";
    Unasked "unasked" "nobody was asked";
    Deferred "deferred" "the mail host wants us to come back later";
    Unreachable "unreachable" "no mail host answered properly";
    Blocked "blocked" "the mail host refuses to talk to us";
    Unread "unread" "the answer settles nothing";
    Suppressed "suppressed" "on your suppression list";
}

impl Kind {
    /// The kind of an address with this verdict and these flags.
    #[must_use]
    pub fn of(verdict: Verdict, flags: Flags) -> Kind {
        match verdict.reason {
            Reason::Accepted if flags.has(Flag::Disposable) => Kind::Throwaway,
            Reason::Accepted => Kind::Proven,
            Reason::AcceptedProvider => Kind::AcceptsEveryone,
            Reason::CatchAll => Kind::CatchAll,
            Reason::CatchAllUntested => Kind::Untested,
            Reason::MailboxBusy => Kind::Busy,
            Reason::MailboxFull => Kind::Full,
            Reason::BadSyntax => Kind::NoAddress,
            Reason::NoSuchDomain | Reason::NoMailHost | Reason::NullMx | Reason::MxNotPublic => {
                Kind::NoMail
            }
            // The same words with a temporary code settle nothing.
            Reason::NoSuchMailbox
            | Reason::MailboxDisabled
            | Reason::MailboxMoved
            | Reason::DomainNotServed => match verdict.standing {
                Standing::Undeliverable => Kind::Refused,
                Standing::Deliverable | Standing::Risky | Standing::Unknown => Kind::Unread,
            },
            Reason::Greylisted | Reason::HostBusy | Reason::TryLater => Kind::Deferred,
            Reason::DnsTrouble
            | Reason::Unreachable
            | Reason::Expired
            | Reason::Silent
            | Reason::HungUp
            | Reason::ProtocolFault
            | Reason::NotAccepting => Kind::Unreachable,
            Reason::SenderBlocked
            | Reason::SenderUnauthenticated
            | Reason::SenderRefused
            | Reason::RateLimited
            | Reason::NeedsPtr
            | Reason::TlsRequired
            | Reason::TooManyRecipients
            | Reason::RelayDenied => Kind::Blocked,
            Reason::Unread | Reason::ProviderAnomaly => Kind::Unread,
            Reason::Suppressed => Kind::Suppressed,
            Reason::NoAddress
            | Reason::NotAsked
            | Reason::Interrupted
            | Reason::Deadline
            | Reason::Role
            | Reason::Disposable
            | Reason::TrapLike
            | Reason::Duplicate => Kind::Unasked,
        }
    }

    /// Whether the mail host settled the matter: an unsettled address at the same provider may learn from it.
    #[must_use]
    pub fn is_settled(self) -> bool {
        match self {
            Kind::Proven | Kind::Throwaway | Kind::Busy | Kind::Full | Kind::Refused => true,
            // An acceptance that every recipient gets settles nothing.
            Kind::CatchAll
            | Kind::Untested
            | Kind::AcceptsEveryone
            | Kind::NoMail
            | Kind::NoAddress
            | Kind::Unasked
            | Kind::Deferred
            | Kind::Unreachable
            | Kind::Blocked
            | Kind::Unread
            | Kind::Suppressed => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Addresses that share a belief. Written `kind@provider/domain`, where provider and domain may be absent:
/// `proven@google`, `catch_all/kontor21.test`. The names are stable: a ledger keeps what bounced by them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Segment {
    /// What the answer says.
    pub kind: Kind,
    /// The id of the mail host's provider, where known.
    pub provider: Option<Box<str>>,
    /// The domain, where it has a history of its own: catch-all domains do.
    pub domain: Option<Box<str>>,
}

impl Segment {
    /// All addresses of a kind.
    #[must_use]
    pub fn kind(kind: Kind) -> Segment {
        Segment {
            kind,
            provider: None,
            domain: None,
        }
    }

    /// The finest segment of an address with this verdict and these flags, whose mail host belongs to the provider with
    /// this id.
    #[must_use]
    pub fn of(verdict: Verdict, flags: Flags, provider: Option<&str>, domain: &str) -> Segment {
        let kind = Kind::of(verdict, flags);
        Segment {
            kind,
            provider: provider.map(Box::from),
            domain: (kind == Kind::CatchAll && is_name(domain)).then(|| Box::from(domain)),
        }
    }

    /// The next broader segment; `None` of a whole kind.
    #[must_use]
    pub fn broader(&self) -> Option<Segment> {
        match (&self.provider, &self.domain) {
            (None, None) => None,
            (Some(_), None) => Some(Segment::kind(self.kind)),
            (provider, Some(_)) => Some(Segment {
                kind: self.kind,
                provider: provider.clone(),
                domain: None,
            }),
        }
    }
}

/// Whether a text can be a part of a segment's name.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(['@', '/']) && !text.contains(char::is_whitespace)
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if let Some(provider) = &self.provider {
            write!(f, "@{provider}")?;
        }
        if let Some(domain) = &self.domain {
            write!(f, "/{domain}")?;
        }
        Ok(())
    }
}

/// A text that names no segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no kind of address; they look like `proven@google` or `catch_all/acme.test`")]
pub struct NoSegment(pub String);

impl FromStr for Segment {
    type Err = NoSegment;

    fn from_str(text: &str) -> Result<Self, NoSegment> {
        let none = || NoSegment(text.to_owned());
        let (rest, domain) = match text.split_once('/') {
            Some((rest, domain)) => (rest, Some(domain)),
            None => (text, None),
        };
        let (name, provider) = match rest.split_once('@') {
            Some((name, provider)) => (name, Some(provider)),
            None => (rest, None),
        };
        if [provider, domain]
            .into_iter()
            .flatten()
            .any(|part| !is_name(part))
        {
            return Err(none());
        }
        let kind = Kind::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(none)?;
        Ok(Segment {
            kind,
            provider: provider.map(Box::from),
            domain: domain.map(Box::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_ledger() {
        for name in [
            "proven",
            "proven@google",
            "catch_all/kontor21.test",
            "catch_all@microsoft365/kontor21.test",
        ] {
            let segment: Segment = name.parse().unwrap();
            assert_eq!(segment.to_string(), name);
        }
        for name in [
            "",
            "proved",
            "proven@",
            "catch_all/",
            "catch_all/a b",
            "catch_all/a/b",
        ] {
            assert_eq!(name.parse::<Segment>(), Err(NoSegment(name.to_owned())));
        }
    }

    #[test]
    fn a_segment_broadens_to_its_provider_then_to_its_kind() {
        let finest: Segment = "catch_all@microsoft365/kontor21.test".parse().unwrap();
        let provider = finest.broader().unwrap();
        assert_eq!(provider.to_string(), "catch_all@microsoft365");
        assert_eq!(provider.broader(), Some(Segment::kind(Kind::CatchAll)));
        assert_eq!(Segment::kind(Kind::CatchAll).broader(), None);
    }

    #[test]
    fn only_a_refusal_for_good_is_refused() {
        let of = |standing, reason| Kind::of(Verdict { standing, reason }, Flags::NONE);
        assert_eq!(
            of(Standing::Undeliverable, Reason::NoSuchMailbox),
            Kind::Refused
        );
        assert_eq!(of(Standing::Unknown, Reason::NoSuchMailbox), Kind::Unread);
        assert_eq!(of(Standing::Unknown, Reason::SenderBlocked), Kind::Blocked);
    }

    #[test]
    fn a_domain_names_only_catch_all_segments() {
        let verdict = |standing, reason| Verdict { standing, reason };
        let catch_all = Segment::of(
            verdict(Standing::Risky, Reason::CatchAll),
            Flags::NONE,
            None,
            "acme.test",
        );
        assert_eq!(catch_all.to_string(), "catch_all/acme.test");
        let proven = Segment::of(
            verdict(Standing::Deliverable, Reason::Accepted),
            Flags::NONE,
            Some("google"),
            "acme.test",
        );
        assert_eq!(proven.to_string(), "proven@google");
        let throwaway = Segment::of(
            verdict(Standing::Deliverable, Reason::Accepted),
            Flags::NONE.with(Flag::Disposable),
            None,
            "acme.test",
        );
        assert_eq!(throwaway.to_string(), "throwaway");
    }
}
