//! Where a run takes place: nowhere, in a simulated internet, in the real one.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::model::timestamp::Timestamp;
use crate::net::World;
use crate::net::live::{self, NoServers, Proxy, Servers};
use crate::sim::net::{Internet, WorldError};

/// Where a run takes place, for choosing a runtime before there is one.
pub enum Place {
    /// Nowhere: no host is asked.
    Offline,
    /// A simulated internet, with the name of its file.
    Simulated(Box<Internet>, String),
    /// The real one.
    Real,
}

/// Why there is no such place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The file that describes it cannot be read.
    #[error("cannot read the world {file}: {error}; check the path and its permissions")]
    Unread {
        /// The file's name.
        file: String,
        /// The system's words.
        error: io::Error,
    },
    /// The file describes none.
    #[error(transparent)]
    World(#[from] WorldError),
}

impl Place {
    /// The simulated internet that a file describes.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or describes none.
    pub fn described(file: &Path) -> Result<Place, PlaceError> {
        let name = file.display().to_string();
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let internet = Internet::from_toml(&text, &name)?;
                Ok(Place::Simulated(Box::new(internet), name))
            }
            Err(error) => Err(PlaceError::Unread { file: name, error }),
        }
    }

    /// What its clock shows when a run begins.
    #[must_use]
    pub fn beginning(&self) -> Timestamp {
        match self {
            Place::Simulated(internet, _) => internet.beginning(),
            Place::Offline | Place::Real => Timestamp::from(std::time::SystemTime::now()),
        }
    }

    /// The runtime that it needs: one with a paused clock where it is simulated.
    ///
    /// # Errors
    ///
    /// When the system has no room for one.
    pub fn runtime(&self) -> io::Result<tokio::runtime::Runtime> {
        let mut builder = match self {
            Place::Offline | Place::Simulated(..) => tokio::runtime::Builder::new_current_thread(),
            Place::Real => tokio::runtime::Builder::new_multi_thread(),
        };
        if let Place::Simulated(..) = self {
            builder.start_paused(true);
        }
        builder.enable_all().build()
    }
}

/// The world of a place where hosts are asked. Must be called inside the runtime.
///
/// # Errors
///
/// When no DNS server is known.
pub fn world_of(
    place: &Place,
    dns: &[SocketAddr],
    proxy: Option<&Proxy>,
    seed: u64,
) -> Result<World, NoServers> {
    match place {
        Place::Simulated(internet, _) => Ok(internet.world(seed)),
        Place::Offline | Place::Real => {
            let servers = if dns.is_empty() {
                Servers::System
            } else {
                Servers::Named(dns.to_vec())
            };
            live::world(&servers, proxy.cloned(), seed)
        }
    }
}
