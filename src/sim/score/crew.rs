//! The machines that ask in a trial: when they come, when they die.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::engine::memory::{Connection, Memory, Way};
use crate::engine::roll::WorkerCard;
use crate::engine::{Worker, WorkerObserver};
use crate::model::seeded::SeededRng;
use crate::net::World;
use crate::net::origin::Origin;
use crate::probe::run::RunConfig;
use crate::verify::Tools;

/// What lies between those who ask together and their engine, and whether the one that reads the list is always there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wires {
    /// The way of the machine that reads the list.
    pub coordinator: Way,
    /// The ways of those that ask.
    pub workers: Way,
    /// After how long the machine that reads the list is switched off, and for how long.
    pub switched_off: Option<(Duration, Duration)>,
}

/// Where machines work.
pub(super) struct Place<'a> {
    pub(super) engine: Memory,
    pub(super) world: World,
    pub(super) config: RunConfig,
    pub(super) tools: &'a Tools,
    pub(super) seed: u64,
    /// Between a machine and the engine.
    pub(super) way: Way,
}

/// How long the time is within which machines die and join: most of what happens, happens early.
const LIVELY: Duration = Duration::from_secs(600);

/// What becomes of one machine.
#[derive(Clone, Copy, Debug)]
struct Fate {
    comes: Duration,
    /// When it is switched off, where it is.
    dies: Option<Duration>,
    /// Whether it takes leave then.
    says_goodbye: bool,
}

/// Longest time for which a machine is cut off, or the one that reads the list is switched off.
const AWAY: Duration = Duration::from_secs(60);

/// Longest round trip to the engine: around the world.
const FAR: Duration = Duration::from_millis(300);

/// The wires of a seed whose machines change: near or far, some of them losing a call now and then. The machine that
/// reads the list is near, so that it does the same at the same time whenever its ledger is written.
pub(super) fn wires_of(seed: u64) -> Wires {
    let mut dice = SeededRng::of(seed, "wires");
    let mut workers = Way {
        seed,
        ..Way::default()
    };
    if dice.happens(0.5) {
        workers.round_trip = dice.time(Duration::from_millis(1), FAR);
    }
    if dice.happens(0.3) {
        workers.lost = *dice.one_of(&[1, 2, 5]);
    }
    let switched_off = dice.happens(0.4).then(|| {
        let after = dice.time(Duration::from_millis(1), LIVELY);
        (after, dice.time(Duration::from_millis(1), AWAY))
    });
    Wires {
        coordinator: Way::default(),
        workers,
        switched_off,
    }
}

/// When the connection of a machine is cut, and for how long.
type Cut = (Duration, Duration);

/// Cuts a connection, and mends it.
async fn cut_off(connection: Connection, (after, time): Cut) {
    sleep(after).await;
    connection.cut();
    sleep(time).await;
    connection.mend();
}

/// Sets machines to work. Where they change, some of them die without a word, and others come for them: the first one
/// always stays. Some are cut off from the engine for a while.
pub(super) fn set_to_work(machines: &LocalSet, place: &Place<'_>, workers: usize, changing: bool) {
    let mut dice = SeededRng::of(place.seed, "machines");
    let mut fates: Vec<Fate> = Vec::new();
    for number in 0..workers {
        let stays = Fate {
            comes: Duration::ZERO,
            dies: None,
            says_goodbye: false,
        };
        if !changing || number == 0 {
            fates.push(stays);
            continue;
        }
        let dies = dice
            .happens(0.5)
            .then(|| dice.time(Duration::from_millis(1), LIVELY));
        let says_goodbye = dice.happens(0.3);
        fates.push(Fate {
            dies,
            says_goodbye,
            ..stays
        });
        if let Some(comes) = dies.filter(|_| dice.happens(0.7)) {
            fates.push(Fate { comes, ..stays });
        }
    }
    let mut cuts = SeededRng::of(place.seed, "cuts");
    for (number, fate) in fates.into_iter().enumerate() {
        let way = Way {
            seed: place.way.seed ^ number as u64,
            ..place.way
        };
        let connection = place.engine.connect_over(way);
        if changing && cuts.happens(0.2) {
            let after = cuts.time(Duration::from_millis(1), LIVELY);
            let cut = (after, cuts.time(Duration::from_millis(1), AWAY));
            machines.spawn_local(cut_off(connection.clone(), cut));
        }
        let worker = machine(place, number, connection);
        machines.spawn_local(async move {
            sleep(fate.comes).await;
            let mut quiet = Quiet;
            let ends = |is_so: bool| async move {
                match fate.dies {
                    Some(dies) if is_so => sleep(dies.saturating_sub(fate.comes)).await,
                    Some(_) | None => std::future::pending().await,
                }
            };
            let working = worker.work(&mut quiet, ends(fate.says_goodbye));
            tokio::select! {
                biased;
                () = ends(!fate.says_goodbye) => {}
                ended = working => ended.expect("the engine in memory does not fail"),
            }
        });
    }
}

fn machine(place: &Place<'_>, number: usize, connection: Connection) -> Worker {
    let mut config = place.config.clone();
    config.origins = vec![Origin {
        address: Some(address(number)),
        hello: format!("v{number}.presend.test")
            .parse()
            .expect("a name of ours"),
    }];
    // One that is set to work again is another one.
    let since = place.world.clock.now().as_millis();
    Worker {
        engine: Arc::new(connection),
        name: format!("v{number}-{since}"),
        world: place.world.clone(),
        config,
        book: Arc::clone(&place.tools.book),
        providers: Arc::clone(&place.tools.providers),
    }
}

/// The address of a machine.
fn address(number: usize) -> IpAddr {
    let [.., high, low] = u32::try_from(number + 1).unwrap_or(u32::MAX).to_be_bytes();
    Ipv4Addr::new(198, 18, high, low).into()
}

/// Nobody watches.
struct Quiet;

impl WorkerObserver for Quiet {
    fn stands(&mut self, _card: &WorkerCard) {}

    fn notice(&mut self, _words: &str) {}
}
