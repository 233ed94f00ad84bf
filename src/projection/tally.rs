//! A list counted by segment: what is kept of millions of rows is a few dozen numbers.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Selection;
use super::model::Model;
use super::prior::Priors;
use super::segment::{Kind, Segment};
use crate::model::count::float;
use crate::model::limits;
use crate::model::seeded::fingerprint;
use crate::model::top_k::TopK;

/// Where a row went, as far as a wanted rate is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pile {
    /// To be sent to.
    Verified,
    /// For the operator to decide, because of what its mail host said.
    Open,
    /// For the operator to decide, because of a flag: however well it is projected, it is not for us to add.
    Held,
    /// Not to be sent to.
    Rejected,
}

impl Pile {
    /// Every pile, best first.
    pub const ALL: [Pile; 4] = [Pile::Verified, Pile::Open, Pile::Held, Pile::Rejected];
}

/// A segment's place in a tally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u16);

/// A list counted by segment and pile.
#[derive(Clone, Debug)]
pub struct Tally {
    slots: Vec<(Segment, [u64; Pile::ALL.len()])>,
    /// For each kind, its slots without domain, by provider.
    places: Vec<Vec<(Option<Box<str>>, Slot)>>,
    /// Slots with a domain.
    histories: HashMap<Segment, Slot>,
    /// Domains with a history of their own.
    known: HashSet<Box<str>>,
    /// Rows by slot with domain, for kinds whose domains are little alike.
    domains: TopK<(Slot, u64), ()>,
    clumping: [bool; Kind::ALL.len()],
}

impl Tally {
    /// An empty tally that keeps apart the domains with a history in `model`.
    #[must_use]
    pub fn new(model: &Model) -> Tally {
        let priors = Priors::built_in();
        Tally {
            slots: Vec::new(),
            places: vec![Vec::new(); Kind::ALL.len()],
            histories: HashMap::new(),
            known: model
                .domains_with_history()
                .take(limits::PROJECTED_DOMAINS)
                .map(Box::from)
                .collect(),
            domains: TopK::new(limits::CLUMPED_DOMAINS),
            clumping: std::array::from_fn(|at| priors.of(Kind::ALL[at]).domains <= LITTLE_ALIKE),
        }
    }

    /// Counts a row; `provider` is the id of its mail host's provider.
    pub fn add(&mut self, kind: Kind, provider: Option<&str>, domain: &str, pile: Pile) -> Slot {
        let slot = self.slot(kind, provider, domain);
        self.slots[usize::from(slot.0)].1[pile as usize] += 1;
        if self.clumping[kind as usize] {
            let key = (slot, fingerprint(domain));
            self.domains.add(&key, 1, || key);
        }
        slot
    }

    fn slot(&mut self, kind: Kind, provider: Option<&str>, domain: &str) -> Slot {
        let next = Slot(u16::try_from(self.slots.len()).expect("slots are bounded"));
        if kind == Kind::CatchAll && self.known.contains(domain) {
            let segment = Segment {
                kind,
                provider: provider.map(Box::from),
                domain: Some(Box::from(domain)),
            };
            let slots = &mut self.slots;
            return *self.histories.entry(segment).or_insert_with_key(|segment| {
                slots.push((segment.clone(), Default::default()));
                next
            });
        }
        let places = &mut self.places[kind as usize];
        if let Some((_, slot)) = places
            .iter()
            .find(|(known, _)| known.as_deref() == provider)
        {
            return *slot;
        }
        // Providers come from a file; should an operator's ever be huge, the rest count as unknown.
        if provider.is_some() && places.len() >= limits::PROJECTED_PROVIDERS {
            return self.slot(kind, None, domain);
        }
        places.push((provider.map(Box::from), next));
        let segment = Segment {
            kind,
            provider: provider.map(Box::from),
            domain: None,
        };
        self.slots.push((segment, Default::default()));
        next
    }

    /// The segment in a slot.
    #[must_use]
    pub fn segment(&self, slot: Slot) -> &Segment {
        &self.slots[usize::from(slot.0)].0
    }

    /// The segments in the order of their slots.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.slots.iter().map(|(segment, _)| segment)
    }

    /// The rows of some piles.
    #[must_use]
    pub fn rows(&self, piles: &[Pile]) -> Selection {
        let mut selection = Selection::new();
        for (segment, counts) in &self.slots {
            let count: u64 = piles.iter().map(|&pile| counts[pile as usize]).sum();
            if count > 0 {
                selection.insert(segment.clone(), count);
            }
        }
        selection
    }

    /// The beliefs after this list: `model` with what the list shows.
    #[must_use]
    pub fn teach(&self, model: Model) -> Model {
        let mut counted: BTreeMap<Slot, (f64, f64)> = BTreeMap::new();
        for ((slot, _), entry) in self.domains.iter() {
            let (rows, squares) = counted.entry(*slot).or_default();
            *rows += float(entry.count);
            *squares += float(entry.count).powi(2);
        }
        let mut domains = BTreeMap::new();
        for (at, (segment, counts)) in (0..).zip(&self.slots) {
            let rows = float(counts.iter().sum());
            if let Some((known, squares)) = counted.get(&Slot(at)) {
                // Each row that was forgotten is taken for a domain of its own.
                let squares = squares + (rows - known).max(0.0);
                domains.insert(segment.clone(), rows * rows / squares);
            }
        }
        model.after(&self.rows(&Pile::ALL), domains)
    }
}

/// Concentration up to which the domains of a kind are counted: beyond it, sharing a domain hardly matters.
const LITTLE_ALIKE: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::model::Observed;

    #[test]
    fn rows_are_counted_by_segment_and_pile() {
        let mut tally = Tally::new(&Model::built_in());
        let proven = tally.add(Kind::Proven, Some("google"), "a.test", Pile::Verified);
        assert_eq!(
            tally.add(Kind::Proven, Some("google"), "b.test", Pile::Held),
            proven
        );
        tally.add(Kind::Proven, None, "c.test", Pile::Verified);
        tally.add(Kind::Refused, Some("google"), "a.test", Pile::Rejected);
        let all = tally.rows(&Pile::ALL);
        assert_eq!(all.len(), 3);
        assert_eq!(all[&"proven@google".parse().unwrap()], 2);
        let verified = tally.rows(&[Pile::Verified]);
        assert_eq!(verified[&"proven@google".parse().unwrap()], 1);
        assert_eq!(tally.segment(proven).to_string(), "proven@google");
    }

    #[test]
    fn only_domains_with_a_history_are_kept_apart() {
        let observed = BTreeMap::from([(
            "catch_all/acme.test".parse().unwrap(),
            Observed {
                total: 10.0,
                bounced: 0.0,
                hard: 0.0,
            },
        )]);
        let mut tally = Tally::new(&Model::new(Priors::built_in().clone(), &observed));
        for domain in ["acme.test", "b.test", "c.test"] {
            tally.add(Kind::CatchAll, None, domain, Pile::Open);
        }
        let names: Vec<String> = tally.segments().map(ToString::to_string).collect();
        assert_eq!(names, ["catch_all/acme.test", "catch_all"]);
    }

    #[test]
    fn addresses_of_one_domain_amount_to_one_domain() {
        let mut tally = Tally::new(&Model::built_in());
        for at in 0..100 {
            let domain = if at < 50 {
                "large.test".to_owned()
            } else {
                format!("d{at}.test")
            };
            tally.add(Kind::CatchAll, None, &domain, Pile::Open);
        }
        let model = tally.teach(Model::built_in());
        let domains = model.domains(&Segment::kind(Kind::CatchAll), 100.0);
        // 100² / (50² + 50 · 1²)
        assert!((domains - 3.92).abs() < 0.01, "{domains}");
    }
}
