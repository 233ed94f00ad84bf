//! Who runs mail hosts, and what is known of their habits.
//!
//! Habits change, so they are data (`config/providers.toml`), never code.

use std::time::Duration;

/// What an acceptance at RCPT is worth at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Unknown users are refused at RCPT: an acceptance means something.
    RefusesStrangers,
    /// Every user is accepted and unknown ones bounce later: an acceptance proves nothing.
    AcceptsEveryone,
    /// It depends on the customer's settings: only a decoy tells.
    DependsOnTenant,
}

/// Whether a provider insists on encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsHabit {
    /// Taken when offered.
    Opportunistic,
    /// Mail in clear is refused.
    Required,
}

/// Whether commands may travel together at a provider that offers PIPELINING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeliningHabit {
    /// The offer can be relied on.
    AsOffered,
    /// The offer is there, but one command at a time is safer.
    Avoid,
}

/// One provider of mail hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Stable short name, such as `google`; also the host key of everything it runs.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What an acceptance is worth.
    pub acceptance: Acceptance,
    /// Most recipients in one transaction, where it is known to limit them.
    pub recipients_per_transaction: Option<u32>,
    /// Most recipients in one connection, where it is known to limit them.
    pub recipients_per_connection: Option<u32>,
    /// Most connections at once that it tolerates from us.
    pub connections: Option<u32>,
    /// Most recipients a second, in thousandths, that it tolerates from us.
    pub millirate: Option<u32>,
    /// Whether it insists on encryption.
    pub tls: TlsHabit,
    /// Whether its PIPELINING is to be trusted.
    pub pipelining: PipeliningHabit,
    /// How long it keeps strangers waiting, where known.
    pub greylist_wait: Option<Duration>,
    /// How long to stay away once it has blocked us, where known.
    pub block_wait: Option<Duration>,
}

/// All providers we know, ready for look-up.
#[derive(Debug, Default)]
pub struct Providers {}

impl Providers {
    /// The providers that come with the program.
    #[must_use]
    pub fn built_in() -> Self {
        Providers::default()
    }

    /// The provider that runs the mail host `host` (an A-label name without trailing dot), by the longest suffix.
    #[must_use]
    pub fn of_mail_host(&self, _host: &str) -> Option<&Provider> {
        None
    }

    /// The provider whose consumer domain `domain` is (`gmail.com` is Google's): a free mailbox.
    #[must_use]
    pub fn of_consumer_domain(&self, _domain: &str) -> Option<&Provider> {
        None
    }

    /// The provider with this id.
    #[must_use]
    pub fn by_id(&self, _id: &str) -> Option<&Provider> {
        None
    }
}
