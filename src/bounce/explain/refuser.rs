//! Where on its way a message was refused.
//!
//! A notice names up to two hosts: the Reporting-MTA wrote it, the Remote-MTA refused (RFC 3464 §2.2.2, §2.3.5).
//! Senders blame the recipient's provider for the refusals of their own relay; telling the two apart is the point of
//! this file.

use serde::Serialize;

use super::gateway;
use crate::model::provider::Providers;

/// The side that refused a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedBy {
    /// The recipient's own mail server, or the provider that runs it.
    Recipient,
    /// A filter or forwarder before the recipient's server, which never saw the message.
    Gateway,
    /// The sender's own side: the message never reached the recipient's server.
    Sender,
    /// It cannot be told.
    Unknown,
}

impl RejectedBy {
    /// The name used in output, such as `gateway`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RejectedBy::Recipient => "recipient",
            RejectedBy::Gateway => "gateway",
            RejectedBy::Sender => "sender",
            RejectedBy::Unknown => "unknown",
        }
    }
}

/// What is known of a message's way, in lower case throughout.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    /// The domain that delivery was attempted to.
    pub(super) recipient: Option<String>,
    /// The domain that the sender wrote to, where it was forwarded.
    pub(super) original: Option<String>,
    /// The sender's domain.
    pub(super) sender: Option<String>,
    /// The host that wrote the notice.
    pub(super) reporting: Option<String>,
    /// The host that refused.
    pub(super) remote: Option<String>,
    /// The words of the refusal.
    pub(super) words: String,
    /// Whether a host answered at all.
    pub(super) contact: Contact,
}

/// Whether the far side said anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Contact {
    /// It gave a reply, which may be a refusal.
    #[default]
    Answered,
    /// It gave no answer: no name, no connection, no reply.
    None,
}

/// The side that refused, with the grounds in one sentence.
pub(super) fn refused_by(trail: &Trail, providers: &Providers) -> (RejectedBy, String) {
    if trail.contact == Contact::None {
        let why = "No mail server of the recipient gave an answer; the sender's own side gave up.";
        return (RejectedBy::Sender, why.to_owned());
    }
    match &trail.remote {
        Some(remote) => by_remote(remote, trail, providers),
        None => without_remote(trail, providers),
    }
}

/// The side that refused, where the host that did is known.
fn by_remote(remote: &str, trail: &Trail, providers: &Providers) -> (RejectedBy, String) {
    if let Some(relay) = gateway::relay_host(remote) {
        let why = format!(
            "{remote} belongs to {}, through which the sender sends.",
            relay.name
        );
        return (RejectedBy::Sender, why);
    }
    if let Some(gateway) = gateway::gateway_host(remote) {
        let why = format!(
            "{remote} belongs to {}, a filter before the recipient's own mail server.",
            gateway.name
        );
        return (RejectedBy::Gateway, why);
    }
    if same_owner(Some(remote), trail.recipient.as_deref()) {
        return (
            RejectedBy::Recipient,
            format!("{remote} belongs to the recipient's domain."),
        );
    }
    if is_named_after(remote, trail.recipient.as_deref()) {
        return (
            RejectedBy::Recipient,
            format!(
                "{remote} is the mail server that its provider named after the recipient's domain."
            ),
        );
    }
    if same_owner(Some(remote), trail.original.as_deref()) {
        let why = format!(
            "{remote} belongs to the domain written to, which forwards this mail elsewhere."
        );
        return (RejectedBy::Gateway, why);
    }
    if let Some(provider) = providers.of_mail_host(remote) {
        return (
            RejectedBy::Recipient,
            format!(
                "{remote} is a mail server of {}, where the mailbox is kept.",
                provider.name
            ),
        );
    }
    if same_owner(Some(remote), trail.sender.as_deref()) {
        let why = format!(
            "{remote} belongs to the sender's own side; the recipient's server never saw the message."
        );
        return (RejectedBy::Sender, why);
    }
    // Both sides may keep their mail with one hoster, so that neighbours are no relays of each other.
    let reporting = trail.reporting.as_deref();
    if same_owner(Some(remote), reporting) && !takes_mail(remote) {
        let why = format!(
            "{remote} and {}, which reports this, belong to one hoster, which may be either side's.",
            reporting.unwrap_or_default()
        );
        return (RejectedBy::Unknown, why);
    }
    (
        RejectedBy::Recipient,
        format!("{remote} is the server that answered for the recipient's domain."),
    )
}

/// Only the author of the notice is known, if that.
fn without_remote(trail: &Trail, providers: &Providers) -> (RejectedBy, String) {
    if trail.words.contains("resolver.adr")
        || trail.words.contains("not found by smtp address lookup")
    {
        let why =
            "The mail system that holds the recipient's mailboxes looked the address up itself.";
        return (RejectedBy::Recipient, why.to_owned());
    }
    let Some(reporting) = trail.reporting.as_deref() else {
        return match gateway::gateway_words(&trail.words) {
            Some(gateway) => (
                RejectedBy::Gateway,
                format!(
                    "The words are those of {}, a filter before mail servers.",
                    gateway.name
                ),
            ),
            None => (
                RejectedBy::Unknown,
                "The text does not say which server refused.".to_owned(),
            ),
        };
    };
    if let Some(gateway) = gateway::gateway_host(reporting) {
        return (
            RejectedBy::Gateway,
            format!(
                "{reporting}, which reports this, belongs to the filter {}.",
                gateway.name
            ),
        );
    }
    if same_owner(Some(reporting), trail.recipient.as_deref()) {
        return (
            RejectedBy::Recipient,
            format!("{reporting}, which reports this, belongs to the recipient's domain."),
        );
    }
    let runs = providers
        .of_mail_host(reporting)
        .or_else(|| providers.of_consumer_domain(reporting));
    let keeps = trail
        .recipient
        .as_deref()
        .and_then(|domain| providers.of_consumer_domain(domain));
    if let (Some(runs), Some(keeps)) = (runs, keeps)
        && runs.id == keeps.id
    {
        return (
            RejectedBy::Recipient,
            format!(
                "{reporting}, which reports this, belongs to {}, where the mailbox is kept.",
                keeps.name
            ),
        );
    }
    let on_senders_side = same_owner(Some(reporting), trail.sender.as_deref())
        || gateway::relay_host(reporting).is_some();
    if on_senders_side || runs.is_some() {
        let why = format!(
            "{reporting}, on the sender's side, reports this itself and names no server of the recipient."
        );
        return (RejectedBy::Sender, why);
    }
    let why = format!(
        "{reporting} reports this, names no other server, and belongs to neither side as far as can be told."
    );
    (RejectedBy::Unknown, why)
}

/// Whether a host has the domain in its first label, as Microsoft 365 names the mail servers of its customers:
/// `contoso-example.mail.protection.outlook.com` for `contoso.example`.
fn is_named_after(host: &str, domain: Option<&str>) -> bool {
    let label = host.split('.').next();
    domain.is_some_and(|domain| label == Some(domain.replace('.', "-").as_str()))
}

/// Whether a host is named as those are that take mail for domains: `mx01.hoster.example`, `mailin.hoster.example`.
fn takes_mail(host: &str) -> bool {
    let label = host.split('.').next().unwrap_or_default();
    let name = label.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    name.starts_with("mx")
        || name.ends_with("mx")
        || matches!(
            name,
            "in" | "mailin" | "mail-in" | "smtpin" | "smtp-in" | "inbound"
        )
}

/// Whether two names have the same registrable domain, by the public suffix list.
fn same_owner(one: Option<&str>, other: Option<&str>) -> bool {
    match (
        one.and_then(psl::domain_str),
        other.and_then(psl::domain_str),
    ) {
        (Some(one), Some(other)) => one == other,
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(recipient: &str, sender: &str, reporting: &str, remote: &str) -> Trail {
        let known = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        Trail {
            recipient: known(recipient),
            sender: known(sender),
            reporting: known(reporting),
            remote: known(remote),
            ..Trail::default()
        }
    }

    #[test]
    fn the_refuser_is_told_from_the_hosts() {
        use RejectedBy::{Gateway, Recipient, Sender, Unknown};
        let table = [
            (
                "example.net",
                "example.com",
                "out.example.com",
                "mx1.example.net",
                Recipient,
            ),
            (
                "example.net",
                "example.com",
                "out.example.com",
                "mx.hoster.example",
                Recipient,
            ),
            (
                "example.net",
                "example.com",
                "out.example.com",
                "mxa-001.pphosted.com",
                Gateway,
            ),
            (
                "example.net",
                "example.com",
                "out.example.com",
                "relay.example.com",
                Sender,
            ),
            (
                "example.net",
                "example.com",
                "out12.hoster.example",
                "mx03.hoster.example",
                Recipient,
            ),
            (
                "example.net",
                "example.com",
                "out12.hoster.example",
                "relay.hoster.example",
                Unknown,
            ),
            (
                "example.net",
                "example.com",
                "out.example.com",
                "smtp-relay.gmail.com",
                Sender,
            ),
            ("example.net", "example.com", "out.example.com", "", Sender),
            (
                "example.net",
                "example.com",
                "mail.example.net",
                "",
                Recipient,
            ),
            (
                "example.net",
                "example.com",
                "box.hoster.example",
                "",
                Unknown,
            ),
            ("example.net", "", "", "", Unknown),
            (
                "example.co.uk",
                "other.co.uk",
                "out.other.co.uk",
                "mx.example.co.uk",
                Recipient,
            ),
        ];
        for (recipient, sender, reporting, remote, expected) in table {
            let trail = trail(recipient, sender, reporting, remote);
            assert_eq!(
                refused_by(&trail, &Providers::built_in()).0,
                expected,
                "{trail:?}"
            );
        }
    }

    #[test]
    fn silence_is_never_the_recipients_refusal() {
        let trail = Trail {
            contact: Contact::None,
            ..trail(
                "example.net",
                "example.com",
                "out.example.com",
                "mx.example.net",
            )
        };
        assert_eq!(
            refused_by(&trail, &Providers::built_in()).0,
            RejectedBy::Sender
        );
    }
}
