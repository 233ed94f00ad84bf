//! Work done on threads of its own, ahead of its consumer: results come in the order of what was worked on.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder, Scope};

use crate::model::limits;

/// Whether more may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    More,
    Nothing,
}

/// Where threads are started.
pub(super) trait Threads<'a> {
    /// Starts `work` on a thread of that name.
    fn start(&self, name: &str, work: impl FnOnce() + Send + 'a);
}

/// Starts threads that are never joined: they end once their results have no receiver.
pub(super) struct Detached;

/// Why a thread that cannot be started ends the program.
const ROOM: &str = "the system has room for one more thread";

impl Threads<'static> for Detached {
    fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) {
        let thread = Builder::new().name(name.to_owned());
        thread.spawn(work).expect(ROOM);
    }
}

impl<'scope> Threads<'scope> for &'scope Scope<'scope, '_> {
    fn start(&self, name: &str, work: impl FnOnce() + Send + 'scope) {
        let thread = Builder::new().name(name.to_owned());
        thread.spawn_scoped(self, work).expect(ROOM);
    }
}

/// How many workers are worth their thread here.
pub(super) fn workers() -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    processors.min(limits::AHEAD_WORKERS)
}

/// What the workers have done, in the order in which it was read.
pub(super) struct Lanes<T> {
    lanes: Vec<Receiver<(T, Follows)>>,
    /// The lane whose turn it is; `None` behind the last result.
    turn: Option<usize>,
}

/// Reads on one thread, works on what was read on one thread for each of `workers`, in turns. Each lane holds at most
/// [`limits::AHEAD_BATCHES`] things before its worker and as many behind.
pub(super) fn lanes<'a, R, T, W>(
    threads: &impl Threads<'a>,
    mut read: impl FnMut() -> (R, Follows) + Send + 'a,
    workers: Vec<W>,
) -> Lanes<T>
where
    R: Send + 'a,
    T: Send + 'a,
    W: FnMut(R) -> T + Send + 'a,
{
    let mut inputs: Vec<SyncSender<(R, Follows)>> = Vec::new();
    let mut lanes = Vec::new();
    for mut work in workers {
        let (input, taken) = sync_channel(limits::AHEAD_BATCHES);
        let (done, lane) = sync_channel(limits::AHEAD_BATCHES);
        threads.start("looking up", move || {
            for (item, follows) in taken {
                if done.send((work(item), follows)).is_err() {
                    return;
                }
            }
        });
        inputs.push(input);
        lanes.push(lane);
    }
    threads.start("reading ahead", move || {
        for input in inputs.iter().cycle() {
            let (item, follows) = read();
            if input.send((item, follows)).is_err() || follows == Follows::Nothing {
                return;
            }
        }
    });
    Lanes {
        lanes,
        turn: Some(0),
    }
}

impl<T> Lanes<T> {
    /// The next result; `None` behind the last one.
    ///
    /// # Panics
    ///
    /// When a thread panicked: what it held would be missing silently.
    pub(super) fn next(&mut self) -> Option<T> {
        let turn = self.turn?;
        let (item, follows) = self.lanes[turn]
            .recv()
            .expect("a thread that reads ahead ends behind its last result");
        self.turn = match follows {
            Follows::More => Some((turn + 1) % self.lanes.len()),
            Follows::Nothing => None,
        };
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers below `end`, each read once.
    fn numbers(end: u64) -> impl FnMut() -> (u64, Follows) + Send {
        let mut next = 0;
        move || {
            let number = next;
            next += 1;
            let follows = if next < end {
                Follows::More
            } else {
                Follows::Nothing
            };
            (number, follows)
        }
    }

    #[test]
    fn results_come_in_order_however_long_each_takes() {
        let worker = |number: u64| {
            if number.is_multiple_of(3) {
                thread::yield_now();
            }
            number * number
        };
        for workers in 1..=3 {
            let mut lanes = lanes(&Detached, numbers(100), vec![worker; workers]);
            let results: Vec<u64> = std::iter::from_fn(|| lanes.next()).collect();
            assert!(results.iter().copied().eq((0..100).map(|n| n * n)));
            assert_eq!(lanes.next(), None);
        }
    }

    #[test]
    #[should_panic(expected = "reads ahead")]
    fn a_worker_that_fails_leaves_no_silent_gap() {
        let worker = |number: u64| {
            assert_ne!(number, 7);
            number
        };
        let mut lanes = lanes(&Detached, numbers(100), vec![worker; 2]);
        while lanes.next().is_some() {}
    }

    #[test]
    fn a_caller_that_stops_taking_stops_the_threads() {
        let mut lanes = lanes(&Detached, numbers(u64::MAX), vec![|number: u64| number; 2]);
        assert_eq!(lanes.next(), Some(0));
        let inner = lanes.lanes.pop().expect("two lanes");
        drop(lanes);
        // The threads have gone once the lane that is left runs dry: what it holds before and behind its worker, what
        // the worker has in hand, what the reader was about to hand over.
        assert!(inner.iter().count() <= 2 * limits::AHEAD_BATCHES + 2);
    }
}
