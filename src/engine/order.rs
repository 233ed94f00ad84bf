//! An order: a domain with its route, some of its addresses, and what is known of domain and host.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answer::{Answers, is_meant};
use super::run_id::RunId;
use super::wire::{self, Unreadable};
use crate::input::address::Address;
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Fact, Finding};
use crate::net::route::{HostKey, Reach, Route};
use crate::probe::pace::{Ceilings, Rate};
use crate::probe::scheduler::{Event, Limits};
use crate::probe::{Asked, KnownDomain, KnownHost, Likelihood, Target, Turn, Waiting};
use crate::smtp::session::Encryption;

/// How a run wants hosts to be asked, as far as that is not a matter of the machine that asks them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Our address in MAIL; `None` is the null sender.
    #[serde(with = "mailbox", default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<lettre::Address>,
    /// The ceilings at every host, for each source address.
    pub ceilings: Ceilings,
    /// Recipients a second at a host that answers quickly, for each source address.
    pub rate_max: Rate,
    /// The ceilings at every host over all source addresses together.
    #[serde(default, skip_serializing_if = "Global::is_none")]
    pub global: Global,
    /// How long one address may wait for a host that wants us to come back.
    pub patience: Duration,
    /// When sessions are encrypted.
    pub encryption: Encryption,
    /// What randomness is derived from: a domain's decoy is the same whichever worker asks about it.
    pub seed: u64,
}

mod mailbox {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde asks for it")]
    pub(super) fn serialize<S: Serializer>(
        mailbox: &Option<lettre::Address>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match mailbox {
            Some(mailbox) => serializer.collect_str(mailbox),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<lettre::Address>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let parse = |text: String| text.parse().map_err(|_| D::Error::custom("no mailbox"));
        text.map(parse).transpose()
    }
}

/// The ceilings at a host over all source addresses together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Global {
    /// Recipients a second.
    pub rate: Rate,
    /// Connections at once; `None` is no limit.
    pub connections: Option<u32>,
}

impl Default for Global {
    fn default() -> Self {
        Global::NONE
    }
}

impl Global {
    /// No ceiling.
    pub const NONE: Global = Global {
        rate: Rate::UNLIMITED,
        connections: None,
    };

    fn is_none(&self) -> bool {
        *self == Global::NONE
    }
}

impl Terms {
    /// What a run's limits say to the workers that ask for it.
    #[must_use]
    pub fn of(limits: &Limits, global: Global) -> Self {
        Terms {
            sender: limits.sender.clone(),
            ceilings: limits.ceilings,
            rate_max: limits.rate_max,
            global,
            patience: limits.patience,
            encryption: limits.encryption,
            seed: limits.seed,
        }
    }

    /// The limits of one who asks on these terms on a machine whose own limits are `own`.
    #[must_use]
    pub fn limits(&self, own: &Limits) -> Limits {
        Limits {
            sender: self.sender.clone(),
            ceilings: self.ceilings,
            rate_max: self.rate_max,
            rate: own.rate,
            connections: own.connections,
            pending: own.pending,
            patience: self.patience,
            encryption: self.encryption,
            seed: self.seed,
            controls: own.controls.clone(),
            second_look: own.second_look,
        }
    }
}

/// Some addresses of one domain to be asked about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Whose it is.
    pub run: RunId,
    /// Which of that run's orders it is. What is left of an order when its hosts want us to come back later goes out
    /// anew under the same number.
    pub number: u64,
    /// Which time it goes out, from 1.
    pub attempt: u32,
    /// On what terms.
    pub terms: Terms,
    /// The domain's name, in A-labels, or its literal.
    pub domain: String,
    /// The hosts that take its mail.
    pub route: Route,
    /// What is known of the domain.
    #[serde(default, skip_serializing_if = "is_default")]
    pub known_domain: KnownDomain,
    /// What is known of its host.
    #[serde(default, skip_serializing_if = "is_default")]
    pub known_host: KnownHost,
    /// The worker that asked about it last: a greylist knows that one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub visitor: Option<String>,
    /// Nothing is to be asked before this: an order that is handed out earlier is given back until then.
    #[serde(default, skip_serializing_if = "is_default")]
    pub not_before: Timestamp,
    /// Whom to ask about; at most [`limits::ENGINE_ORDER_ADDRESSES`].
    #[serde(with = "targets")]
    pub targets: Vec<Target>,
}

/// What is left of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Rest {
    /// Whom to ask about.
    pub targets: Vec<Target>,
    /// What is known of the domain by now.
    pub known_domain: KnownDomain,
    /// The worker that asked about it last.
    pub visitor: Option<String>,
}

impl Rest {
    /// It is asked about by `worker` from now on. A greylist that knew another one begins anew with this one, and so do
    /// the waits for it; how long an address may wait in all is counted from its first answer, as before.
    pub fn fall_to(&mut self, worker: &str) {
        let knows_another = self.visitor.as_deref().is_some_and(|it| it != worker);
        if knows_another && self.known_domain.keeps_waiting {
            for target in &mut self.targets {
                target.waiting.tries = 0;
            }
        }
    }
}

/// How an address of an order stands by its last answer.
enum Stand {
    /// A host has accepted it.
    Accepted(Reading),
    Settled,
    ToComeBack(Waiting, Timestamp),
}

impl Stand {
    /// How it stands after a fact; an answer that settles nothing and that nothing follows leaves it at that.
    fn of(fact: &Fact) -> Self {
        match &fact.finding {
            Finding::Asked { reading, .. }
                if matches!(reading.reason, Reason::Accepted | Reason::AcceptedProvider) =>
            {
                Stand::Accepted(reading.clone())
            }
            _ => Stand::Settled,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Order {
    /// By what an order is the same as another.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}.{}.{}", self.run, self.number, self.attempt)
    }

    /// What shares limits with its hosts; `None` where no host is to be asked.
    #[must_use]
    pub fn host(&self) -> Option<&HostKey> {
        match &self.route {
            Route::Hosts { key, .. } => Some(key),
            Route::Nobody { .. } | Route::NotAsked | Route::Trouble { .. } => None,
        }
    }

    /// Whether it names a person, by the key of an address, or an address of a domain, by `@` with its name.
    #[must_use]
    pub fn names(&self, key: &str) -> bool {
        self.targets
            .iter()
            .any(|target| is_meant(&target.address.key(), key))
    }

    /// The same order without a person: its attempt is the next.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        let mut order = self.clone();
        order.attempt += 1;
        order
            .targets
            .retain(|target| !is_meant(&target.address.key(), key));
        order
    }

    /// What is left of it to be asked, by what was answered for it before: no more than what was told to come back is
    /// asked again, when its time has come.
    #[must_use]
    pub fn rest(&self, answers: &[Answers]) -> Rest {
        let mut known_domain = self.known_domain.clone();
        let mut last: HashMap<&str, Stand> = HashMap::new();
        for event in answers.iter().flat_map(|answers| &answers.events) {
            match event {
                Event::Address { key, fact } => {
                    last.insert(key, Stand::of(fact));
                }
                Event::Waiting {
                    key,
                    waiting,
                    again: Some(again),
                } => {
                    last.insert(key, Stand::ToComeBack(*waiting, *again));
                }
                Event::Waiting {
                    key, again: None, ..
                } => {
                    last.insert(key, Stand::Settled);
                }
                Event::TakenBack {
                    asked: Asked::Address(key),
                    ..
                } => {
                    last.remove(&**key);
                }
                Event::CatchAll { name, known } if *name == self.domain => {
                    known_domain = known.clone();
                }
                Event::TakenBack {
                    asked: Asked::Decoy(_),
                    ..
                }
                | Event::CatchAll { .. }
                | Event::Domain { .. }
                | Event::Host { .. }
                | Event::Doubted { .. }
                | Event::Stranded { .. }
                | Event::Left { .. }
                | Event::Blocked { .. } => {}
            }
        }
        // Whose acceptance is worth nothing without the domain's decoy sees to it that one is asked about.
        let decoy_is_owed = known_domain.catch_all.is_none();
        let rest = self.targets.iter().filter_map(|target| {
            let key = target.address.key();
            match last.get(&*key) {
                None => Some(target.clone()),
                Some(Stand::Accepted(reading)) => decoy_is_owed.then(|| Target {
                    answered: Some(reading.clone()),
                    ..target.clone()
                }),
                Some(Stand::Settled) => None,
                Some(Stand::ToComeBack(waiting, again)) => Some(Target {
                    waiting: *waiting,
                    not_before: *again,
                    ..target.clone()
                }),
            }
        });
        let asked = answers.iter().rev();
        let mut asked = asked.filter(|answers| !answers.events.is_empty());
        let visitor = asked.next().map(|last| last.worker().to_owned());
        Rest {
            targets: rest.collect(),
            known_domain,
            visitor: visitor.or_else(|| self.visitor.clone()),
        }
    }

    /// Keeps of its hosts only what may be contacted from here, whatever the order says. Returns whether anything is
    /// left.
    pub fn keep_reachable(&mut self, reach: Reach) -> bool {
        let Route::Hosts { hosts, .. } = &mut self.route else {
            return false;
        };
        for host in &mut *hosts {
            host.addresses.retain(|address| reach.allows(*address));
        }
        hosts.retain(|host| !host.addresses.is_empty());
        !hosts.is_empty()
    }

    /// As it is written.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// Reads an order.
    ///
    /// # Errors
    ///
    /// When it was written by another version, is no order, names more addresses than an order may, or one of another
    /// domain.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let order: Order = wire::decode(bytes)?;
        if order.targets.len() > limits::ENGINE_ORDER_ADDRESSES {
            return Err(Unreadable::Malformed(format!(
                "an order about {} addresses",
                order.targets.len()
            )));
        }
        let is_elsewhere = |target: &Target| target.address.domain().wire() != order.domain;
        if order.targets.iter().any(is_elsewhere) {
            return Err(Unreadable::Malformed(
                "an order about addresses of several domains".to_owned(),
            ));
        }
        Ok(order)
    }
}

/// A target as an order writes it: what is as usual is left out, for there are many.
#[derive(Serialize, Deserialize)]
struct Written {
    /// The address as it goes into commands.
    a: String,
    #[serde(default, skip_serializing_if = "is_default")]
    likelihood: Likelihood,
    #[serde(default, skip_serializing_if = "is_default")]
    waiting: Waiting,
    #[serde(default, skip_serializing_if = "is_default")]
    not_before: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered: Option<Reading>,
    #[serde(default, skip_serializing_if = "is_default")]
    first: bool,
}

mod targets {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Address, Target, Turn, Written};

    pub(super) fn serialize<S: Serializer>(
        targets: &[Target],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let written = targets.iter().map(|target| Written {
            a: target.address.wire().to_owned(),
            likelihood: target.likelihood,
            waiting: target.waiting,
            not_before: target.not_before,
            answered: target.answered.clone(),
            first: target.turn == Turn::First,
        });
        written.collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Target>, D::Error> {
        let written = Vec::<Written>::deserialize(deserializer)?;
        let target = |written: Written| {
            // The fault's own words might hold the text.
            let address = Address::parse(&written.a).map_err(|_| D::Error::custom("no address"))?;
            Ok(Target {
                address,
                likelihood: written.likelihood,
                waiting: written.waiting,
                not_before: written.not_before,
                answered: written.answered,
                turn: if written.first {
                    Turn::First
                } else {
                    Turn::InLine
                },
            })
        };
        written.into_iter().map(target).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::stage::Stage;
    use crate::model::verdict::{Exchange, Whom};
    use crate::net::route::MailHost;
    use crate::probe::CatchAllState;

    pub(in crate::engine) fn target(address: &str) -> Target {
        Address::parse(address).unwrap().into()
    }

    pub(in crate::engine) fn order(targets: Vec<Target>) -> Order {
        Order {
            run: RunId::named("run-7").unwrap(),
            number: 3,
            attempt: 1,
            terms: Terms {
                sender: Some("verify@sender.test".parse().unwrap()),
                ceilings: Ceilings {
                    rate: Rate::per_seconds(10),
                    connections: 2,
                },
                rate_max: Rate::UNLIMITED,
                global: Global::NONE,
                patience: Duration::from_millis(1_800_001),
                encryption: Encryption::WhenDemanded,
                seed: u64::MAX,
            },
            domain: "acme.test".to_owned(),
            route: Route::Hosts {
                hosts: vec![MailHost {
                    name: "mx.acme.test".to_owned(),
                    addresses: vec!["192.0.2.1".parse().unwrap(), "10.0.0.1".parse().unwrap()],
                }],
                is_whole: true,
                key: HostKey("acme.test".to_owned()),
                ttl: Duration::from_secs(300),
            },
            known_domain: KnownDomain::default(),
            known_host: KnownHost::default(),
            visitor: None,
            not_before: Timestamp::default(),
            targets,
        }
    }

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let mut all = order(vec![
            target("ann@acme.test"),
            target("\"b o b\"@acme.test"),
            target("jörg@acme.test"),
            Target {
                likelihood: Likelihood::Bad,
                waiting: Waiting {
                    tries: 2,
                    since: Some(Timestamp::from_millis(1_700_000_000_123)),
                },
                not_before: Timestamp::from_millis(1_700_000_360_123),
                answered: Some(Reading {
                    reason: Reason::Accepted,
                    permanent: false,
                    rule: "test".to_owned(),
                }),
                turn: Turn::First,
                ..target("eve@acme.test")
            },
        ]);
        all.known_domain.keeps_waiting = true;
        all.known_host.chokes = true;
        all.not_before = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(Order::decode(&all.encode()), Ok(all));
        let idn = Order {
            domain: "xn--bcher-kva.test".to_owned(),
            ..order(vec![target("ann@bücher.test")])
        };
        assert_eq!(Order::decode(&idn.encode()), Ok(idn));
    }

    fn answers(events: Vec<Event>) -> Answers {
        Answers {
            run: RunId::named("run-7").unwrap(),
            number: 3,
            attempt: 1,
            by: "worker.1".to_owned(),
            place: 1,
            events,
            outcome: None,
        }
    }

    fn answered(address: &str, reason: Reason) -> Event {
        Event::Address {
            key: address.to_owned(),
            fact: Fact {
                at: Timestamp::from_millis(1_700_000_000_000),
                finding: Finding::Asked {
                    whom: Whom::Subject,
                    exchange: Exchange {
                        stage: Stage::Rcpt,
                        host: "mx.acme.test".to_owned(),
                        code: Some(250),
                        reply: String::new(),
                    },
                    reading: Reading {
                        reason,
                        permanent: reason == Reason::NoSuchMailbox,
                        rule: "test".to_owned(),
                    },
                },
            },
        }
    }

    #[test]
    fn what_another_worker_has_answered_is_not_asked_again() {
        let names = ["ann", "bob", "cat", "dan", "eve"];
        let all = names.map(|name| target(&format!("{name}@acme.test")));
        let order = order(all.to_vec());
        let later = Timestamp::from_millis(1_700_000_360_000);
        let waiting = Waiting {
            tries: 1,
            since: Some(Timestamp::from_millis(1_700_000_000_000)),
        };
        let told = answers(vec![
            answered("ann@acme.test", Reason::Accepted),
            answered("bob@acme.test", Reason::NoSuchMailbox),
            answered("cat@acme.test", Reason::Greylisted),
            Event::Waiting {
                key: "cat@acme.test".to_owned(),
                waiting,
                again: Some(later),
            },
            answered("dan@acme.test", Reason::NoSuchMailbox),
            Event::TakenBack {
                asked: Asked::Address("dan@acme.test".into()),
                reading: Reading {
                    reason: Reason::ProviderAnomaly,
                    permanent: false,
                    rule: "test".to_owned(),
                },
                at: later,
            },
        ]);
        let rest = order.rest(std::slice::from_ref(&told));
        let stands = |target: &Target| {
            let is_answered = target.answered.is_some();
            (
                target.address.wire().to_owned(),
                is_answered,
                target.not_before,
            )
        };
        let left: Vec<_> = rest.targets.iter().map(stands).collect();
        let now = Timestamp::default();
        let expected = [
            ("ann", true, now),
            ("cat", false, later),
            ("dan", false, now),
            ("eve", false, now),
        ];
        let expected =
            expected.map(|(name, is_answered, at)| (format!("{name}@acme.test"), is_answered, at));
        assert_eq!(left, expected, "ann's acceptance wants a decoy");
        assert_eq!(rest.targets[1].waiting, waiting);

        let known = KnownDomain {
            catch_all: Some(CatchAllState::RefusesUnknown),
            ..KnownDomain::default()
        };
        let decoy = answers(vec![Event::CatchAll {
            name: "acme.test".to_owned(),
            known: known.clone(),
        }]);
        let rest = order.rest(&[told, decoy]);
        assert_eq!(rest.known_domain, known);
        assert_eq!(rest.targets.len(), 3, "nothing is left to ask for ann");
    }

    #[test]
    fn a_greylist_that_knows_another_worker_begins_anew_and_so_do_the_waits_for_it() {
        let since = Some(Timestamp::from_millis(1_700_000_000_000));
        let waiting = |tries| Waiting { tries, since };
        let mut cat = target("cat@acme.test");
        cat.waiting = waiting(2);
        let order = Order {
            visitor: Some("one".to_owned()),
            ..order(vec![cat])
        };
        let tries = |order: &Order, told: &[Answers], worker: &str| {
            let mut rest = order.rest(told);
            rest.fall_to(worker);
            assert_eq!(rest.targets[0].waiting.since, since);
            rest.targets[0].waiting.tries
        };
        assert_eq!(tries(&order, &[], "two"), 2, "it does not greylist");
        let mut greylisted = order.clone();
        greylisted.known_domain.keeps_waiting = true;
        assert_eq!(tries(&greylisted, &[], "one"), 2);
        assert_eq!(tries(&greylisted, &[], "two"), 0);
        // It fell to the other one before.
        let told = Answers {
            by: "two.3".to_owned(),
            ..answers(vec![Event::Waiting {
                key: "cat@acme.test".to_owned(),
                waiting: waiting(1),
                again: Some(Timestamp::from_millis(1_700_000_360_000)),
            }])
        };
        let told = [told];
        assert_eq!(tries(&greylisted, &told, "two"), 1);
        assert_eq!(tries(&greylisted, &told, "one"), 0);
    }

    #[test]
    fn a_usual_address_takes_little_more_than_its_text() {
        let alone = order(Vec::new()).encode().len();
        let names: Vec<Target> = (0..100)
            .map(|n| target(&format!("person{n:03}@acme.test")))
            .collect();
        let each = (order(names).encode().len() - alone) / 100;
        assert!(each <= "person000@acme.test".len() + 10, "{each} bytes");
    }

    #[test]
    fn an_order_about_too_many_or_about_two_domains_is_none() {
        let many = order(vec![
            target("ann@acme.test");
            limits::ENGINE_ORDER_ADDRESSES + 1
        ]);
        let two_domains = order(vec![target("ann@acme.test"), target("ann@other.test")]);
        for order in [many, two_domains] {
            let read = Order::decode(&order.encode());
            assert!(matches!(read, Err(Unreadable::Malformed(_))), "{read:?}");
        }
    }

    #[test]
    fn an_order_cannot_make_a_worker_reach_inward() {
        let mut inward = order(Vec::new());
        assert!(inward.keep_reachable(Reach::PublicOrDocumentation));
        let Route::Hosts { hosts, .. } = &inward.route else {
            panic!("there are hosts")
        };
        assert_eq!(hosts[0].addresses.len(), 1);
        assert!(!inward.keep_reachable(Reach::Public));
    }
}
