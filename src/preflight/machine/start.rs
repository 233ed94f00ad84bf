//! The brief look before a run: whether it can come to anything, in a few seconds.
//!
//! A run that cannot reach DNS or mail hosts would end in a list full of `unknown`. So the hosts of the list are
//! knocked at, and well-known ones when those do not open; whatever else is amiss with this machine comes along as
//! advice.

use std::net::IpAddr;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::model::limits;
use crate::model::provider::Providers;
use crate::net::World;
use crate::net::origin::Origin;
use crate::net::route::Reach;

use crate::preflight::check::{Check, Status};
use crate::preflight::host::Patience;
use crate::preflight::lookup::{Heard, Lookups};
use crate::preflight::machine::checks::{identity_checks, mail_from_checks};
use crate::preflight::machine::port25::{self, Dialling, Met, Port25, WELL_KNOWN, Whose};
use crate::preflight::machine::resolver;

/// Where a run takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// The internet: well-known names exist, and reputation counts.
    Internet,
    /// Servers of the operator's own, on other ports or private addresses: only those are looked at.
    Laboratory,
}

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// DNS only: no mail host is asked.
    Names,
    /// To mail hosts.
    MailHosts,
}

/// What the run to come will use.
#[derive(Clone, Copy, Debug)]
pub struct Starting<'a> {
    /// Domains of the list, from its beginning.
    pub domains: &'a [String],
    /// The HELO name, when it was said.
    pub helo: Option<&'a str>,
    /// MAIL FROM, when it is known.
    pub mail_from: Option<&'a str>,
    /// The addresses of this machine that connections may leave from.
    pub sources: &'a [IpAddr],
    /// Where hosts will be asked from, under which names.
    pub origins: &'a [Origin],
    /// The providers, by which mail hosts are recognised.
    pub providers: &'a Providers,
    /// The port of mail hosts.
    pub port: u16,
    /// Which of them may be contacted.
    pub reach: Reach,
    /// How far the run goes.
    pub depth: Depth,
    /// The network that the run happens in.
    pub surroundings: Surroundings,
}

/// What the look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Hosts can be asked; this stands in the way of good answers.
    Fit(Vec<Check>),
    /// No host can be asked, for this reason.
    CannotAsk(Check),
}

/// Looks, within about [`limits::START_WAIT`] and the time of two connections.
pub async fn look(world: &World, starting: &Starting<'_>) -> Start {
    let lookups = Lookups::new(
        world.names.clone(),
        limits::START_WAIT,
        limits::PREFLIGHT_QUESTIONS,
    );
    let mut another = JoinSet::new();
    if starting.surroundings == Surroundings::Laboratory {
        another.spawn(ask_another(lookups.clone(), world.seed));
    }
    let named = starting.domains.iter().take(limits::START_HOSTS);
    let (honest, first, known) = tokio::join!(
        honest(world, &lookups, starting.surroundings),
        port25::find(
            &lookups,
            named,
            Whose::Named,
            starting.reach,
            limits::START_HOSTS_FIRST
        ),
        well_known(&lookups, starting),
    );
    if let Some(check) = no_dns(&lookups, starting.surroundings, another).await {
        return Start::CannotAsk(check);
    }
    let denied = known.is_empty()
        && starting.surroundings == Surroundings::Internet
        && resolver::denies_the_known(&lookups).await;
    if denied {
        // Every domain would be condemned, which is worse than asking no host.
        return Start::CannotAsk(resolver::denial().of_machine());
    }
    match starting.depth {
        Depth::Names => return Start::Fit(failures(honest.into_iter().collect())),
        Depth::MailHosts => {}
    }
    let dialling = Dialling {
        port: starting.port,
        origins: starting.origins,
        providers: starting.providers,
        patience: Patience::BRIEF,
    };
    let (captured, met) = tokio::join!(
        captured(world, &dialling, starting.surroundings),
        knock(world, &lookups, starting, (first, known), &dialling),
    );
    let port_25 = if captured {
        Port25::Captured
    } else if met.is_empty() {
        Port25::NotTried
    } else if met.iter().any(|met| met.contact.is_connected()) {
        Port25::Open
    } else {
        Port25::Closed
    };
    match port_25 {
        Port25::Closed | Port25::Captured => {
            Start::CannotAsk(port25::check(port_25, &met, starting.port))
        }
        Port25::Open | Port25::NotTried => {
            let mut advice: Vec<Check> = honest.into_iter().collect();
            advice.extend(advice_on_us(world, &lookups, starting, &met).await);
            Start::Fit(failures(advice))
        }
    }
}

/// What fails, for what cannot be told is no reason to warn the operator before a run.
fn failures(mut checks: Vec<Check>) -> Vec<Check> {
    checks.retain(|check| check.status == Status::Fail);
    checks
}

async fn honest(world: &World, lookups: &Lookups, surroundings: Surroundings) -> Option<Check> {
    match surroundings {
        Surroundings::Internet => Some(resolver::honest(lookups, world.seed).await.0),
        Surroundings::Laboratory => None,
    }
}

async fn well_known(lookups: &Lookups, starting: &Starting<'_>) -> Vec<port25::Door> {
    match starting.surroundings {
        Surroundings::Internet => {
            let (whose, most) = (Whose::WellKnown, WELL_KNOWN.len());
            port25::find(lookups, WELL_KNOWN, whose, starting.reach, most).await
        }
        Surroundings::Laboratory => Vec::new(),
    }
}

async fn captured(world: &World, dialling: &Dialling<'_>, surroundings: Surroundings) -> bool {
    match surroundings {
        Surroundings::Internet => port25::nobody_answers(world, dialling).await,
        Surroundings::Laboratory => false,
    }
}

/// Asks for a name that is on no list, when those of the list take their time: one silent domain is no silent DNS.
async fn ask_another(lookups: Lookups, seed: u64) {
    sleep(limits::START_HEAD_START).await;
    // Only whether anything comes back is of interest, and the look-ups remember that.
    let _ = resolver::honest(&lookups, seed).await;
}

/// The check `dns`, when no question was answered. In a laboratory, to say that one has trouble is to answer.
async fn no_dns(
    lookups: &Lookups,
    surroundings: Surroundings,
    another: JoinSet<()>,
) -> Option<Check> {
    const WHY: &str = "Who takes mail for a domain stands in DNS. Without it nobody can be asked.";
    let enough = match surroundings {
        Surroundings::Internet => Heard::Answers,
        Surroundings::Laboratory => Heard::Trouble,
    };
    if lookups.heard() < enough {
        another.join_all().await;
    }
    (lookups.heard() < enough).then(|| {
        Check::fail(
            "dns",
            "DNS does not work: no question was answered",
            WHY,
            "Mend the network or the resolver of this machine (/etc/resolv.conf), or name another with --dns IP:PORT",
        )
        .of_machine()
    })
}

/// Tries hosts of the list, then those of other domains, until one answers.
async fn knock(
    world: &World,
    lookups: &Lookups,
    starting: &Starting<'_>,
    (first, known): (Vec<port25::Door>, Vec<port25::Door>),
    dialling: &Dialling<'_>,
) -> Vec<Met> {
    let mut tried = first.clone();
    let known = port25::without(known, &tried);
    tried.extend(known.clone());
    let mut met = port25::knock_until_open(world, first, known, dialling).await;
    // Where the well-known do not answer, no host will; where there are none, a list may well begin with dead hosts.
    let settled = |met: &Met| met.contact.is_connected() || met.door.whose == Whose::WellKnown;
    if met.iter().any(settled) {
        return met;
    }
    let more = port25::find(
        lookups,
        starting.domains.iter().take(limits::START_HOSTS),
        Whose::Named,
        starting.reach,
        limits::START_HOSTS,
    )
    .await;
    let fresh = port25::without(more, &tried);
    met.extend(port25::knock_until_open(world, fresh, Vec::new(), dialling).await);
    met
}

/// What stands in the way of good answers: only on the internet do hosts care about the client's identity.
async fn advice_on_us(
    world: &World,
    lookups: &Lookups,
    starting: &Starting<'_>,
    met: &[Met],
) -> Vec<Check> {
    match starting.surroundings {
        Surroundings::Laboratory => return Vec::new(),
        Surroundings::Internet => {}
    }
    let seen = met
        .iter()
        .find_map(|met| met.contact.greeting()?.seen_address());
    let public = |ip: &IpAddr| Reach::PublicOrDocumentation.allows(*ip);
    let own = starting.sources.iter().copied().filter(public);
    let mut addresses: Vec<IpAddr> = seen.into_iter().collect();
    addresses.extend(own.filter(|ip| seen != Some(*ip)));
    let (mut checks, identity) = tokio::join!(
        mail_from_checks(
            world,
            lookups,
            starting.mail_from,
            starting.helo,
            &addresses,
            starting.reach
        ),
        identity_checks(lookups, starting.helo, &addresses),
    );
    checks.extend(identity);
    checks
}
