//! The simulated network: from an address to the host behind it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::habits::Door;
use super::host::{Host, Memory};
use super::server::Visit;
use super::server_log::{ServerLog, Stay, locked};
use crate::model::seeded::SeededRng;
use crate::net::{Clock, Connector, Later, Stream};

/// How much may be on its way in one direction, in bytes: a common socket buffer.
const PIPE_BYTES: usize = 64 << 10;

/// How long Linux tries to connect before it gives up, with its default of six retransmissions.
const CONNECT_PATIENCE: Duration = Duration::from_secs(127);

/// How long it takes a router to say that there is no such host.
const NO_ROUTE: Duration = Duration::from_secs(3);

/// All hosts, ready to be visited.
pub(super) struct Network {
    pub(super) hosts: Vec<Station>,
    pub(super) by_address: Arc<HashMap<IpAddr, usize>>,
    pub(super) log: Arc<ServerLog>,
    pub(super) clock: Clock,
    pub(super) seed: u64,
    /// The address of clients that name no source address.
    pub(super) client: IpAddr,
    /// Whether the clients' machines have a way to IPv6 addresses.
    pub(super) ipv6: bool,
    pub(super) visits: Mutex<JoinSet<()>>,
}

/// A host with what it remembers.
pub(super) struct Station {
    pub(super) host: Arc<Host>,
    pub(super) memory: Arc<Mutex<Memory>>,
}

impl Connector for Network {
    fn connect<'a>(
        &'a self,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> Later<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let Some(number) = self.by_address.get(&to.ip()).copied() else {
                self.log.stray(to.ip());
                sleep(NO_ROUTE).await;
                return Err(io::ErrorKind::HostUnreachable.into());
            };
            self.visit(number, to.ip(), from.unwrap_or(self.client))
                .await
        })
    }

    fn reaches_ipv6(&self, _from: Option<IpAddr>) -> bool {
        self.ipv6
    }
}

impl Network {
    async fn visit(
        &self,
        number: usize,
        to: IpAddr,
        client: IpAddr,
    ) -> io::Result<Box<dyn Stream>> {
        let host = &self.hosts[number].host;
        let attempt = {
            let mut seen = self.log.at(number);
            seen.attempts += 1;
            seen.attempts
        };
        if to.is_ipv6() && !self.ipv6 {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        let mut chance = SeededRng::of(self.seed, (&host.name, attempt));
        while chance.happens(host.way.loss) {
            sleep(Duration::from_secs(1)).await;
        }
        sleep(chance.around(host.way.round_trip, host.way.jitter)).await;
        match host.habits.door {
            Door::Open => Ok(self.enter(number, client, chance)),
            Door::Closed => Err(io::ErrorKind::ConnectionRefused.into()),
            Door::Silent => {
                sleep(CONNECT_PATIENCE).await;
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    fn enter(&self, number: usize, client: IpAddr, chance: SeededRng) -> Box<dyn Stream> {
        let station = &self.hosts[number];
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let (connection, open) = {
            let mut seen = self.log.at(number);
            seen.connections += 1;
            seen.open += 1;
            seen.open_at_most = seen.open_at_most.max(seen.open);
            let stays = seen.stays.iter();
            let of_it = stays.filter(|stay| stay.client == client && stay.until.is_none());
            let open = 1 + u32::try_from(of_it.count()).unwrap_or(u32::MAX);
            seen.sources.insert(client);
            seen.stays.push(Stay {
                client,
                from: self.clock.now(),
                until: None,
            });
            (seen.connections, open)
        };
        let visit = Visit {
            host: Arc::clone(&station.host),
            number,
            memory: Arc::clone(&station.memory),
            log: Arc::clone(&self.log),
            clock: self.clock,
            chance,
            client,
            connection,
            open,
            held: None,
        };
        let mut visits = locked(&self.visits);
        while let Some(ended) = visits.try_join_next() {
            pass_on_panic(ended);
        }
        visits.spawn(visit.serve(Box::new(theirs)));
        Box::new(ours)
    }

    /// Waits until every visit has ended.
    pub(super) async fn settle(&self) {
        let mut visits = std::mem::take(&mut *locked(&self.visits));
        while let Some(ended) = visits.join_next().await {
            pass_on_panic(ended);
        }
    }
}

/// A broken host must end the run loudly, not look like one that hangs up.
fn pass_on_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
