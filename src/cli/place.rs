//! Where a run takes place: nowhere, in a simulated internet, in the real one.

use std::net::SocketAddr;
use std::path::Path;

use super::usage;
use crate::net::World;
use crate::net::live::{self, Proxy, Servers};
use crate::sim::net::Internet;

/// Where a run takes place, for choosing a runtime before there is one.
pub(super) enum Place {
    /// Nowhere: no host is asked.
    Offline,
    /// A simulated internet.
    Simulated(Box<Internet>, String),
    /// The real one.
    Real,
}

/// The place that `--world` names, or the real one.
pub(super) fn place_of(world: Option<&Path>) -> anyhow::Result<Place> {
    let Some(path) = world else {
        return Ok(Place::Real);
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("cannot read the world {name}: {error}")))?;
    let internet = Internet::from_toml(&text, &name)?;
    Ok(Place::Simulated(Box::new(internet), name))
}

/// The world of a place where hosts are asked. Must be called inside the runtime.
pub(super) fn world_of(
    place: &Place,
    dns: &[SocketAddr],
    proxy: Option<&Proxy>,
    seed: u64,
) -> anyhow::Result<World> {
    match place {
        Place::Simulated(internet, _) => Ok(internet.world(seed)),
        Place::Offline | Place::Real => {
            let servers = match dns.is_empty() {
                true => Servers::System,
                false => Servers::Named(dns.to_vec()),
            };
            Ok(live::world(&servers, proxy.cloned(), seed)?)
        }
    }
}

/// Runs `work` on the runtime that a place needs: a paused clock for a simulated one.
pub(super) fn block_on<T>(place: &Place, work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = match place {
        Place::Offline => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
        Place::Simulated(..) => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()?,
        Place::Real => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?,
    };
    Ok(runtime.block_on(work))
}
