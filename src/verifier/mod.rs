//! The library's face: a verifier that is asked about addresses and lists.

mod asker;
mod builder;
#[cfg(feature = "serve")]
pub mod desk;
mod error;
mod explain;
mod list;
pub mod own;
pub mod place;
mod preflight;
mod run;
pub mod setup;
mod work;

use tokio::sync::{mpsc, oneshot, watch};

use crate::model::limits;

use work::Job;

pub use builder::Builder;
pub use error::{Error, ErrorKind};
pub use explain::{Explanation, Meaning, explain};
pub use list::List;
pub use preflight::{Preflight, Sender};
pub use run::{Checked, Event, Progress, Run};

/// Asks mail hosts which addresses would bounce, and never sends a message.
///
/// It asks as the program does: one host is one host whatever its domains, inside the same limits, and what it learned
/// it does not ask again. It works on a thread of its own and under any executor. What it is asked for is done one
/// thing after the other, so that the limits hold for all of it; a clone is another handle to the same verifier.
///
/// ```
/// use presend::{Event, List, Standing, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), presend::Error> {
/// // Without a `world` it asks the real mail hosts of these addresses.
/// let verifier = Verifier::builder()
///     .mail_from("verify@your-domain.example")
///     .world("sample_lists/world.toml")
///     .build()?;
///
/// // One address.
/// let anna = verifier.check("a.albrecht@nordlicht.test").await?;
/// assert_eq!(anna.verdict.standing, Standing::Deliverable);
///
/// // A list, with progress.
/// let list = List::file("sample_lists/leads.csv")?;
/// let mut run = verifier.verify(list);
/// let mut deliverable = 0;
/// while let Some(event) = run.next().await {
///     match event? {
///         Event::Progress(so_far) => eprintln!("{} settled", so_far.settled),
///         Event::Row(row) if row.verdict.standing == Standing::Deliverable => deliverable += 1,
///         _ => {}
///     }
/// }
/// assert!(deliverable > 100);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Verifier {
    /// A verifier to be set up: it is as careful as the program without options.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Finds out about one address: any text that a cell of a list may hold. A text without an address is `bad_syntax`
    /// or `no_address`, no error. It may take as long as the host wants us to wait; dropping the future ends the
    /// asking.
    ///
    /// # Errors
    ///
    /// When no host can be asked from here, or the ledger cannot be used.
    pub async fn check(&self, address: &str) -> Result<Checked, Error> {
        let mut run = self.verify(List::of([address]));
        let mut checked = None;
        while let Some(event) = run.next().await {
            match event? {
                Event::Row(row) => checked = Some(*row),
                Event::Progress(_) | Event::Ended(_) => {}
            }
        }
        checked.ok_or_else(Error::broken_off)
    }

    /// Begins to verify a list. What becomes of it is told by the [`Run`].
    #[must_use]
    pub fn verify(&self, list: List) -> Run {
        let (progress, of_progress) = watch::channel(Progress::default());
        let (rows, of_rows) = mpsc::channel(limits::EVENTS_AHEAD);
        // Where the thread is gone the run says so.
        let _ = self.jobs.send(Job::Verify {
            list,
            progress,
            rows,
        });
        Run {
            progress: of_progress,
            rows: of_rows,
            is_over: false,
        }
    }

    /// Looks whether a domain is fit to send: SPF, DKIM, DMARC, its mail hosts.
    ///
    /// # Errors
    ///
    /// When no DNS server is known.
    pub async fn preflight(&self, domain: &str) -> Result<Preflight, Error> {
        let (answer, answered) = oneshot::channel();
        let _ = self.jobs.send(Job::Preflight {
            sender: Sender {
                domain: domain.to_owned(),
                ..Sender::default()
            },
            answer,
        });
        answered.await.unwrap_or_else(|_| Err(Error::broken_off()))
    }
}
