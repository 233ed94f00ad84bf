//! The evaluation of a policy for one message (RFC 7208 §4, `check_host()`).

use std::net::IpAddr;

use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::net::Later;
use crate::net::route::{DnsFailure, RecordKind};
use crate::preflight::lookup::{Found, Lookups, address_kind, dns_name};

use super::expand::{Letter, MacroContext, MacroString, Place};
use super::{Directive, Mechanism, Prefixes, Problem, Record, SpfResult, select};

/// What SPF is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The address that sends. An IPv4 address mapped into IPv6 counts as IPv4 (RFC 7208 §5).
    pub ip: IpAddr,
    /// The domain whose policy is evaluated.
    pub domain: &'a str,
    /// The sender, `local@domain`.
    pub sender: &'a str,
    /// The HELO name.
    pub helo: &'a str,
    /// The time of the evaluation, for the macro `t`.
    pub now: Timestamp,
}

/// What SPF answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfOutcome {
    /// The result, as RFC 7208 §2.6 names it.
    pub result: SpfResult,
    /// Terms that asked DNS, of at most [`limits::SPF_LOOKUPS`].
    pub lookups: u32,
    /// Of those, the ones that found nothing, of at most [`limits::SPF_VOID_LOOKUPS`].
    pub void_lookups: u32,
    /// The domain's own words on a failure.
    pub explanation: Option<String>,
    /// The term that decided, with the domain whose record it stands in.
    pub matched: Option<(String, String)>,
    /// Why there is no proper result.
    pub problem: Option<Problem>,
}

/// Evaluates the policy of a domain for one message (RFC 7208 §4), within [`limits::SPF_WAIT`].
pub async fn check_host(lookups: &Lookups, question: &Question<'_>) -> SpfOutcome {
    let (local_part, sender_domain) = match question.sender.rsplit_once('@') {
        Some(("", domain)) => ("postmaster", domain),
        Some((local_part, domain)) => (local_part, domain),
        None => ("postmaster", question.sender),
    };
    let mut evaluation = Evaluation {
        lookups: lookups.within(limits::SPF_WAIT),
        ip: question.ip.to_canonical(),
        local_part,
        sender_domain,
        helo: question.helo,
        now: question.now,
        terms: 0,
        voids: 0,
        reverse_names: None,
    };
    let judged = evaluation.check(question.domain.to_owned()).await;
    let explanation = match &judged {
        Ok(Judged {
            result: SpfResult::Fail,
            explain: Some((text, domain)),
            ..
        }) => evaluation.explain(text, domain).await,
        Ok(_) | Err(_) => None,
    };
    let (result, matched, problem) = match judged {
        Ok(judged) => (judged.result, judged.matched, None),
        Err(problem) => (problem.result(), None, Some(problem)),
    };
    SpfOutcome {
        result,
        lookups: evaluation.terms,
        void_lookups: evaluation.voids,
        explanation,
        matched,
        problem,
    }
}

/// What one domain's policy came to.
struct Judged {
    result: SpfResult,
    matched: Option<(String, String)>,
    explain: Option<(MacroString, String)>,
}

struct Evaluation<'a> {
    lookups: Lookups,
    ip: IpAddr,
    local_part: &'a str,
    sender_domain: &'a str,
    helo: &'a str,
    now: Timestamp,
    terms: u32,
    voids: u32,
    /// The confirmed reverse names of the address, once looked for.
    reverse_names: Option<Vec<String>>,
}

impl Evaluation<'_> {
    /// `check_host()` proper. In a box, because `include` comes back to it; the limit on terms bounds the depth.
    fn check(&mut self, domain: String) -> Later<'_, Result<Judged, Problem>> {
        Box::pin(async move {
            let mut domain = domain;
            let mut came_by: Option<String> = None;
            loop {
                let Some(record) = self.record(&domain).await? else {
                    // RFC 7208 §6.1: where a redirect leads, there must be a record.
                    return match came_by {
                        Some(term) => Err(Problem::NoRecord { term, domain }),
                        None => Ok(Judged {
                            result: SpfResult::None,
                            matched: None,
                            explain: None,
                        }),
                    };
                };
                for directive in &record.directives {
                    if self.matches(directive, &domain).await? {
                        return Ok(Judged {
                            result: directive.qualifier.into(),
                            matched: Some((directive.text.clone(), domain.clone())),
                            explain: record.explanation.map(|text| (text, domain)),
                        });
                    }
                }
                let Some(redirect) = &record.redirect else {
                    return Ok(Judged {
                        result: SpfResult::Neutral,
                        matched: None,
                        explain: None,
                    });
                };
                self.count_term()?;
                domain = self.name(redirect, &domain).await?;
                came_by = Some(format!("redirect={domain}"));
            }
        })
    }

    /// The record of a domain; `None` when it has none (RFC 7208 §4.3 to §4.6).
    async fn record(&self, domain: &str) -> Result<Option<Record>, Problem> {
        // RFC 7208 §4.3: a domain that is malformed, or not at least two labels, has no policy.
        let Some(domain) = dns_name(domain).filter(|name| name.contains('.')) else {
            return Ok(None);
        };
        let texts = match self.lookups.texts(&domain).await {
            Found::Some(texts) => texts,
            Found::Nothing(_) => return Ok(None),
            Found::Failed(failure) => {
                return Err(Problem::Dns {
                    name: domain,
                    failure,
                });
            }
        };
        match select(&texts).as_slice() {
            [] => Ok(None),
            [text] => match Record::parse(&text.joined()) {
                Ok(record) => Ok(Some(record)),
                Err(fault) => Err(Problem::Syntax { domain, fault }),
            },
            several => Err(Problem::SeveralRecords {
                domain,
                count: several.len(),
            }),
        }
    }

    async fn matches(&mut self, directive: &Directive, domain: &str) -> Result<bool, Problem> {
        match &directive.mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, prefix) => Ok(agrees(self.ip, IpAddr::V4(*network), *prefix)),
            Mechanism::Ip6(network, prefix) => Ok(agrees(self.ip, IpAddr::V6(*network), *prefix)),
            Mechanism::Include(target) => {
                self.count_term()?;
                let target = self.name(target, domain).await?;
                self.includes(target, &directive.text).await
            }
            Mechanism::A(target, prefixes) => {
                self.count_term()?;
                let target = self.target(target.as_ref(), domain).await?;
                let addresses = self.addresses(&target).await?;
                self.count_void(addresses.is_empty())?;
                Ok(self.any_agrees(&addresses, *prefixes))
            }
            Mechanism::Mx(target, prefixes) => {
                self.count_term()?;
                let target = self.target(target.as_ref(), domain).await?;
                self.mail_host_agrees(&target, *prefixes, &directive.text)
                    .await
            }
            Mechanism::Exists(target) => {
                self.count_term()?;
                let target = self.name(target, domain).await?;
                // RFC 7208 §5.7: the question is for A, whatever the family of the sender's address.
                let found = self.lookups.addresses(&target, RecordKind::A).await;
                let addresses = settled(found, &target)?;
                self.count_void(addresses.is_empty())?;
                Ok(!addresses.is_empty())
            }
            Mechanism::Ptr(target) => {
                self.count_term()?;
                let target = self.target(target.as_ref(), domain).await?;
                let target = target.trim_end_matches('.').to_ascii_lowercase();
                let names = self.confirmed_names().await?;
                Ok(names.iter().any(|name| is_within(name, &target)))
            }
        }
    }

    async fn includes(&mut self, target: String, term: &str) -> Result<bool, Problem> {
        let judged = self.check(target.clone()).await?;
        match judged.result {
            SpfResult::Pass => Ok(true),
            SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral => Ok(false),
            // RFC 7208 §5.2: no record where an include leads is an error. The other two are never `Ok`.
            SpfResult::None | SpfResult::TempError | SpfResult::PermError => {
                Err(Problem::NoRecord {
                    term: term.to_owned(),
                    domain: target,
                })
            }
        }
    }

    async fn mail_host_agrees(
        &mut self,
        target: &str,
        prefixes: Prefixes,
        term: &str,
    ) -> Result<bool, Problem> {
        let hosts = settled(self.lookups.mail_hosts(target).await, target)?;
        if hosts.len() > limits::SPF_MAIL_HOSTS {
            return Err(Problem::TooManyMailHosts {
                term: term.to_owned(),
                count: hosts.len(),
            });
        }
        let mut anything = false;
        // RFC 7505 §3: the root as mail host is the statement that there is none.
        for (_, host) in hosts.iter().filter(|(_, host)| !host.is_empty()) {
            let addresses = self.addresses(host).await?;
            anything |= !addresses.is_empty();
            if self.any_agrees(&addresses, prefixes) {
                return Ok(true);
            }
        }
        self.count_void(!anything)?;
        Ok(false)
    }

    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Problem> {
        let found = self.lookups.addresses(name, address_kind(self.ip)).await;
        settled(found, name)
    }

    fn any_agrees(&self, addresses: &[IpAddr], prefixes: Prefixes) -> bool {
        addresses.iter().any(|&address| match address {
            IpAddr::V4(_) => agrees(self.ip, address, prefixes.four),
            IpAddr::V6(_) => agrees(self.ip, address, prefixes.six),
        })
    }

    /// The reverse names of the address that lead back to it (RFC 7208 §5.5). DNS trouble finds none, as there.
    async fn confirmed_names(&mut self) -> Result<Vec<String>, Problem> {
        if let Some(names) = &self.reverse_names {
            return Ok(names.clone());
        }
        let mut confirmed = Vec::new();
        match self.lookups.reverse_names(self.ip).await {
            Found::Some(names) => {
                for name in names.into_iter().take(limits::SPF_REVERSE_NAMES) {
                    let found = self.lookups.addresses(&name, address_kind(self.ip)).await;
                    if matches!(found, Found::Some(addresses) if addresses.contains(&self.ip)) {
                        confirmed.push(name);
                    }
                }
            }
            Found::Nothing(_) => self.count_void(true)?,
            Found::Failed(_) => {}
        }
        self.reverse_names = Some(confirmed.clone());
        Ok(confirmed)
    }

    async fn target(
        &mut self,
        target: Option<&MacroString>,
        domain: &str,
    ) -> Result<String, Problem> {
        match target {
            Some(target) => self.name(target, domain).await,
            None => Ok(domain.to_owned()),
        }
    }

    async fn name(&mut self, text: &MacroString, domain: &str) -> Result<String, Problem> {
        let reverse_name = if text.uses(Letter::ReverseName) {
            if self.reverse_names.is_none() {
                self.count_term()?;
            }
            self.reverse_name(domain).await?
        } else {
            String::new()
        };
        Ok(text.expand_name(&self.context(domain, &reverse_name)))
    }

    /// The `p` macro: the domain itself, else a name under it, else any, else `unknown` (RFC 7208 §7.3).
    async fn reverse_name(&mut self, domain: &str) -> Result<String, Problem> {
        let names = self.confirmed_names().await?;
        let domain = domain.to_ascii_lowercase();
        let best = names
            .iter()
            .find(|name| **name == domain)
            .or_else(|| names.iter().find(|name| is_within(name, &domain)))
            .or_else(|| names.first());
        Ok(best.cloned().unwrap_or_else(|| "unknown".to_owned()))
    }

    fn context<'c>(&'c self, domain: &'c str, reverse_name: &'c str) -> MacroContext<'c> {
        MacroContext {
            local_part: self.local_part,
            sender_domain: self.sender_domain,
            domain,
            ip: self.ip,
            reverse_name,
            helo: self.helo,
            now: self.now,
        }
    }

    /// The domain's own words on a failure. Anything wrong on the way means that there are none (RFC 7208 §6.2).
    async fn explain(&mut self, text: &MacroString, domain: &str) -> Option<String> {
        let context_name = self.explained_reverse_name(text, domain).await;
        let name = text.expand_name(&self.context(domain, &context_name));
        let texts = match self.lookups.texts(&name).await {
            Found::Some(texts) => texts,
            Found::Nothing(_) | Found::Failed(_) => return None,
        };
        let [text] = texts.as_slice() else {
            return None;
        };
        let words = MacroString::parse(&text.joined(), Place::Explanation).ok()?;
        let reverse_name = self.explained_reverse_name(&words, domain).await;
        Some(words.expand(&self.context(domain, &reverse_name)))
    }

    /// The `p` macro of an explanation, which comes after the result and so counts against no limit.
    async fn explained_reverse_name(&mut self, text: &MacroString, domain: &str) -> String {
        if !text.uses(Letter::ReverseName) {
            return String::new();
        }
        let voids = self.voids;
        let name = self.reverse_name(domain).await;
        self.voids = voids;
        name.unwrap_or_else(|_| "unknown".to_owned())
    }

    fn count_term(&mut self) -> Result<(), Problem> {
        if self.terms == limits::SPF_LOOKUPS {
            return Err(Problem::TooManyLookups);
        }
        self.terms += 1;
        Ok(())
    }

    fn count_void(&mut self, void: bool) -> Result<(), Problem> {
        if void {
            self.voids += 1;
        }
        if self.voids > limits::SPF_VOID_LOOKUPS {
            return Err(Problem::TooManyVoidLookups);
        }
        Ok(())
    }
}

/// The records found, none when there are none; DNS trouble ends the evaluation (RFC 7208 §5, `temperror`).
fn settled<T>(found: Found<T>, name: &str) -> Result<Vec<T>, Problem> {
    match found {
        Found::Some(records) => Ok(records),
        Found::Nothing(_) => Ok(Vec::new()),
        Found::Failed(failure) => Err(dns_problem(name, failure)),
    }
}

fn dns_problem(name: &str, failure: DnsFailure) -> Problem {
    Problem::Dns {
        name: name.to_owned(),
        failure,
    }
}

/// Whether two addresses of one family agree in their first `prefix` bits.
fn agrees(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let differ = u32::from(ip) ^ u32::from(network);
            differ.leading_zeros() >= u32::from(prefix)
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let differ = u128::from(ip) ^ u128::from(network);
            differ.leading_zeros() >= u32::from(prefix)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Whether `name` is `domain` or lies under it. Both are lower case.
fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
