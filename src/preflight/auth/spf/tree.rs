//! A whole policy as a tree: which term leads where, at what cost in look-ups.

use std::net::IpAddr;

use serde::Serialize;

use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::net::Later;
use crate::preflight::lookup::{Found, Lookups, address_kind};

use super::expand::{Letter, MacroContext, MacroString};
use super::{Mechanism, Problem, Qualifier, Record, select};

/// Everything a policy can lead to.
#[derive(Clone, Debug)]
pub struct SpfTree {
    /// The domain's own record.
    pub root: Branch,
    /// Terms that ask DNS, in all: what a receiver needs for a message that matches nothing before the end.
    pub lookups: u32,
    /// Of those, the ones that found nothing.
    pub void_lookups: u32,
    /// Whether the drawing stopped at [`limits::SPF_TREE_TERMS`].
    pub cut: bool,
}

/// One domain's record within a policy.
#[derive(Clone, Debug, Serialize)]
pub struct Branch {
    /// The domain that publishes the record.
    pub domain: String,
    /// The record as published, cut for display; `None` when there is none, or several.
    pub record: Option<String>,
    /// Length of the record, in octets.
    pub octets: usize,
    /// Look-ups of this record with everything below it.
    pub lookups: u32,
    /// What is wrong here.
    #[serde(serialize_with = "as_text")]
    pub problem: Option<Problem>,
    /// Its terms that ask DNS, in order, and those that pass every address.
    pub terms: Vec<TreeTerm>,
}

/// One term of a record.
#[derive(Clone, Debug, Serialize)]
pub struct TreeTerm {
    /// The term as published.
    pub text: String,
    /// Look-ups of this term with everything below it.
    pub lookups: u32,
    /// Whether it found nothing in DNS.
    pub void: bool,
    /// What it is, where that is of note.
    pub remark: Remark,
    /// Where it leads.
    pub branch: Option<Branch>,
}

/// What is of note about a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    /// Nothing is of note.
    Plain,
    /// It passes every address in the world.
    PassesEverybody,
    /// The `ptr` mechanism, which should not be published (RFC 7208 §5.5).
    Discouraged,
    /// It stands after `all`, or is a `redirect` beside one: never used (RFC 7208 §5.1, §6.1).
    NeverUsed,
    /// Where it leads depends on the message.
    DependsOnMessage,
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn as_text<S: serde::Serializer>(
    problem: &Option<Problem>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match problem {
        Some(problem) => serializer.collect_str(problem),
        None => serializer.serialize_none(),
    }
}

impl SpfTree {
    /// Draws the policy of `domain`. `ip` decides which addresses names are asked for; without one, both families.
    pub async fn draw(lookups: &Lookups, domain: &str, ip: Option<IpAddr>) -> SpfTree {
        let mut walk = Walk {
            lookups: lookups.clone(),
            ip: ip.map(|ip| ip.to_canonical()),
            path: Vec::new(),
            terms: 0,
            voids: 0,
            cut: false,
        };
        let root = walk.branch(domain.to_owned()).await;
        SpfTree {
            lookups: root.lookups,
            root,
            void_lookups: walk.voids,
            cut: walk.cut,
        }
    }

    /// The first thing wrong anywhere, in the order of evaluation.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.root.first_problem()
    }

    /// Every record of the tree, parents first.
    #[must_use]
    pub fn branches(&self) -> Vec<&Branch> {
        let mut all = Vec::new();
        let mut waiting = vec![&self.root];
        while let Some(branch) = waiting.pop() {
            all.push(branch);
            let below = branch.terms.iter().rev().filter_map(|t| t.branch.as_ref());
            waiting.extend(below);
        }
        all
    }
}

impl Branch {
    fn first_problem(&self) -> Option<&Problem> {
        self.problem.as_ref().or_else(|| {
            self.terms
                .iter()
                .filter_map(|term| term.branch.as_ref())
                .find_map(Branch::first_problem)
        })
    }
}

struct Walk {
    lookups: Lookups,
    ip: Option<IpAddr>,
    path: Vec<String>,
    terms: u32,
    voids: u32,
    cut: bool,
}

impl Walk {
    fn branch(&mut self, domain: String) -> Later<'_, Branch> {
        Box::pin(async move {
            let mut branch = Branch {
                domain: domain.clone(),
                record: None,
                octets: 0,
                lookups: 0,
                problem: None,
                terms: Vec::new(),
            };
            let texts = match self.lookups.texts(&domain).await {
                Found::Some(texts) => texts,
                Found::Nothing(_) => Vec::new(),
                Found::Failed(failure) => {
                    let name = domain;
                    branch.problem = Some(Problem::Dns { name, failure });
                    return branch;
                }
            };
            match select(&texts).as_slice() {
                [] => {}
                [text] => {
                    let joined = text.joined();
                    branch.octets = joined.len();
                    branch.record = Some(text.shown());
                    match Record::parse(&joined) {
                        Ok(record) => {
                            self.path.push(domain.to_ascii_lowercase());
                            self.terms(&record, &mut branch).await;
                            self.path.pop();
                        }
                        Err(fault) => branch.problem = Some(Problem::Syntax { domain, fault }),
                    }
                }
                several => {
                    let count = several.len();
                    branch.problem = Some(Problem::SeveralRecords { domain, count });
                }
            }
            branch
        })
    }

    async fn terms(&mut self, record: &Record, branch: &mut Branch) {
        let mut after_all = false;
        for directive in &record.directives {
            let text = directive.text.clone();
            if after_all {
                branch.terms.push(plain(text, Remark::NeverUsed));
                continue;
            }
            match &directive.mechanism {
                Mechanism::Ip4(_, prefix) | Mechanism::Ip6(_, prefix) => {
                    if *prefix == 0 && directive.qualifier == Qualifier::Pass {
                        branch.terms.push(plain(text, Remark::PassesEverybody));
                    }
                }
                Mechanism::All => {
                    after_all = true;
                    if directive.qualifier == Qualifier::Pass {
                        branch.terms.push(plain(text, Remark::PassesEverybody));
                    }
                }
                Mechanism::Include(target) => self.follow(text, target, branch).await,
                Mechanism::A(..) | Mechanism::Mx(..) | Mechanism::Ptr(_) | Mechanism::Exists(_) => {
                    self.look(text, &directive.mechanism, branch).await;
                }
            }
        }
        if let Some(target) = &record.redirect {
            let text = format!("redirect={}", self.written(target, &branch.domain));
            if after_all {
                branch.terms.push(plain(text, Remark::NeverUsed));
            } else {
                self.follow(text, target, branch).await;
            }
        }
    }

    /// A term that leads to another policy.
    async fn follow(&mut self, text: String, target: &MacroString, branch: &mut Branch) {
        let mut term = plain(text, Remark::Plain);
        if !self.count(target.uses(Letter::ReverseName), &mut term, branch) {
            return;
        }
        if target.is_fixed() {
            let domain = self.written(target, &branch.domain);
            let below = if self.path.contains(&domain.to_ascii_lowercase()) {
                let problem = Problem::Loop {
                    domain: domain.clone(),
                    term: term.text.clone(),
                };
                empty_branch(domain, problem)
            } else {
                let mut below = self.branch(domain.clone()).await;
                if below.record.is_none() && below.problem.is_none() {
                    self.voids += 1;
                    term.void = true;
                    below.problem = Some(Problem::NoRecord {
                        term: term.text.clone(),
                        domain,
                    });
                }
                below
            };
            term.lookups += below.lookups;
            term.branch = Some(below);
        } else {
            term.remark = Remark::DependsOnMessage;
        }
        branch.lookups += term.lookups;
        branch.terms.push(term);
    }

    /// A term that asks for addresses.
    async fn look(&mut self, text: String, mechanism: &Mechanism, branch: &mut Branch) {
        let mut term = plain(text, Remark::Plain);
        let target = match mechanism {
            Mechanism::A(target, _) | Mechanism::Mx(target, _) | Mechanism::Ptr(target) => {
                target.as_ref()
            }
            Mechanism::Exists(target) => Some(target),
            Mechanism::All | Mechanism::Include(_) | Mechanism::Ip4(..) | Mechanism::Ip6(..) => {
                None
            }
        };
        let asks_reverse = target.is_some_and(|target| target.uses(Letter::ReverseName));
        if !self.count(asks_reverse, &mut term, branch) {
            return;
        }
        if matches!(mechanism, Mechanism::Ptr(_)) {
            term.remark = Remark::Discouraged;
        } else if target.is_some_and(|target| !target.is_fixed()) {
            term.remark = Remark::DependsOnMessage;
        } else {
            let name = target.map_or_else(
                || branch.domain.clone(),
                |target| self.written(target, &branch.domain),
            );
            let (void, problem) = match mechanism {
                Mechanism::Mx(..) => self.void_mail_hosts(&name, &term.text).await,
                Mechanism::Exists(_) => {
                    let kind = crate::net::route::RecordKind::A;
                    let found = self.lookups.addresses(&name, kind).await;
                    (matches!(found, Found::Nothing(_)), None)
                }
                Mechanism::A(..)
                | Mechanism::Ptr(_)
                | Mechanism::All
                | Mechanism::Include(_)
                | Mechanism::Ip4(..)
                | Mechanism::Ip6(..) => (self.has_no_address(&name).await, None),
            };
            term.void = void;
            self.voids += u32::from(void);
            if branch.problem.is_none() {
                branch.problem = problem;
            }
        }
        branch.lookups += term.lookups;
        branch.terms.push(term);
    }

    async fn void_mail_hosts(&self, name: &str, term: &str) -> (bool, Option<Problem>) {
        match self.lookups.mail_hosts(name).await {
            Found::Some(hosts) if hosts.len() > limits::SPF_MAIL_HOSTS => {
                let problem = Problem::TooManyMailHosts {
                    term: term.to_owned(),
                    count: hosts.len(),
                };
                (false, Some(problem))
            }
            Found::Some(hosts) => {
                for (_, host) in hosts.iter().filter(|(_, host)| !host.is_empty()) {
                    if !self.has_no_address(host).await {
                        return (false, None);
                    }
                }
                (true, None)
            }
            Found::Nothing(_) => (true, None),
            Found::Failed(_) => (false, None),
        }
    }

    async fn has_no_address(&self, name: &str) -> bool {
        let found = match self.ip {
            Some(ip) => self.lookups.addresses(name, address_kind(ip)).await,
            None => self.lookups.all_addresses(name).await,
        };
        matches!(found, Found::Nothing(_))
    }

    /// Counts a term; `false` when the drawing has to stop.
    fn count(&mut self, asks_reverse: bool, term: &mut TreeTerm, branch: &mut Branch) -> bool {
        if self.terms >= limits::SPF_TREE_TERMS {
            self.cut = true;
            branch.problem.get_or_insert(Problem::TooManyLookups);
            return false;
        }
        self.terms += 1;
        term.lookups = 1 + u32::from(asks_reverse);
        true
    }

    /// The name a term gives, for a message that has not been sent yet.
    fn written(&self, target: &MacroString, domain: &str) -> String {
        target.expand_name(&MacroContext {
            local_part: "postmaster",
            sender_domain: domain,
            domain,
            ip: self
                .ip
                .unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)),
            reverse_name: "unknown",
            helo: domain,
            now: Timestamp::default(),
        })
    }
}

fn plain(text: String, remark: Remark) -> TreeTerm {
    TreeTerm {
        text,
        lookups: 0,
        void: false,
        remark,
        branch: None,
    }
}

fn empty_branch(domain: String, problem: Problem) -> Branch {
    Branch {
        domain,
        record: None,
        octets: 0,
        lookups: 0,
        problem: Some(problem),
        terms: Vec::new(),
    }
}
