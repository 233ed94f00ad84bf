//! A sender's DMARC policy for the checklist: found as receivers find it, with the consent of the addressees of its
//! reports.

use crate::net::route::DnsFailure;
use crate::preflight::auth::dmarc::{
    DmarcFault, DmarcRecord, Policy, aligns, organisational_domain, read_record, report_domain,
    rewritten, select,
};
use crate::preflight::auth::near_miss::{self, NearMiss, Standard};
use crate::preflight::check::{Check, publish_txt};
use crate::preflight::lookup::{Found, Lookups};

/// What the search for a policy found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// A policy, at this name.
    Policy {
        /// The domain whose record it is.
        owner: String,
        /// The record as published.
        published: Vec<u8>,
        /// The record as parsed.
        record: DmarcRecord,
    },
    /// A record that was meant as a policy, but that receivers do not take for one.
    NearMiss {
        /// The domain whose record it is.
        owner: String,
        /// The record, with what keeps it from being one.
        miss: NearMiss,
    },
    /// A record that cannot be read.
    Malformed {
        /// The domain whose record it is.
        owner: String,
        /// The record as published.
        published: Vec<u8>,
        /// What is wrong.
        fault: DmarcFault,
    },
    /// Several records, so none applies (RFC 7489 §6.6.3).
    Several {
        /// The domain that has them.
        owner: String,
        /// How many there are.
        count: usize,
    },
    /// No record at all.
    Nothing,
    /// DNS did not say.
    Failed(DnsFailure),
}

/// Whether the receiver of reports agreed to get them (RFC 7489 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// The same organisation, or it published its consent.
    Given,
    /// It did not.
    Missing,
    /// DNS did not say.
    Failed(DnsFailure),
}

/// What was found out about a domain's DMARC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmarcFacts {
    /// The domain in the From line.
    pub domain: String,
    /// The domain that SPF judges.
    pub spf_domain: String,
    /// What the search for its policy found.
    pub search: Search,
    /// The domains that get reports.
    pub reports: Vec<(String, Consent)>,
}

impl DmarcFacts {
    /// Asks DNS as receivers do: the domain, then its organisational domain (RFC 7489 §6.6.3).
    pub async fn gather(lookups: &Lookups, domain: &str, spf_domain: &str) -> DmarcFacts {
        let mut search = search(lookups, domain).await;
        let organisation = organisational_domain(domain);
        if search == Search::Nothing && organisation != domain {
            search = self::search(lookups, organisation).await;
        }
        let mut reports: Vec<(String, Consent)> = Vec::new();
        if let Search::Policy { owner, record, .. } = &search {
            for uri in &record.reports {
                let Some(host) = report_domain(uri).map(str::to_ascii_lowercase) else {
                    continue;
                };
                if !reports.iter().any(|(known, _)| *known == host) {
                    let consent = consent(lookups, owner, &host).await;
                    reports.push((host, consent));
                }
            }
        }
        DmarcFacts {
            domain: domain.to_owned(),
            spf_domain: spf_domain.to_owned(),
            search,
            reports,
        }
    }

    /// The policy, when there is one.
    #[must_use]
    pub fn record(&self) -> Option<&DmarcRecord> {
        match &self.search {
            Search::Policy { record, .. } => Some(record),
            Search::NearMiss { .. }
            | Search::Malformed { .. }
            | Search::Several { .. }
            | Search::Nothing
            | Search::Failed(_) => None,
        }
    }

    /// The checks of DMARC. `signs` tells whether a usable DKIM key of the domain was found, if that is known.
    #[must_use]
    pub fn checks(&self, spf_passes: Option<bool>, signs: Option<bool>) -> Vec<Check> {
        let mut checks = vec![self.record_check()];
        let Some(record) = self.record() else {
            return checks;
        };
        if record.policy == Policy::None {
            let why = "p=none only watches; forged mail still gets through. It satisfies the rules, and is the right start.";
            let mut check = Check::pass("dmarc_policy", "none", why).advised();
            check.fix = Some(
                "Once the reports show that all your mail passes, move on to p=quarantine"
                    .to_owned(),
            );
            checks.push(check);
        } else {
            checks.push(
                Check::pass(
                    "dmarc_policy",
                    record.policy.as_str(),
                    "Forged mail is not delivered as yours.",
                )
                .advised(),
            );
        }
        checks.push(self.alignment_check(record, spf_passes, signs));
        for (host, consent) in &self.reports {
            checks.push(self.report_check(host, consent));
        }
        checks.extend(self.mistakes_check());
        checks.extend(self.no_reports_check());
        checks
    }

    fn record_check(&self) -> Check {
        const ID: &str = "dmarc_record";
        const WHY: &str = "DMARC tells receivers what to do with mail that only pretends to be yours; large ones require it.";
        let example = |owner: &str| {
            publish_txt(
                &format!("_dmarc.{owner}"),
                &format!("v=DMARC1; p=none; rua=mailto:dmarc@{owner}"),
            )
        };
        match &self.search {
            Search::Policy {
                owner,
                published,
                record,
            } if record.mistakes.contains(&DmarcFault::Policy) => Check::fail(
                ID,
                format!(
                    "the record at _dmarc.{owner} names no policy, so receivers at best take p=none: {}",
                    DmarcFault::Policy
                ),
                WHY,
                publish_txt(&format!("_dmarc.{owner}"), &rewritten(published, None)),
            ),
            Search::Policy { owner, record, .. } => Check::pass(
                ID,
                format!("p={} at _dmarc.{owner}", record.policy.as_str()),
                WHY,
            ),
            Search::NearMiss { owner, miss } => Check::fail(
                ID,
                format!(
                    "_dmarc.{owner} has a record that receivers do not take for DMARC, since {}: {}",
                    miss.mistake, miss.published
                ),
                WHY,
                format!(
                    "Replace it, and add no second one. {}",
                    publish_txt(&format!("_dmarc.{owner}"), &miss.mended)
                ),
            ),
            Search::Malformed {
                owner,
                published,
                fault,
            } => Check::fail(
                ID,
                format!("the record at _dmarc.{owner} is malformed: {fault}"),
                WHY,
                publish_txt(
                    &format!("_dmarc.{owner}"),
                    &rewritten(published, Some(&format!("mailto:dmarc@{owner}"))),
                ),
            ),
            Search::Several { owner, count } => Check::fail(
                ID,
                format!("{count} records at _dmarc.{owner}; receivers then use none of them"),
                WHY,
                format!(
                    "Delete all but one of the TXT records at _dmarc.{owner} that begin with v=DMARC1"
                ),
            ),
            Search::Nothing => Check::fail(
                ID,
                format!("{} has no DMARC record", self.domain),
                WHY,
                example(organisational_domain(&self.domain)),
            ),
            Search::Failed(failure) => Check::unknown(
                ID,
                failure.to_string(),
                WHY,
                "Run this again when DNS answers",
            ),
        }
    }

    /// What receivers ignore in the record, with the record without it.
    fn mistakes_check(&self) -> Option<Check> {
        let Search::Policy {
            owner,
            published,
            record,
        } = &self.search
        else {
            return None;
        };
        let tags = record
            .mistakes
            .iter()
            .filter(|mistake| **mistake != DmarcFault::Policy);
        let mistakes: Vec<String> = tags.map(ToString::to_string).collect();
        let why = "Receivers should ignore a tag that they cannot read and go by the rest of the record, but not all do.";
        let mended = rewritten(published, None);
        (!mistakes.is_empty()).then(|| {
            Check::fail(
                "dmarc_tags",
                mistakes.join("; "),
                why,
                publish_txt(&format!("_dmarc.{owner}"), &mended),
            )
            .advised()
        })
    }

    /// The same record with an address for reports, where it has none.
    fn no_reports_check(&self) -> Option<Check> {
        let Search::Policy {
            owner,
            published,
            record,
        } = &self.search
        else {
            return None;
        };
        record.reports.is_empty().then(|| {
            let with_reports = rewritten(published, Some(&format!("mailto:dmarc@{owner}")));
            Check::fail(
                "dmarc_reports",
                "no rua=",
                "Without an address for reports nobody tells you what fails.",
                publish_txt(&format!("_dmarc.{owner}"), &with_reports),
            )
            .advised()
        })
    }

    fn alignment_check(
        &self,
        record: &DmarcRecord,
        spf_passes: Option<bool>,
        signs: Option<bool>,
    ) -> Check {
        const ID: &str = "dmarc_alignment";
        const WHY: &str = "DMARC passes only if the domain that SPF passes, or that DKIM signs for, is that of the From line.";
        let spf_aligned = aligns(record.spf_alignment, &self.domain, &self.spf_domain);
        let by_spf = spf_passes.map(|passes| passes && spf_aligned);
        let value = format!(
            "SPF for {} {}{}, DKIM keys of {} {}",
            self.spf_domain,
            if spf_aligned {
                "aligns"
            } else {
                "does not align"
            },
            match spf_passes {
                Some(true) => " and passes",
                Some(false) => " and does not pass",
                None => "",
            },
            self.domain,
            match signs {
                Some(true) => "are usable",
                Some(false) => "are not usable",
                None => "were not found",
            },
        );
        match (by_spf, signs) {
            (Some(true), _) | (_, Some(true)) => Check::pass(ID, value, WHY),
            (Some(false), Some(false)) => Check::fail(
                ID,
                value,
                WHY,
                format!(
                    "Sign with DKIM for {0} (d={0}), or send with a MAIL FROM under {0} that SPF passes",
                    self.domain
                ),
            ),
            (None, Some(false) | None) | (Some(false), None) => Check::unknown(
                ID,
                value,
                WHY,
                "Run this again with --ip for your sending addresses and --selector for your DKIM key",
            ),
        }
    }

    fn report_check(&self, host: &str, consent: &Consent) -> Check {
        const ID: &str = "dmarc_reports";
        const WHY: &str = "Reports go to another organisation only if it says that it wants them.";
        match consent {
            Consent::Given => Check::pass(ID, format!("{host} takes the reports"), WHY).advised(),
            Consent::Missing => {
                let owner = match &self.search {
                    Search::Policy { owner, .. } => owner,
                    Search::NearMiss { .. }
                    | Search::Malformed { .. }
                    | Search::Several { .. }
                    | Search::Nothing
                    | Search::Failed(_) => &self.domain,
                };
                let fix = publish_txt(&format!("{owner}._report._dmarc.{host}"), "v=DMARC1");
                Check::fail(
                    ID,
                    format!("{host} has not agreed to take reports about {owner}"),
                    WHY,
                    fix,
                )
                .advised()
            }
            Consent::Failed(failure) => Check::unknown(
                ID,
                format!("{host}: {failure}"),
                WHY,
                "Run this again when DNS answers",
            )
            .advised(),
        }
    }
}

async fn search(lookups: &Lookups, owner: &str) -> Search {
    let texts = match lookups.texts(&format!("_dmarc.{owner}")).await {
        Found::Some(texts) => texts,
        Found::Nothing(_) => return Search::Nothing,
        Found::Failed(failure) => return Search::Failed(failure),
    };
    let owner = owner.to_owned();
    match select(&texts).as_slice() {
        [] => match near_miss::find(&texts, Standard::Dmarc) {
            Some(miss) => Search::NearMiss { owner, miss },
            None => Search::Nothing,
        },
        [text] => match read_record(&text.joined()) {
            Ok(record) => Search::Policy {
                owner,
                published: text.joined(),
                record,
            },
            Err(fault) => Search::Malformed {
                owner,
                published: text.joined(),
                fault,
            },
        },
        several => Search::Several {
            owner,
            count: several.len(),
        },
    }
}

async fn consent(lookups: &Lookups, owner: &str, host: &str) -> Consent {
    if organisational_domain(owner) == organisational_domain(host) {
        return Consent::Given;
    }
    match lookups
        .texts(&format!("{owner}._report._dmarc.{host}"))
        .await
    {
        Found::Some(texts) if !select(&texts).is_empty() => Consent::Given,
        Found::Some(_) | Found::Nothing(_) => Consent::Missing,
        Found::Failed(failure) => Consent::Failed(failure),
    }
}
