//! The operators of mail hosts, and how their hosts are known to behave.
//!
//! Behaviour changes, so it is data (`config/providers.toml`), never code.

use std::collections::HashMap;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::model::rate;

/// What an acceptance at RCPT is worth at a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// Unknown users are refused at RCPT: an acceptance means something.
    #[serde(rename = "refuses_strangers")]
    RefusesUnknown,
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

/// What an invented recipient does at a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecoyHabit {
    /// Its answer tells whether unknown recipients are refused.
    #[default]
    Tells,
    /// It tells, but unknown recipients count against the client: as few as can be.
    Counted,
    /// It is accepted like every recipient and tells nothing: not worth a question.
    Useless,
}

/// What an "unknown user" means at a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownUser {
    /// That there is no such mailbox.
    #[default]
    Plain,
    /// That, or that the provider or its customer filters this sender: it never condemns.
    Ambiguous,
}

/// How many machines of a provider a block concerns that one of them has reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blocking {
    /// That machine, until most of those met have said the same.
    #[default]
    PerMachine,
    /// All of them: they share one memory of their clients.
    AsOne,
}

/// One provider of mail hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Stable short name, such as `google`; also the host key of everything it runs.
    pub id: String,
    /// The display name.
    pub name: String,
    /// What an acceptance is worth.
    pub acceptance: Acceptance,
    /// Most recipients in one transaction, where it is known to limit them.
    pub recipients_per_transaction: Option<u32>,
    /// Most recipients in one connection, where it is known to limit them.
    pub recipients_per_connection: Option<u32>,
    /// Most transactions in one connection, where it is known to limit them.
    pub transactions_per_connection: Option<u32>,
    /// Most connections at once that it tolerates from us.
    pub connections: Option<u32>,
    /// Most recipients a second, in thousandths, that it tolerates from us.
    pub millirate: Option<u32>,
    /// The same where it answers quickly for minutes without a complaint; `None` where it is asked no faster then.
    pub millirate_max: Option<u32>,
    /// Whether it insists on encryption.
    pub tls: TlsHabit,
    /// Whether its PIPELINING is to be trusted.
    pub pipelining: PipeliningHabit,
    /// What an invented recipient does.
    pub decoy: DecoyHabit,
    /// What an "unknown user" means.
    pub unknown_user: UnknownUser,
    /// How long its hosts greylist a new triplet, where known.
    pub greylist_wait: Option<Duration>,
    /// How long to stay away once it has blocked us, where known.
    pub block_wait: Option<Duration>,
    /// How many of its machines a block concerns that one of them has reported.
    pub blocking: Blocking,
    /// Whether its consumer domains are names of one system of mailboxes.
    pub consumer_system: bool,
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
    transactions_per_connection: Option<u32>,
    connections: Option<u32>,
    #[serde(default, deserialize_with = "thousandths_a_second")]
    rate: Option<u32>,
    #[serde(default, deserialize_with = "thousandths_a_second")]
    rate_max: Option<u32>,
    #[serde(default)]
    tls: TlsHabit,
    #[serde(default)]
    pipelining: PipeliningHabit,
    #[serde(default)]
    decoy: DecoyHabit,
    #[serde(default)]
    unknown_user: UnknownUser,
    #[serde(default, deserialize_with = "duration")]
    greylist: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    block: Option<Duration>,
    #[serde(default)]
    blocking: Blocking,
    #[serde(default)]
    consumer_system: bool,
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file"))]
    source: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file"))]
    checked: String,
}

/// Reads a duration such as `30m`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map(Some).map_err(|error| {
        D::Error::custom(format!("`{text}` is no duration such as `30m`: {error}"))
    })
}

/// Reads a rate such as `10/s`, `30/m` or `600/h`, in thousandths a second.
fn thousandths_a_second<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    rate::thousandths(&text).map(Some).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is no rate such as `10/s`, `30/m` or `600/h`"
        ))
    })
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
        let file: ProviderFile = toml::from_str(include_str!("../../config/providers.toml"))
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
                transactions_per_connection: entry.transactions_per_connection,
                connections: entry.connections,
                millirate: entry.rate,
                millirate_max: entry.rate_max,
                tls: entry.tls,
                pipelining: entry.pipelining,
                decoy: entry.decoy,
                unknown_user: entry.unknown_user,
                greylist_wait: entry.greylist,
                block_wait: entry.block,
                blocking: entry.blocking,
                consumer_system: entry.consumer_system,
            });
        }
        providers
    }

    /// The provider with this display name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Provider> {
        self.all.iter().find(|provider| provider.name == name)
    }

    /// The provider that runs the mail host `host` (an A-label name without trailing dot), by the longest ending.
    #[must_use]
    pub fn of_mail_host(&self, host: &str) -> Option<&Provider> {
        self.by_ending(&self.by_mail_host, host)
    }

    /// The provider at the longest ending of `name`, by whole labels.
    fn by_ending(&self, endings: &HashMap<String, usize>, name: &str) -> Option<&Provider> {
        let mut ending = name;
        loop {
            if let Some(&index) = endings.get(ending) {
                return Some(&self.all[index]);
            }
            ending = ending.split_once('.')?.1;
        }
    }

    /// The provider that gives free mailboxes under `domain` (`gmail.com` is Google's).
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

    /// A file with nothing but a rate.
    #[derive(Debug, Deserialize)]
    struct One {
        #[serde(deserialize_with = "thousandths_a_second")]
        rate: Option<u32>,
    }

    #[test]
    fn habits_are_read_in_their_units() {
        let providers = Providers::built_in();
        let gmx = providers.by_id("gmx").unwrap();
        assert_eq!(gmx.millirate, Some(2000));
        assert_eq!(gmx.block_wait, Some(Duration::from_secs(3600)));
        assert_eq!(gmx.decoy, DecoyHabit::Counted);
        let mimecast = providers.by_id("mimecast").unwrap();
        assert_eq!(mimecast.greylist_wait, Some(Duration::from_secs(1800)));
        let yahoo = providers.by_id("yahoo").unwrap();
        assert_eq!(yahoo.decoy, DecoyHabit::Useless);

        let rate =
            |text: &str| toml::from_str::<One>(&format!("rate = \"{text}\"")).map(|one| one.rate);
        assert_eq!(rate("30/min"), Ok(Some(500)));
        assert_eq!(rate("3600/h"), Ok(Some(1000)));
        for wrong in ["ten", "ten/s", "1/day", "0/s", "1/h", "5000000/s"] {
            assert!(rate(wrong).unwrap_err().to_string().contains(wrong));
        }
    }

    #[test]
    fn the_file_contradicts_itself_nowhere() {
        let file: ProviderFile =
            toml::from_str(include_str!("../../config/providers.toml")).unwrap();
        let mut ids = Vec::new();
        let mut names = Vec::new();
        for entry in &file.provider {
            ids.push(entry.id.as_str());
            for (kind, list) in [("mx", &entry.mx), ("consumer", &entry.consumer)] {
                for name in list {
                    assert_eq!(*name, name.to_lowercase());
                    assert!(
                        name.contains('.') && !name.starts_with('.') && !name.ends_with('.'),
                        "{name}"
                    );
                    names.push((kind, name.as_str()));
                }
            }
            let useless = entry.decoy == DecoyHabit::Useless;
            assert_eq!(
                useless,
                entry.acceptance == Acceptance::AcceptsEveryone,
                "{}",
                entry.id
            );
            assert!(!entry.source.is_empty(), "{}", entry.id);
            if entry.consumer_system {
                // A decoy refused by one of a provider's domains speaks for its other domains too, so it must be known
                // that they refuse them.
                assert_eq!(entry.acceptance, Acceptance::RefusesUnknown, "{}", entry.id);
                assert!(entry.consumer.len() > 1, "{}", entry.id);
            }
            let date = entry.checked.split_once('-').is_some_and(|(year, month)| {
                year.len() == 4
                    && month.len() == 2
                    && year.parse::<u16>().is_ok()
                    && month.parse::<u8>().is_ok()
            });
            assert!(
                date || entry.checked == "unchecked",
                "{}: {}",
                entry.id,
                entry.checked
            );
        }
        let (id_count, name_count) = (ids.len(), names.len());
        ids.sort_unstable();
        ids.dedup();
        names.sort_unstable();
        names.dedup();
        assert_eq!((ids.len(), names.len()), (id_count, name_count));
    }

    #[test]
    fn every_large_provider_is_known_by_its_host() {
        let providers = Providers::built_in();
        let table = [
            ("gmail-smtp-in.l.google.com", "google"),
            ("outlook-com.olc.protection.outlook.com", "outlook"),
            ("acme-test.mail.protection.outlook.com", "microsoft365"),
            ("acme-test.a-v1.mx.microsoft", "microsoft365"),
            ("mta5.am0.yahoodns.net", "yahoo"),
            ("mx01.mail.icloud.com", "icloud"),
            ("mx00.gmx.net", "gmx"),
            ("mx-ha02.web.de", "gmx"),
            ("mx00.kundenserver.de", "ionos"),
            ("mxs.mail.ru", "mailru"),
            ("mx.yandex.ru", "yandex"),
            ("mail.protonmail.ch", "proton"),
            ("mx.zoho.eu", "zoho"),
            ("mx3.qq.com", "qq"),
            ("163mx01.mxmail.netease.com", "netease"),
            ("mx1.comcast.net", "comcast"),
            ("smtp-in.orange.fr", "orange"),
            ("mx1.free.fr", "free"),
            ("al-ip4-mx-vip1.prodigy.net", "att"),
            ("mx1.emailsrvr.com", "rackspace"),
            ("inmx.rambler.ru", "rambler"),
            ("mxa-00123456.gslb.pphosted.com", "proofpoint"),
            ("eu-smtp-inbound-1.mimecast.com", "mimecast"),
            ("d12345a.ess.barracudanetworks.com", "barracuda"),
            ("cluster1.eu.messagelabs.com", "broadcom"),
            ("acme.in.tmes.trendmicro.eu", "trendmicro"),
            ("mx.zerospam.ca", "zerospam"),
            ("mx.antispamcloud.com", "spamexperts"),
            ("mail.tdc.dk", "tdc"),
            ("mx.kpnmail.nl", "kpn"),
            ("mx.netvigator.com", "netvigator"),
        ];
        for (host, id) in table {
            let found = providers
                .of_mail_host(host)
                .map(|provider| provider.id.as_str());
            assert_eq!(found, Some(id), "{host}");
        }
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
