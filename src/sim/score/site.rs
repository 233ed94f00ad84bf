//! The sites that run mail hosts in a random internet: the large providers under their names, all others by kind.

use std::time::Duration;

use crate::sim::net::Persona;
use crate::sim::net::dialect::Dialect;
use crate::sim::net::habits::{Door, Greylist, Habits, KnownBy};
use crate::sim::net::host::Way;
use crate::sim::net::plan::{Plan, PlannedHost};

use super::climate::{Climate, ORDINARY};
use super::prospect::{KnownAs, Prospect};
use crate::model::seeded::SeededRng;

/// Mail hosts under one roof: what a good neighbour treats as one.
#[derive(Clone, Debug)]
pub struct Site {
    /// What the roof is called.
    pub name: String,
    /// What kind of host it is, where it is one of the kinds with a name.
    pub persona: Option<Persona>,
    /// The hosts, in order of preference.
    pub hosts: Vec<String>,
    /// How the hosts behave that answer at all.
    pub habits: Habits,
    /// How the way there behaves.
    pub way: Way,
    /// What a perfect client could learn there.
    pub prospect: Prospect,
    /// Under which name each domain gets a mail host of its own, as tenants of Microsoft 365 do.
    pub(super) tenants_under: Option<&'static str>,
    /// Domains of its own.
    pub(super) own_domains: &'static [&'static str],
}

impl Site {
    /// The id under which it is known as a provider; `None` where it is none.
    #[must_use]
    pub fn provider_id(&self) -> Option<&str> {
        PROVIDERS
            .iter()
            .map(|provider| provider.name)
            .find(|name| *name == self.name)
    }

    /// Whether it is a large provider, which the program may know by its name.
    #[must_use]
    pub fn is_known_by_name(&self) -> bool {
        self.provider_id().is_some()
    }
}

/// A large provider.
struct Provider {
    name: &'static str,
    persona: Persona,
    host: &'static str,
    known_as: KnownAs,
    domains: &'static [&'static str],
}

/// Large providers, under the names by which they are known.
const PROVIDERS: &[Provider] = &[
    Provider {
        name: "google",
        persona: Persona::Google,
        host: "gmail-smtp-in.l.google.com",
        known_as: KnownAs::Nobody,
        domains: &["gmail.com"],
    },
    Provider {
        name: "outlook",
        persona: Persona::Outlook,
        host: "outlook-com.olc.protection.outlook.com",
        known_as: KnownAs::Nobody,
        domains: &["outlook.com", "hotmail.com"],
    },
    Provider {
        name: "microsoft365",
        persona: Persona::Microsoft365,
        host: "mail.protection.outlook.com",
        known_as: KnownAs::Nobody,
        domains: &[],
    },
    Provider {
        name: "yahoo",
        persona: Persona::Yahoo,
        host: "mta5.am0.yahoodns.net",
        known_as: KnownAs::AcceptsEveryone,
        domains: &["yahoo.com", "aol.com"],
    },
    Provider {
        name: "icloud",
        persona: Persona::Icloud,
        host: "mx01.mail.icloud.com",
        known_as: KnownAs::Nobody,
        domains: &["icloud.com"],
    },
    Provider {
        name: "gmx",
        persona: Persona::Gmx,
        host: "mx00.emig.gmx.net",
        known_as: KnownAs::Nobody,
        domains: &["gmx.de", "web.de"],
    },
    Provider {
        name: "mailru",
        persona: Persona::MailRu,
        host: "mxs.mail.ru",
        known_as: KnownAs::AcceptsEveryone,
        domains: &["mail.ru"],
    },
    Provider {
        name: "proofpoint",
        persona: Persona::Proofpoint,
        host: "mxa-0012.gslb.pphosted.com",
        known_as: KnownAs::Nobody,
        domains: &[],
    },
    Provider {
        name: "mimecast",
        persona: Persona::Mimecast,
        host: "eu-smtp-inbound-1.mimecast.com",
        known_as: KnownAs::Nobody,
        domains: &[],
    },
    Provider {
        name: "barracuda",
        persona: Persona::Barracuda,
        host: "d1.ess.barracudanetworks.com",
        known_as: KnownAs::Nobody,
        domains: &[],
    },
];

/// Dialects in which the reply to RCPT says that the client is blocked.
const BLOCKS: [Dialect; 5] = [
    Dialect::Postfix,
    Dialect::Exim,
    Dialect::Proofpoint,
    Dialect::Mimecast,
    Dialect::Barracuda,
];

/// Some of the large providers.
pub(super) fn providers(climate: &Climate, dice: &mut SeededRng, plan: &mut Plan) -> Vec<Site> {
    let mut sites = Vec::new();
    for provider in PROVIDERS {
        if climate.at_providers == 0.0 || dice.happens(0.4) {
            continue;
        }
        let habits = provider.persona.habits();
        let way = way(climate, dice);
        let mut hosts = Vec::new();
        let tenants_under = (provider.persona == Persona::Microsoft365).then_some(provider.host);
        if tenants_under.is_none() {
            add_host(plan, provider.host, &habits, way);
            hosts.push(provider.host.to_owned());
        }
        sites.push(Site {
            name: provider.name.to_owned(),
            persona: Some(provider.persona),
            hosts,
            prospect: Prospect::of(&habits, provider.known_as),
            habits,
            way,
            tenants_under,
            own_domains: provider.domains,
        });
    }
    sites
}

/// A site that is no provider: an ordinary host or an odd one, mostly alone, sometimes with a second; the first is dead
/// at times.
pub(super) fn ordinary(
    number: usize,
    climate: &Climate,
    dice: &mut SeededRng,
    plan: &mut Plan,
) -> Site {
    let drawn = if dice.happens(climate.odd_hosts) {
        *dice.one_of(&climate.kinds)
    } else {
        *dice.one_of(&ORDINARY)
    };
    // Not the first, where most addresses are.
    let persona = climate.turn.filter(|_| number == 1).unwrap_or(drawn);
    let mut habits = persona.habits();
    vary(&mut habits, climate, dice);
    if persona == Persona::BlocksRecipients {
        habits.dialect = *dice.one_of(&BLOCKS);
    }
    let way = way(climate, dice);
    // A hoster's machines have one registrable domain, and little else in common.
    let neighbour = number > 0 && dice.happens(climate.under_one_roof);
    let name = if neighbour {
        format!("rack{number}.site{}.test", dice.between(0, number - 1))
    } else {
        format!("site{number}.test")
    };
    let mut hosts = Vec::new();
    let dead_first = dice.happens(0.1);
    let count = dice.between(1, 2) + usize::from(dead_first);
    for host in 1..=count {
        let name = format!("mx{host}.{name}");
        if dead_first && host == 1 {
            let door = *dice.one_of(&[Door::Closed, Door::Silent]);
            let dead = Habits {
                door,
                ..habits.clone()
            };
            add_host(plan, &name, &dead, way);
        } else {
            add_host(plan, &name, &habits, way);
        }
        hosts.push(name);
    }
    Site {
        prospect: Prospect::of(&habits, KnownAs::Nobody),
        name,
        persona: Some(persona),
        hosts,
        habits,
        way,
        tenants_under: None,
        own_domains: &[],
    }
}

pub(super) fn add_host(plan: &mut Plan, name: &str, habits: &Habits, way: Way) {
    plan.hosts.push(PlannedHost {
        name: name.to_owned(),
        addresses: Vec::new(),
        habits: habits.clone(),
        way: Some(way),
    });
}

/// Lets a host of a kind differ from the next.
fn vary(habits: &mut Habits, climate: &Climate, dice: &mut SeededRng) {
    let odd = |dice: &mut SeededRng| dice.happens(climate.odd_hosts / 8.0);
    if odd(dice) {
        habits.tarpit = dice.time(Duration::from_secs(1), Duration::from_secs(15));
    }
    if odd(dice) {
        habits.greeting_wait = dice.time(Duration::from_secs(1), Duration::from_secs(20));
    }
    if odd(dice) {
        habits.rcpt_wait = dice.time(Duration::from_millis(100), Duration::from_secs(10));
    }
    if odd(dice) {
        habits.greylist = Some(Greylist {
            by: *dice.one_of(&[KnownBy::Triplet, KnownBy::Visitor]),
            wait: dice.time(Duration::from_secs(30), Duration::from_secs(900)),
        });
    }
}

fn way(climate: &Climate, dice: &mut SeededRng) -> Way {
    Way {
        round_trip: dice.time(Duration::from_millis(5), climate.far),
        jitter: dice.share(0.0, 0.9),
        loss: dice.share(0.0, climate.loss),
        reset: dice.share(0.0, climate.reset),
    }
}
