//! Who runs mail hosts, and what is known of their habits.
//!
//! Habits change, so they are data (`config/providers.toml`), never code.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;

/// What an acceptance at RCPT is worth at a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// Unknown users are refused at RCPT: an acceptance means something.
    RefusesStrangers,
    /// Every user is accepted and unknown ones bounce later: an acceptance proves nothing.
    AcceptsEveryone,
    /// It depends on the customer's settings: only a decoy tells.
    #[default]
    #[serde(rename = "depends")]
    DependsOnTenant,
}

/// Whether a provider insists on encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsHabit {
    /// Taken when offered.
    #[default]
    Opportunistic,
    /// Mail in clear is refused.
    Required,
}

/// Whether commands may travel together at a provider that offers PIPELINING.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PipeliningHabit {
    /// The offer can be relied on.
    #[default]
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

/// `config/providers.toml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderFile {
    provider: Vec<ProviderEntry>,
}

/// One provider as it is written. Where a fact comes from, and when it was checked, is for readers of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderEntry {
    id: String,
    name: String,
    mx: Vec<String>,
    #[serde(default)]
    consumer: Vec<String>,
    #[serde(default)]
    acceptance: Acceptance,
    recipients_per_transaction: Option<u32>,
    recipients_per_connection: Option<u32>,
    connections: Option<u32>,
    #[serde(default)]
    tls: TlsHabit,
    #[serde(default)]
    pipelining: PipeliningHabit,
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "checked")]
    _checked: String,
}

/// All providers we know, ready for look-up.
#[derive(Debug, Default)]
pub struct Providers {
    all: Vec<Provider>,
    by_mail_host: HashMap<String, usize>,
    by_consumer_domain: HashMap<String, usize>,
}

impl Providers {
    /// The providers that come with the program.
    ///
    /// # Panics
    ///
    /// When the file that comes with the program is malformed, which a test rules out.
    #[must_use]
    pub fn built_in() -> Self {
        let file: ProviderFile = toml::from_str(include_str!("../config/providers.toml"))
            .expect("config/providers.toml is well formed");
        let mut providers = Providers::default();
        for entry in file.provider {
            let index = providers.all.len();
            providers
                .by_mail_host
                .extend(entry.mx.into_iter().map(|ending| (ending, index)));
            providers
                .by_consumer_domain
                .extend(entry.consumer.into_iter().map(|domain| (domain, index)));
            providers.all.push(Provider {
                id: entry.id,
                name: entry.name,
                acceptance: entry.acceptance,
                recipients_per_transaction: entry.recipients_per_transaction,
                recipients_per_connection: entry.recipients_per_connection,
                connections: entry.connections,
                millirate: None,
                tls: entry.tls,
                pipelining: entry.pipelining,
                greylist_wait: None,
                block_wait: None,
            });
        }
        providers
    }

    /// The provider that runs the mail host `host` (an A-label name without trailing dot), by the longest ending.
    #[must_use]
    pub fn of_mail_host(&self, host: &str) -> Option<&Provider> {
        let mut ending = host;
        loop {
            if let Some(&index) = self.by_mail_host.get(ending) {
                return Some(&self.all[index]);
            }
            ending = ending.split_once('.')?.1;
        }
    }

    /// The provider whose consumer domain `domain` is (`gmail.com` is Google's): a free mailbox.
    #[must_use]
    pub fn of_consumer_domain(&self, domain: &str) -> Option<&Provider> {
        self.by_consumer_domain
            .get(domain)
            .map(|&index| &self.all[index])
    }

    /// The provider with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Provider> {
        self.all.iter().find(|provider| provider.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_host_belongs_to_the_provider_with_the_longest_ending() {
        let providers = Providers::built_in();
        let of = |host| {
            providers
                .of_mail_host(host)
                .map(|provider| provider.id.as_str())
        };
        assert_eq!(of("aspmx.l.google.com"), Some("google"));
        assert_eq!(
            of("hotmail-com.olc.protection.outlook.com"),
            Some("outlook")
        );
        assert_eq!(
            of("acme-test.mail.protection.outlook.com"),
            Some("microsoft365")
        );
        assert_eq!(of("notgoogle.com"), None);
        assert_eq!(of("mx.acme.test"), None);
    }

    #[test]
    fn consumer_domains_and_ids_are_found() {
        let providers = Providers::built_in();
        assert_eq!(
            providers
                .of_consumer_domain("gmail.com")
                .map(|provider| provider.name.as_str()),
            Some("Google")
        );
        assert_eq!(providers.of_consumer_domain("acme.test"), None);
        assert_eq!(
            providers.by_id("yahoo").map(|provider| provider.acceptance),
            Some(Acceptance::AcceptsEveryone)
        );
    }
}
