//! What a sender's SPF policy means for the checklist, each failure with the record to publish.

use std::net::IpAddr;

use crate::model::limits;

use crate::preflight::auth::near_miss::NearMiss;
use crate::preflight::auth::spf::edit::{
    Published, UNKNOWN, fresh_record, is_all, merged, rewritten, term_for, with_term,
};
use crate::preflight::auth::spf::{Problem, Remark, SpfOutcome, SpfResult, SpfTree, TreeTerm};
use crate::preflight::check::{Check, publish_txt};

/// What was found out about a policy.
#[derive(Clone, Debug)]
pub struct SpfFacts {
    /// The domain whose policy is judged: that of MAIL FROM.
    pub domain: String,
    /// Its SPF records as published.
    pub records: Vec<Published>,
    /// Where it has none: the record that was meant as one.
    pub near_miss: Option<NearMiss>,
    /// The whole policy.
    pub tree: SpfTree,
    /// The evaluation for each sending address.
    pub outcomes: Vec<(IpAddr, SpfOutcome)>,
}

impl SpfFacts {
    /// The one result for the domain: the worst of the addresses; without addresses only what the records alone decide.
    #[must_use]
    pub fn result(&self) -> Option<SpfResult> {
        let worst = self.outcomes.iter().map(|(_, outcome)| outcome.result);
        worst.max_by_key(|result| gravity(*result)).or_else(|| {
            if self.records.is_empty() && self.tree.problem().is_none() {
                return Some(SpfResult::None);
            }
            let problem = self.tree.problem().map(Problem::result);
            problem
                .or_else(|| (self.excess() || self.void_excess()).then_some(SpfResult::PermError))
        })
    }

    /// Look-ups a receiver needs: of the whole policy.
    #[must_use]
    pub fn lookups(&self) -> u32 {
        let used = self.outcomes.iter().map(|(_, outcome)| outcome.lookups);
        used.max().unwrap_or(0).max(self.tree.lookups)
    }

    /// Look-ups that find nothing, of the whole policy.
    #[must_use]
    pub fn void_lookups(&self) -> u32 {
        let used = self
            .outcomes
            .iter()
            .map(|(_, outcome)| outcome.void_lookups);
        used.max().unwrap_or(0).max(self.tree.void_lookups)
    }

    fn excess(&self) -> bool {
        self.lookups() > limits::SPF_LOOKUPS || self.tree.cut
    }

    fn void_excess(&self) -> bool {
        self.void_lookups() > limits::SPF_VOID_LOOKUPS
    }

    /// The checks of SPF.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let mut checks = vec![self.record_check()];
        if self.records.is_empty() {
            return checks;
        }
        checks.push(self.lookup_check());
        checks.push(self.void_check());
        checks.extend(self.pass_all_check());
        checks.extend(self.length_check());
        checks.extend(self.ptr_check());
        checks.extend(self.unused_check());
        checks.extend(
            self.outcomes
                .iter()
                .map(|(ip, outcome)| self.covers(*ip, outcome)),
        );
        checks
    }

    fn record_check(&self) -> Check {
        const ID: &str = "spf_record";
        const WHY: &str = "SPF says which addresses may send mail for the domain. Without it, or with one that cannot \
                           be read, receivers cannot tell your mail from forged mail.";
        let domain = &self.domain;
        match self.tree.problem() {
            Some(Problem::Dns { name, failure }) => {
                return Check::unknown(
                    ID,
                    format!("DNS did not answer about {name}: {failure}"),
                    WHY,
                    format!(
                        "Run this again; if it stays so, the name servers of {name} are broken and receivers defer your mail"
                    ),
                );
            }
            Some(problem @ Problem::SeveralRecords { domain: owner, .. }) => {
                let (fix, record) = if owner == domain {
                    let record = merged(&self.records);
                    let fix = format!(
                        "Delete all but one and make it hold the terms of all. {}",
                        publish_txt(domain, &record)
                    );
                    (fix, Some(record))
                } else {
                    let fix = format!(
                        "Ask the owner of {owner} to publish one SPF record, or take it out of your policy"
                    );
                    (fix, None)
                };
                return Check::fail(ID, problem.to_string(), WHY, fix).proposing(record);
            }
            Some(
                problem @ (Problem::Syntax { domain: owner, .. }
                | Problem::TooManyMailHosts { term: owner, .. }),
            ) => {
                let fix = format!(
                    "Correct this in the SPF record ({owner}); nothing in a record works until all of it is well formed"
                );
                return Check::fail(ID, problem.to_string(), WHY, fix);
            }
            Some(problem @ Problem::NoRecord { term, .. }) => {
                let record = self.without(|each| each.text == *term);
                let fix = record.as_ref().map_or_else(
                    || {
                        format!(
                            "Take {term} out of the record that holds it, or correct its domain"
                        )
                    },
                    |record| {
                        format!(
                            "Correct the domain in {term}, or take it out. {}",
                            publish_txt(domain, record)
                        )
                    },
                );
                return Check::fail(ID, problem.to_string(), WHY, fix).proposing(record);
            }
            Some(problem @ Problem::Loop { term, .. }) => {
                let record = self.without(|each| each.text == *term);
                let fix = record.as_ref().map_or_else(
                    || format!("Take {term} out of the record that closes the loop"),
                    |record| publish_txt(domain, record),
                );
                return Check::fail(ID, problem.to_string(), WHY, fix).proposing(record);
            }
            Some(Problem::TooManyLookups | Problem::TooManyVoidLookups) | None => {}
        }
        if let Some(record) = self.records.first() {
            return Check::pass(ID, record.text.clone(), WHY);
        }
        if let Some(miss) = &self.near_miss {
            return Check::fail(
                ID,
                format!(
                    "{domain} has a record that receivers do not take for SPF, since {}: {}",
                    miss.mistake, miss.published
                ),
                WHY,
                format!(
                    "Replace it, and add no second one. {}",
                    publish_txt(domain, &miss.mended)
                ),
            )
            .proposing(Some(miss.mended.clone()));
        }
        let publish = publish_txt(domain, &fresh_record(self.ips()));
        let fix = if self.outcomes.is_empty() {
            format!(
                "Put in the addresses that send your mail, or instead of ip4: the include: that your mail service names \
                 (for Google Workspace include:_spf.google.com). {publish}"
            )
        } else {
            publish
        };
        Check::fail(ID, format!("{domain} has no SPF record"), WHY, fix)
    }

    fn lookup_check(&self) -> Check {
        const ID: &str = "spf_lookups";
        const WHY: &str = "Receivers follow at most 10 terms that ask DNS (include, a, mx, ptr, exists, redirect); the \
                           eleventh makes the whole record void.";
        let value = format!("{} of {}", self.lookups(), limits::SPF_LOOKUPS);
        if !self.excess() {
            return Check::pass(ID, value, WHY);
        }
        let mut costly: Vec<&TreeTerm> = self
            .tree
            .root
            .terms
            .iter()
            .filter(|term| term.lookups > 0)
            .collect();
        costly.sort_by_key(|term| std::cmp::Reverse(term.lookups));
        let listed: Vec<String> = costly
            .iter()
            .take(5)
            .map(|term| format!("{} costs {}", term.text, term.lookups))
            .collect();
        let mut over = self.lookups().saturating_sub(limits::SPF_LOOKUPS);
        let mut dropped: Vec<&str> = Vec::new();
        for term in &costly {
            if over == 0 {
                break;
            }
            dropped.push(&term.text);
            over = over.saturating_sub(term.lookups);
        }
        let example = self.without(|term| dropped.contains(&term.text.as_str()));
        let fix = format!(
            "{}. Take out services you no longer use, replace a and mx by the ip4: and ip6: addresses they stand for, or \
             send through a subdomain with a record of its own.{}",
            listed.join(", "),
            example.as_ref().map_or_else(String::new, |record| format!(
                " Without {} it would fit. {}",
                dropped.join(" and "),
                publish_txt(&self.domain, record)
            ))
        );
        Check::fail(ID, value, WHY, fix).proposing(example)
    }

    fn void_check(&self) -> Check {
        const WHY: &str =
            "Receivers give up on a record when more than 2 of its terms find nothing in DNS.";
        let value = format!("{} of {}", self.void_lookups(), limits::SPF_VOID_LOOKUPS);
        let void: Vec<String> = self
            .tree
            .branches()
            .iter()
            .flat_map(|branch| {
                branch
                    .terms
                    .iter()
                    .filter(|term| term.void)
                    .map(|term| format!("{} (in {})", term.text, branch.domain))
            })
            .collect();
        let record = self.without(|term| term.void);
        let fix = format!(
            "Take out what finds nothing: {}.{}",
            void.join(", "),
            record.as_ref().map_or_else(String::new, |record| format!(
                " {}",
                publish_txt(&self.domain, record)
            ))
        );
        if self.void_excess() {
            Check::fail("spf_void_lookups", value, WHY, fix).proposing(record)
        } else if void.is_empty() {
            Check::pass("spf_void_lookups", value, WHY)
        } else {
            let mut check = Check::pass("spf_void_lookups", value, WHY);
            check.fix = Some(fix);
            check.proposing(record)
        }
    }

    fn pass_all_check(&self) -> Option<Check> {
        let (owner, term) = self.remarked(Remark::PassesEverybody)?;
        let record = if owner == self.domain {
            self.closed(&term)
        } else {
            None
        };
        let fix = match &record {
            Some(record) if self.outcomes.is_empty() => format!(
                "Put in the addresses that send your mail (--ip names them). {}",
                publish_txt(&self.domain, record)
            ),
            Some(record) => publish_txt(&self.domain, record),
            None => format!(
                "Take out the include of {owner}, or ask its owner to end the record with -all"
            ),
        };
        let check = Check::fail(
            "spf_pass_all",
            format!(
                "{term} in the record of {owner} lets every address in the world send for {}",
                self.domain
            ),
            "A policy that passes everybody protects nothing, and receivers hold it against you.",
            fix,
        );
        Some(check.proposing(record))
    }

    /// The domain's own record without the term that passes every address: an `all` refuses all others instead. A
    /// sender that relies on that term is left out, unless named.
    fn closed(&self, term: &str) -> Option<String> {
        let closed = self.rewritten(|word| {
            (word == term).then(|| {
                if is_all(word) {
                    "-all".to_owned()
                } else {
                    String::new()
                }
            })
        })?;
        Some(if self.outcomes.is_empty() {
            with_term(&closed, UNKNOWN)
        } else {
            closed
        })
    }

    fn length_check(&self) -> Option<Check> {
        const WHY: &str = "A record that makes the DNS answer longer than 512 octets gets lost on the way to some receivers.";
        let longest = self
            .tree
            .branches()
            .into_iter()
            .max_by_key(|branch| branch.octets)?;
        if longest.octets <= limits::SPF_RECORD_OCTETS {
            return None;
        }
        let fix = format!(
            "Keep the record of {} under {} octets: move part of it to another name, such as include:_spf2.{}",
            longest.domain,
            limits::SPF_RECORD_OCTETS,
            self.domain
        );
        Some(
            Check::fail(
                "spf_length",
                format!(
                    "the record of {} has {} octets",
                    longest.domain, longest.octets
                ),
                WHY,
                fix,
            )
            .advised(),
        )
    }

    fn ptr_check(&self) -> Option<Check> {
        let (owner, term) = self.remarked(Remark::Discouraged)?;
        let record = self.without(|each| each.text == term);
        let record = record.filter(|_| owner == self.domain);
        let fix = match &record {
            Some(record) => publish_txt(&self.domain, record),
            None => format!("Ask the owner of {owner} to use ip4: and ip6: instead"),
        };
        let why = "RFC 7208 §5.5 says not to use ptr: it is slow, and some receivers ignore it.";
        Some(
            Check::fail(
                "spf_ptr",
                format!("{term} in the record of {owner}"),
                why,
                fix,
            )
            .advised()
            .proposing(record),
        )
    }

    fn unused_check(&self) -> Option<Check> {
        let (owner, term) = self.remarked(Remark::NeverUsed)?;
        let record = self.without(|each| each.remark == Remark::NeverUsed);
        let record = record.filter(|_| owner == self.domain);
        let fix = match &record {
            Some(record) => format!(
                "Move it before the all, or take it out. {}",
                publish_txt(&self.domain, record)
            ),
            None => format!("Ask the owner of {owner} to move it before the all"),
        };
        let why = "Nothing after all is ever used; whoever put it there meant it to count.";
        Some(
            Check::fail(
                "spf_never_used",
                format!("{term} in the record of {owner}"),
                why,
                fix,
            )
            .advised()
            .proposing(record),
        )
    }

    fn covers(&self, ip: IpAddr, outcome: &SpfOutcome) -> Check {
        const ID: &str = "spf_covers";
        const WHY: &str =
            "Receivers look up whether the address that sends is one the domain allows.";
        let matched = outcome
            .matched
            .as_ref()
            .map_or_else(String::new, |(term, owner)| {
                format!(", by {term} of {owner}")
            });
        let problem = outcome
            .problem
            .as_ref()
            .map_or_else(String::new, |problem| format!(": {problem}"));
        let value = format!("{ip}: {}{matched}{problem}", outcome.result);
        match outcome.result {
            SpfResult::Pass => Check::pass(ID, value, WHY),
            SpfResult::TempError => {
                Check::unknown(ID, value, WHY, "Run this again when DNS answers")
            }
            SpfResult::PermError => Check::fail(
                ID,
                value,
                WHY,
                "Mend the record as the other SPF checks say",
            ),
            SpfResult::None | SpfResult::Neutral | SpfResult::Fail | SpfResult::SoftFail => {
                let record = self
                    .records
                    .first()
                    .map(|record| with_term(&record.text, &term_for(ip)));
                let record = record.unwrap_or_else(|| fresh_record(self.ips()));
                let fix = publish_txt(&self.domain, &record);
                Check::fail(ID, value, WHY, fix).proposing(Some(record))
            }
        }
    }

    fn remarked(&self, remark: Remark) -> Option<(String, String)> {
        self.tree.branches().iter().find_map(|branch| {
            let term = branch.terms.iter().find(|term| term.remark == remark)?;
            Some((branch.domain.clone(), term.text.clone()))
        })
    }

    /// The domain's own record without some terms; `None` when none of them stands in it. A term that stands in it
    /// twice is taken out where it is meant.
    fn without(&self, drop: impl Fn(&TreeTerm) -> bool) -> Option<String> {
        let terms = self.tree.root.terms.iter();
        let mut terms: Vec<(&str, bool)> =
            terms.map(|term| (term.text.as_str(), drop(term))).collect();
        if !terms.iter().any(|(_, is_dropped)| *is_dropped) {
            return None;
        }
        let [record] = self.records.as_slice() else {
            return None;
        };
        // From the end: the tree need not draw all that stands in front.
        let words = record.text.split_whitespace().rev();
        let mut dropped: Vec<bool> = words
            .map(|word| {
                let at = terms.iter().rposition(|(text, _)| *text == word);
                at.is_some_and(|at| terms.remove(at).1)
            })
            .collect();
        Some(rewritten(&record.text, |_| {
            dropped.pop()?.then(String::new)
        }))
    }

    /// The domain's own record with some words replaced; `None` when it has none, or several.
    fn rewritten(&self, replace: impl Fn(&str) -> Option<String>) -> Option<String> {
        match self.records.as_slice() {
            [record] => Some(rewritten(&record.text, replace)),
            [] | [_, _, ..] => None,
        }
    }

    fn ips(&self) -> impl Iterator<Item = IpAddr> {
        self.outcomes.iter().map(|(ip, _)| *ip)
    }
}

fn gravity(result: SpfResult) -> u8 {
    match result {
        SpfResult::Pass => 0,
        SpfResult::Neutral => 1,
        SpfResult::None => 2,
        SpfResult::SoftFail => 3,
        SpfResult::Fail => 4,
        SpfResult::TempError => 5,
        SpfResult::PermError => 6,
    }
}
