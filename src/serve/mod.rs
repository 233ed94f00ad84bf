//! The page and the interface for people and programs without a shell.
//!
//! `listen` takes connections, `guard` looks at who comes, `http` says what is asked and answered, `lists` is the life of
//! a list, `view` what is told of it, `files` what can be had of it, `store` its place on disk, `webhook` tells its
//! owner. Who asks is the [`Desk`], by which one scheduler holds every host's limits.

mod bounces;
mod choices;
mod dropin;
mod files;
mod guard;
mod http;
mod listen;
mod lists;
mod metrics;
mod outward;
mod pace;
mod page;
mod preview;
mod problem;
mod rows;
mod store;
mod token;
mod view;
mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::model::limits;
use crate::net::route::Reach;
use crate::verifier::Error;
use crate::verifier::desk::{Desk, Terms};

use guard::{Guard, Sessions};
use http::{App, Inner, OpenChecks};
use lists::Lists;
use metrics::Requests;
use pace::Pace;
use store::{Store, StoreError};
use webhook::Teller;

pub use guard::Network;
pub use token::{Scope, TokenFile};

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
    /// Most rows that a list may have.
    pub most_rows: u64,
    /// How many requests a second one client may make.
    pub requests: u32,
    /// Who may ask for what; `None` where every client that can connect may ask for everything.
    pub tokens: Option<Arc<TokenFile>>,
    /// Names of this server, beside `localhost` and addresses.
    pub names: Vec<String>,
    /// Proxies that are believed what they say of their clients.
    pub proxies: Vec<Network>,
    /// Below which path everything is: empty, or such as `/presend`.
    pub base: String,
    /// Where webhooks may lead.
    pub webhooks: Reach,
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
    /// Any client could ask for anything.
    #[error(
        "{address} can be reached from elsewhere, so whoever asks there needs a token\n  \
         name a file of them with --token-file FILE: where there is none, one is made and shown once"
    )]
    NeedsTokens {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// Nobody can be listened to there.
    #[error("cannot listen on {address}: {error}; name another address with --listen")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The system's words.
        error: std::io::Error,
    },
    /// Those whom the server has suppressed cannot be read.
    #[error(
        "the suppression list of the server cannot be read: {words}; look at suppressed.csv in its folder"
    )]
    Suppression {
        /// What is wrong.
        words: String,
    },
    /// The system has no room for it.
    #[error(
        "the system has no room for a server: {0}; end other programs, or raise the limits of this one (ulimit -a)"
    )]
    Runtime(#[from] std::io::Error),
}

/// Runs a server until what `over` gives resolves; it is called before anything else, so that who hears where the server
/// listens may end it at once. `ready` is told where that is.
///
/// # Errors
///
/// [`ServeError`] when it cannot begin.
pub fn run<O: Future<Output = ()>>(
    settings: &Settings,
    terms: Terms,
    ready: impl FnOnce(SocketAddr),
    over: impl FnOnce() -> O,
) -> Result<(), ServeError> {
    if settings.tokens.is_none() && !settings.listen.ip().is_loopback() {
        return Err(ServeError::NeedsTokens {
            address: settings.listen,
        });
    }
    let tools = terms.tools.clone();
    let store = Store::open(&settings.folder)?;
    let teller = Teller::new(&settings.folder, settings.webhooks)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let over = over();
        let address = settings.listen;
        let failed = |error| ServeError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let here = listener.local_addr().map_err(failed)?;
        let desk = Desk::open(terms)?;
        let asking = desk.clone();
        let (told, done) = mpsc::unbounded_channel();
        let lists = Lists::take_up(
            store,
            desk.clone(),
            lists::Terms {
                keep: settings.keep,
                most_rows: settings.most_rows,
                webhooks: settings.webhooks,
                told,
            },
        )?;
        let telling = tokio::spawn(teller.tell_all(lists.clone(), done));
        let app = App::new(Inner {
            lists: lists.clone(),
            desk,
            current: RwLock::new(tools.clone()),
            tools,
            guard: Arc::new(Guard {
                names: settings.names.clone(),
                proxies: settings.proxies.clone(),
                tokens: settings.tokens.clone(),
                base: settings.base.clone(),
                pace: Pace::new(settings.requests),
                sessions: Sessions::default(),
                requests: Requests::default(),
            }),
            most_bytes: settings.most_bytes,
            most_lists: settings.most_lists,
            check_time: settings.check_time,
            uploads: Semaphore::new(limits::SERVED_UPLOADS),
            checks: Semaphore::new(limits::SERVED_WAITING_CHECKS),
            previews: Semaphore::new(limits::SERVED_PREVIEWS),
            open_checks: OpenChecks::default(),
            preflights: Semaphore::new(limits::SERVED_PREFLIGHTS),
        });
        app.read_suppression()
            .map_err(|problem| ServeError::Suppression {
                words: problem.detail().to_owned(),
            })?;
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
        over.await;
        sweep.abort();
        telling.abort();
        lists.end();
        asking.end().await;
        end.send_replace(true);
        let _ = served.await;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_error_says_what_to_change() {
        let address = SocketAddr::from(([0, 0, 0, 0], 8025));
        let error = || std::io::Error::from(std::io::ErrorKind::AddrInUse);
        let store = StoreError::Folder {
            path: "kept".into(),
            error: std::io::ErrorKind::PermissionDenied.into(),
        };
        let texts = error_texts!(ServeError {
            Store(store),
            Verifier(Error::broken_off()),
            NeedsTokens { address: address },
            Listen { address: address, error: error() },
            Suppression { words: "suppressed.csv:2: `no body` is neither an address nor a domain".to_owned() },
            Runtime(std::io::ErrorKind::OutOfMemory.into()),
        });
        insta::assert_snapshot!(texts, @r"
        cannot keep lists in kept: permission denied; name another folder with --folder
        the run broke off by a fault of presend; what was learned until then is kept
        0.0.0.0:8025 can be reached from elsewhere, so whoever asks there needs a token
          name a file of them with --token-file FILE: where there is none, one is made and shown once
        cannot listen on 0.0.0.0:8025: address in use; name another address with --listen
        the suppression list of the server cannot be read: suppressed.csv:2: `no body` is neither an address nor a domain; look at suppressed.csv in its folder
        the system has no room for a server: out of memory; end other programs, or raise the limits of this one (ulimit -a)
        ");
    }
}
