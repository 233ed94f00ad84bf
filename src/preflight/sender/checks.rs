//! Fit to send: everything DNS says about a domain and the addresses that send for it.

use std::net::IpAddr;

use tokio::task::JoinSet;

use crate::model::limits;
use crate::net::World;
use crate::net::route::Reach;

use crate::preflight::auth::age;
use crate::preflight::auth::announce::Announcement;
use crate::preflight::auth::dkim_checks::{self, AtSelector, Origin, Selected, common_selectors};
use crate::preflight::auth::dmarc::{DmarcRecord, Policy, organisational_domain};
use crate::preflight::auth::dmarc_checks::DmarcFacts;
use crate::preflight::auth::near_miss::{self, Standard};
use crate::preflight::auth::spf::edit::Published;
use crate::preflight::auth::spf::{Question, SpfResult, SpfTree, check_host, identity, select};
use crate::preflight::auth::spf_checks::SpfFacts;
use crate::preflight::auth::spf_proposal;
use crate::preflight::check::{Check, Side, publish_txt};
use crate::preflight::lookup::{Found, Lookups, dns_name};
use crate::preflight::reverse::Reverse;
use crate::preflight::sender::blocklist::Subject;
use crate::preflight::sender::listings;
use crate::preflight::sender::options::{Intake, tls_checks};
use crate::preflight::sender::rules::{Compliance, Rules};
use crate::smtp::HelloName;

/// Who is to send.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    /// The domain in the From line, as typed.
    pub domain: String,
    /// The addresses that will send.
    pub ips: Vec<IpAddr>,
    /// The DKIM selectors in use; the common ones are tried when empty.
    pub selectors: Vec<String>,
    /// MAIL FROM; empty for the null sender. Without it, `postmaster` at the domain.
    pub mail_from: Option<String>,
    /// The HELO name. Without it, the domain.
    pub helo: Option<String>,
    /// Messages a day. Without it, the rules for large senders apply.
    pub volume: Option<u64>,
}

/// What is known of the mail to be sent.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Who is to send it.
    pub sender: Sender,
    /// The port of mail hosts.
    pub port: u16,
    /// Which of them may be contacted.
    pub reach: Reach,
}

/// What was found out about a sender.
#[derive(Clone, Debug)]
pub struct SenderReport {
    /// The domain, as A-labels.
    pub domain: String,
    /// The checks of the sender, in the order in which they are shown.
    pub checks: Vec<Check>,
    /// What was found out about its SPF policy.
    pub spf: SpfFacts,
    /// Its DKIM selectors, with what stands at each.
    pub dkim: Vec<Selected>,
    /// What was found out about its DMARC policy.
    pub dmarc: DmarcFacts,
    /// How far the rules of large providers are met.
    pub rules: Vec<Compliance>,
    /// The messages a day that the rules were taken for.
    pub volume: u64,
}

/// The A-labels of a name as typed; what cannot be converted stays as it is, for DNS to know nothing of.
#[must_use]
pub fn ascii(name: &str) -> String {
    let name = name.trim().trim_end_matches('.');
    if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii(name).unwrap_or_else(|_| name.to_lowercase())
    }
}

/// Looks at everything, within [`limits::PREFLIGHT_WAIT`].
pub async fn fit_to_send(world: &World, sending: &Sending) -> SenderReport {
    let sender = &sending.sender;
    let lookups = Lookups::new(
        world.names.clone(),
        limits::PREFLIGHT_WAIT,
        limits::PREFLIGHT_QUESTIONS,
    );
    let domain = ascii(&sender.domain);
    let ips: Vec<IpAddr> = sender
        .ips
        .iter()
        .take(limits::PREFLIGHT_SUBJECTS)
        .map(IpAddr::to_canonical)
        .collect();
    let helo = sender.helo.as_deref().unwrap_or(&domain).to_owned();
    // What is no name for a host may be judged, but not said.
    let hello: Option<HelloName> = helo.parse().ok();
    let sending_name = sender
        .helo
        .clone()
        .unwrap_or_else(|| format!("mail.{domain}"));
    let (mail_domain, mail_from) = match &sender.mail_from {
        Some(mail_from) => identity(mail_from, &helo),
        None => (domain.clone(), format!("postmaster@{domain}")),
    };
    let mail_domain = ascii(&mail_domain);

    let (spf, dkim, dmarc, intake) = tokio::join!(
        gather_spf(world, &lookups, &mail_domain, &mail_from, &helo, &ips),
        gather_keys(&lookups, &domain, &sender.selectors),
        DmarcFacts::gather(&lookups, &domain, &mail_domain),
        Intake::of(&lookups, &domain),
    );
    let mut subjects: Vec<Subject> = ips.iter().map(|ip| Subject::Address(*ip)).collect();
    if dns_name(&domain).is_some() {
        subjects.push(Subject::Domain(domain.clone()));
    }
    let organisation = organisational_domain(&domain);
    let (listings, announced, reverses, helo_check, tls, age) = tokio::join!(
        listings::checks(&lookups, &subjects),
        announced(&lookups, &domain, dmarc.record()),
        reverses(&lookups, &ips, &sending_name),
        helo_check(&lookups, sender.helo.as_deref(), &ips, Side::Sender),
        async {
            match &hello {
                Some(hello) => tls_checks(world, &intake, sending.reach, sending.port, hello).await,
                None => Vec::new(),
            }
        },
        age::check(&lookups, organisation, world.clock.now()),
    );

    let spf_passes = spf_passes(&spf);
    let signs = signs(&dkim);
    let mut checks = vec![intake.check("mx", &domain, sending.reach)];
    checks.extend(tls);
    let question = |ip| Question {
        ip,
        domain: &mail_domain,
        sender: &mail_from,
        helo: &helo,
        now: world.clock.now(),
    };
    checks.extend(spf_proposal::proven(&lookups, &spf, spf.checks(), question).await);
    checks.extend(dkim_checks::checks(&domain, &dkim));
    checks.extend(dmarc.checks(spf_passes, signs));
    checks.push(authentication(spf_passes, signs));
    checks.extend(reverses);
    checks.extend(helo_check);
    checks.extend(listings);
    checks.push(age);
    checks.extend(announced);
    checks.extend(reminders(&ips));
    let rules = Rules::built_in();
    let volume = sender.volume.unwrap_or_else(|| rules.bulk_volume());
    rules.apply(&mut checks, volume);
    SenderReport {
        domain,
        rules: rules.compliance(&checks, volume),
        volume,
        checks,
        spf,
        dkim,
        dmarc,
    }
}

async fn gather_spf(
    world: &World,
    lookups: &Lookups,
    domain: &str,
    sender: &str,
    helo: &str,
    ips: &[IpAddr],
) -> SpfFacts {
    let texts = match lookups.texts(domain).await {
        Found::Some(texts) => texts,
        Found::Nothing(_) | Found::Failed(_) => Vec::new(),
    };
    let records: Vec<Published> = select(&texts).into_iter().map(published).collect();
    let near_miss = if records.is_empty() {
        near_miss::find(&texts, Standard::Spf)
    } else {
        None
    };
    let mut outcomes = Vec::new();
    for &ip in ips {
        let now = world.clock.now();
        let question = Question {
            ip,
            domain,
            sender,
            helo,
            now,
        };
        outcomes.push((ip, check_host(lookups, &question).await));
    }
    SpfFacts {
        domain: domain.to_owned(),
        records,
        near_miss,
        tree: SpfTree::draw(lookups, domain, ips.first().copied()).await,
        outcomes,
    }
}

fn published(text: &crate::preflight::lookup::Text) -> Published {
    let joined = text.joined();
    Published {
        text: crate::preflight::lookup::printable(&joined),
        longest_string: text.0.iter().map(Vec::len).max().unwrap_or(0),
        octets: joined.len(),
    }
}

async fn gather_keys(lookups: &Lookups, domain: &str, given: &[String]) -> Vec<Selected> {
    let (selectors, origin) = if given.is_empty() {
        (common_selectors(), Origin::Common)
    } else {
        (
            given.iter().map(|selector| ascii(selector)).collect(),
            Origin::Given,
        )
    };
    let mut asking = JoinSet::new();
    for (order, selector) in selectors
        .into_iter()
        .take(limits::PREFLIGHT_SUBJECTS)
        .enumerate()
    {
        let (lookups, domain) = (lookups.clone(), domain.to_owned());
        asking.spawn(async move {
            (
                order,
                dkim_checks::look(&lookups, &domain, &selector, origin).await,
            )
        });
    }
    let mut answered = asking.join_all().await;
    answered.sort_by_key(|(order, _)| *order);
    let selected: Vec<Selected> = answered.into_iter().map(|(_, selected)| selected).collect();
    if origin == Origin::Common && answer_for_everything(&selected) {
        return Vec::new();
    }
    selected
}

/// A wildcard TXT record answers at every selector; that is no key at a common one.
fn answer_for_everything(selected: &[Selected]) -> bool {
    selected.iter().all(|one| match &one.at {
        AtSelector::Malformed(_) | AtSelector::Several(_) => true,
        AtSelector::Record(_) | AtSelector::Nothing | AtSelector::Failed(_) => false,
    })
}

/// Whether every sending address passes; unknown without addresses, or when DNS did not answer.
fn spf_passes(spf: &SpfFacts) -> Option<bool> {
    if spf.outcomes.is_empty() {
        return None;
    }
    match spf.result()? {
        SpfResult::Pass => Some(true),
        SpfResult::TempError => None,
        SpfResult::None
        | SpfResult::Neutral
        | SpfResult::Fail
        | SpfResult::SoftFail
        | SpfResult::PermError => Some(false),
    }
}

/// Whether mail can be signed: unknown when DNS did not answer, or when only common selectors were tried in vain.
fn signs(dkim: &[Selected]) -> Option<bool> {
    if dkim.iter().any(|one| one.usable().is_some()) {
        return Some(true);
    }
    let settled = dkim.iter().all(|one| {
        one.origin == Origin::Given
            && match &one.at {
                AtSelector::Failed(_) => false,
                AtSelector::Record(_)
                | AtSelector::Malformed(_)
                | AtSelector::Several(_)
                | AtSelector::Nothing => true,
            }
    });
    (settled && !dkim.is_empty()).then_some(false)
}

fn authentication(spf_passes: Option<bool>, signs: Option<bool>) -> Check {
    const ID: &str = "authentication";
    const WHY: &str = "Mail must pass SPF or carry a DKIM signature, however little you send.";
    match (spf_passes, signs) {
        (Some(true), Some(true)) => Check::pass(ID, "SPF and DKIM", WHY),
        (Some(true), _) => Check::pass(ID, "SPF", WHY),
        (_, Some(true)) => Check::pass(ID, "DKIM", WHY),
        (Some(false), Some(false)) => Check::fail(
            ID,
            "neither SPF nor DKIM",
            WHY,
            "Mend SPF or DKIM as the other checks say",
        ),
        (None, _) | (Some(false), None) => Check::unknown(
            ID,
            "not known without your sending addresses and DKIM selector",
            WHY,
            "Run this again with --ip and --selector",
        ),
    }
}

async fn announced(lookups: &Lookups, domain: &str, dmarc: Option<&DmarcRecord>) -> Vec<Check> {
    let mut checks = Vec::new();
    for kind in Announcement::ALL {
        let name = kind.name(domain);
        let example = || publish_txt(&name, &kind.example(domain));
        let why = format!("{}. It is not required.", kind.purpose());
        let again = "Run this again when DNS answers";
        let check = match lookups.texts(&name).await {
            Found::Failed(failure) => Check::unknown(kind.id(), failure.to_string(), &why, again),
            Found::Nothing(_) => Check::pass(kind.id(), "none published", &why),
            Found::Some(texts) => match kind.read(&texts) {
                Ok(None) => Check::pass(kind.id(), "none published", &why),
                Err(fault) => Check::fail(kind.id(), fault, &why, example()),
                Ok(Some(record)) => match kind {
                    Announcement::MtaSts => policy_host(lookups, domain, &record, &why).await,
                    Announcement::TlsRpt => Check::pass(kind.id(), record, &why),
                    Announcement::Bimi => logo(domain, dmarc, &record, &why),
                },
            },
        };
        checks.push(check.advised());
    }
    checks
}

/// Whether there is a host where the policy of MTA-STS can be (RFC 8461 §3.3). What the policy says is not looked at.
async fn policy_host(lookups: &Lookups, domain: &str, record: &str, why: &str) -> Check {
    const ID: &str = "mta_sts";
    let host = format!("mta-sts.{domain}");
    match lookups.all_addresses(&host).await {
        Found::Some(_) => Check::pass(
            ID,
            format!(
                "{record} (whether https://{host}/.well-known/mta-sts.txt is in order was not looked at)"
            ),
            why,
        ),
        Found::Nothing(_) => Check::fail(
            ID,
            format!("{record}, but there is no host {host} to get the policy from"),
            why,
            format!(
                "Publish an A record at {host} for a web server that gives out the policy, or take the record away"
            ),
        ),
        Found::Failed(failure) => Check::unknown(
            ID,
            format!("{host}: {failure}"),
            why,
            "Run this again when DNS answers",
        ),
    }
}

/// Whether a logo can be shown: only for mail that a policy protects, which is what the draft asks for.
fn logo(domain: &str, dmarc: Option<&DmarcRecord>, record: &str, why: &str) -> Check {
    const ID: &str = "bimi";
    match dmarc.map(|record| (record.policy, record.percent)) {
        Some((Policy::Reject, _) | (Policy::Quarantine, 100)) => Check::pass(ID, record, why),
        Some((Policy::Quarantine | Policy::None, _)) | None => Check::fail(
            ID,
            format!("{record}, but it is shown only beside mail that a DMARC policy protects"),
            why,
            publish_txt(
                &format!("_dmarc.{domain}"),
                &format!("v=DMARC1; p=quarantine; rua=mailto:dmarc@{domain}"),
            ),
        ),
    }
}

async fn reverses(lookups: &Lookups, ips: &[IpAddr], wanted: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    for &ip in ips {
        let reverse = Reverse::of(lookups, ip).await;
        checks.extend(reverse.checks(ip, Side::Sender, wanted));
    }
    checks
}

/// The check `helo`: whether the name leads to one of the addresses that say it (RFC 5321 §4.1.4).
pub(in crate::preflight) async fn helo_check(
    lookups: &Lookups,
    helo: Option<&str>,
    ips: &[IpAddr],
    side: Side,
) -> Option<Check> {
    const ID: &str = "helo";
    const WHY: &str = "The name with which a machine greets must be its own; receivers look it up.";
    let helo = helo?;
    let wanted = ips
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let publish =
        format!("Publish an A (or AAAA) record at {helo} with the address that sends: {wanted}");
    let check = match lookups.all_addresses(helo).await {
        _ if !helo.contains('.') => Check::fail(
            ID,
            format!("{helo} is no full name"),
            WHY,
            "Use a full name that you own, such as mail.your-domain",
        ),
        Found::Some(addresses) if ips.is_empty() || ips.iter().any(|ip| addresses.contains(ip)) => {
            Check::pass(ID, helo, WHY)
        }
        Found::Some(addresses) => {
            let others: Vec<String> = addresses.iter().take(4).map(ToString::to_string).collect();
            Check::fail(
                ID,
                format!("{helo} leads to {}, not to {wanted}", others.join(", ")),
                WHY,
                publish,
            )
        }
        Found::Nothing(_) => Check::fail(ID, format!("{helo} has no address"), WHY, publish),
        Found::Failed(failure) => Check::unknown(
            ID,
            failure.to_string(),
            WHY,
            "Run this again when DNS answers",
        ),
    };
    Some(match side {
        Side::Sender => check,
        Side::Machine => check.of_machine(),
    })
}

/// What cannot be seen from here, said so that it is not forgotten.
fn reminders(ips: &[IpAddr]) -> Vec<Check> {
    let mut checks = vec![
        Check::unknown(
            "one_click_unsubscribe",
            "cannot be seen from here",
            "Gmail and Yahoo require that one click unsubscribes from marketing mail (RFC 8058).",
            "Send with the lines List-Unsubscribe: <https://...> and List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        )
        .advised(),
        Check::unknown(
            "complaint_rate",
            "cannot be seen from here",
            "Gmail and Yahoo hold mail back when more than 3 of 1000 messages are reported as spam.",
            "Watch it in Gmail's Postmaster Tools and Yahoo's Sender Hub, and keep it under 0.1 %",
        )
        .advised(),
        Check::unknown(
            "outgoing_tls",
            "cannot be seen from here",
            "Gmail takes mail only over encrypted connections from those who send much.",
            "See that your mail service or server sends with TLS (STARTTLS) where it is offered",
        )
        .advised(),
    ];
    if ips.is_empty() {
        checks.push(
            Check::unknown(
                "sending_addresses",
                "none given",
                "Reverse names, address blocklists and whether SPF allows your addresses were not checked.",
                "Run this again with --ip for each address that sends your mail",
            )
            .advised(),
        );
    }
    checks
}
