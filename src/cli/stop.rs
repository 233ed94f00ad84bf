//! Ctrl-C and SIGTERM: answered at once, whatever the run is at. The first ends it in good order, the second writes the
//! lists with what is known, the third ends the program.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Exit;
use super::log::TARGET;
use crate::model::limits;
use crate::model::text::counted;
use crate::probe::run::{Ending, Stop};

/// What a run is at, for the thread that answers signals.
#[derive(Debug, Default)]
pub(super) struct Doing(AtomicUsize);

/// What a run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// It asks, in so many conversations.
    Asking(usize),
    /// It writes the lists.
    Listing,
}

impl Doing {
    const LISTING: usize = usize::MAX;

    /// It asks, in so many conversations.
    pub(super) fn is_asking(&self, conversations: usize) {
        self.0.store(conversations, Ordering::Relaxed);
    }

    /// It writes the lists.
    pub(super) fn is_listing(&self) {
        self.0.store(Self::LISTING, Ordering::Relaxed);
    }

    fn now(&self) -> Activity {
        match self.0.load(Ordering::Relaxed) {
            Self::LISTING => Activity::Listing,
            conversations => Activity::Asking(conversations),
        }
    }
}

/// The signal that ends the program.
const LAST: usize = 3;

/// How long an answer waits for the run to say what it is at, now that it is to end. Our choice: too short to be
/// noticed.
const COUNTING: Duration = Duration::from_millis(100);

/// What is said to the signal of that number, from 1, in a run that is at `activity`.
fn answer(number: usize, activity: Activity) -> String {
    match (number, activity) {
        (1, Activity::Asking(0)) => "ending; again to write what is known now".to_owned(),
        (1, Activity::Asking(conversations)) => format!(
            "finishing {}, up to {} s; again to write what is known now",
            counted(conversations as u64, "conversation", "conversations"),
            limits::STOPPING_WAIT.as_secs()
        ),
        (1, Activity::Listing) => {
            "the lists are being written; twice more to end without them".to_owned()
        }
        (_, Activity::Asking(_)) => {
            "writing what is known now; once more to end without lists".to_owned()
        }
        (_, Activity::Listing) => {
            "the lists are being written; once more to end without them".to_owned()
        }
    }
}

/// When a run is to end early: by signals, or when `deadline` is over.
pub(super) fn stop(deadline: Option<Duration>, doing: Arc<Doing>) -> Stop<'static> {
    let signals = listen(doing);
    let (mut first, mut next) = (signals.clone(), signals);
    let by_deadline = std::rc::Rc::new(Cell::new(false));
    let was_over = std::rc::Rc::clone(&by_deadline);
    let over = async move {
        match deadline {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    let early = async move {
        tokio::select! {
            biased;
            () = count_reaches(&mut first, 1) => Ending::Interrupted,
            () = over => {
                by_deadline.set(true);
                Ending::Deadline
            }
        }
    };
    let at_once = async move {
        // Of a run that ends by itself the first signal is the second order.
        let signals = if was_over.get() { 1 } else { 2 };
        count_reaches(&mut next, signals).await;
    };
    Stop::new(early, at_once)
}

/// Waits until so many signals have come.
async fn count_reaches(signals: &mut watch::Receiver<usize>, count: usize) {
    if signals.wait_for(|come| *come >= count).await.is_err() {
        // Signals cannot be had.
        std::future::pending::<()>().await;
    }
}

/// Counts signals on a thread of its own, which answers each at once and ends the program at the third: the run may be
/// busy.
fn listen(doing: Arc<Doing>) -> watch::Receiver<usize> {
    let (sender, receiver) = watch::channel(0);
    let work = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        else {
            return;
        };
        runtime.block_on(async {
            let (Ok(mut interrupt), Ok(mut terminate)) = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
            ) else {
                return;
            };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                let number = *sender.borrow() + 1;
                if number >= LAST {
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
                sender.send_replace(number);
                let doing = Arc::clone(&doing);
                tokio::spawn(async move {
                    tokio::time::sleep(COUNTING).await;
                    tracing::info!(target: TARGET, "{}", answer(number, doing.now()));
                });
            }
        });
    };
    // Without it signals do what they do to any program.
    let _ = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(work);
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_has_its_answer() {
        let doing = Doing::default();
        doing.is_asking(12);
        assert_eq!(
            answer(1, doing.now()),
            "finishing 12 conversations, up to 6 s; again to write what is known now"
        );
        assert!(answer(2, doing.now()).starts_with("writing what is known now"));
        doing.is_asking(1);
        assert!(answer(1, doing.now()).starts_with("finishing 1 conversation,"));
        doing.is_listing();
        assert!(answer(1, doing.now()).contains("being written"));
        assert!(answer(2, doing.now()).contains("being written"));
    }
}
