//! The page and the interface for people and programs without a shell.
//!
//! `listen` takes connections, `http` says what is asked and answered, `lists` is the life of a list, `store` its place
//! on disk. Who asks is the [`Desk`](crate::verifier::desk::Desk), by which one scheduler holds every host's limits.

mod http;
mod listen;
mod lists;
mod page;
mod preview;
mod problem;
mod store;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::model::limits;
use crate::verifier::Error;
use crate::verifier::desk::{Desk, Terms};

use http::{App, Inner};
use lists::Lists;
use store::{Store, StoreError};

/// How a server is set up.
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where lists are kept.
    pub folder: PathBuf,
    /// How long a list is kept once it is done; for ever where nothing is said.
    pub keep: Option<Duration>,
    /// The largest list that is taken, in bytes.
    pub most_bytes: u64,
    /// Most lists that are kept at a time.
    pub most_lists: usize,
    /// How long a check may take.
    pub check_time: Duration,
}

/// Why a server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Lists cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody can be asked.
    #[error(transparent)]
    Verifier(#[from] Error),
    /// Nobody can be listened to there.
    #[error("cannot listen on {address}: {error}; name another address with --listen")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The system's words.
        error: std::io::Error,
    },
    /// The system has no room for it.
    #[error("the system has no room for a server: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Runs a server until `over` resolves. `ready` is told where it listens.
///
/// # Errors
///
/// [`ServeError`] when it cannot begin.
pub fn run(
    settings: &Settings,
    terms: Terms,
    ready: impl FnOnce(SocketAddr),
    over: impl AsyncFnOnce(),
) -> Result<(), ServeError> {
    let tools = terms.tools.clone();
    let store = Store::open(&settings.folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let address = settings.listen;
        let failed = |error| ServeError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let here = listener.local_addr().map_err(failed)?;
        let desk = Desk::open(terms)?;
        let (told, _of_lists) = mpsc::unbounded_channel();
        let lists = Lists::take_up(store, desk.clone(), settings.keep, told)?;
        let app = App::new(Inner {
            lists: lists.clone(),
            desk,
            tools,
            most_bytes: settings.most_bytes,
            most_lists: settings.most_lists,
            check_time: settings.check_time,
        });
        let (end, ending) = watch::channel(false);
        let served = tokio::spawn(listen::serve(listener, http::routes(app), ending));
        let sweeping = lists.clone();
        let sweep = tokio::spawn(async move {
            loop {
                sweeping.sweep().await;
                tokio::time::sleep(limits::SERVED_SWEEP).await;
            }
        });
        ready(here);
        over().await;
        sweep.abort();
        lists.end().await;
        end.send_replace(true);
        let _ = served.await;
        Ok(())
    })
}
