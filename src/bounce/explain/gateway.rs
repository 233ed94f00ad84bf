//! Services that stand on a message's way between the sender and the recipient's own server (`config/gateways.toml`).

use std::sync::LazyLock;

use serde::Deserialize;

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Way {
    gateway: Vec<Service>,
    relay: Vec<Service>,
}

/// A filter or relay, with the hosts and phrases by which it is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    /// Its display name.
    pub(super) name: String,
    hosts: Vec<String>,
    #[serde(default)]
    words: Vec<String>,
}

static WAY: LazyLock<Way> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../config/gateways.toml"))
        .expect("a test reads config/gateways.toml")
});

/// The filtering service that runs the mail host `host` (lower case).
pub(super) fn gateway_host(host: &str) -> Option<&'static Service> {
    of_host(&WAY.gateway, host)
}

/// The filtering service that a refusal (lower case) is known to come from by its phrases.
pub(super) fn gateway_words(text: &str) -> Option<&'static Service> {
    WAY.gateway
        .iter()
        .find(|service| service.words.iter().any(|word| text.contains(word)))
}

/// The sending service that runs `host` (lower case).
pub(super) fn relay_host(host: &str) -> Option<&'static Service> {
    of_host(&WAY.relay, host)
}

/// The service of a list to which a host belongs.
fn of_host(services: &'static [Service], host: &str) -> Option<&'static Service> {
    services
        .iter()
        .find(|service| service.hosts.iter().any(|suffix| is_under(host, suffix)))
}

/// Whether `host` is `suffix` or below it.
fn is_under(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_belong_to_a_service_by_whole_labels() {
        let name = |host| gateway_host(host).map(|service| service.name.as_str());
        assert_eq!(name("mx0a-001.pphosted.com"), Some("Proofpoint"));
        assert_eq!(name("notpphosted.com"), None);
        assert!(relay_host("smtp-relay.gmail.com").is_some());
    }

    #[test]
    fn the_file_is_in_lower_case_throughout() {
        for service in WAY.gateway.iter().chain(&WAY.relay) {
            for text in service.hosts.iter().chain(&service.words) {
                assert_eq!(*text, text.to_lowercase(), "{}", service.name);
            }
        }
    }
}
