//! Whose turn it is: lists take turns of some minutes, so that a short one need not wait for the end of a long one.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::select_all;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Wish;
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::verify::estimate::Before;
use crate::verify::report::{Report, Traffic};

/// What a list has had of its turns.
#[derive(Debug, Default)]
pub(super) struct Spent {
    /// When the first began, by the clock that the asking waits by and by the one that is shown.
    began: Option<(Instant, Timestamp)>,
    traffic: Option<Traffic>,
}

impl Spent {
    /// Begins a turn at `now`.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.began.get_or_insert_with(|| (Instant::now(), now));
    }

    /// Whether there was no turn yet.
    pub(super) fn is_nothing(&self) -> bool {
        self.began.is_none()
    }

    /// What is left of a time that counts from the first turn on.
    pub(super) fn left(&self, of: Duration) -> Duration {
        let elapsed = self
            .began
            .map_or(Duration::ZERO, |(began, _)| began.elapsed());
        of.saturating_sub(elapsed)
    }

    /// Adds what was asked in a turn that is not the last.
    pub(super) fn add(&mut self, traffic: Traffic) {
        self.traffic = Some(match self.traffic.take() {
            Some(before) => traffic.after(&before),
            None => traffic,
        });
    }

    /// What was asked in the turns before.
    pub(super) fn traffic(&self) -> Option<&Traffic> {
        self.traffic.as_ref()
    }

    /// What turns before this one have done about a sample.
    pub(super) fn before(&self) -> Option<Before> {
        let ((_, started), traffic) = (self.began?, self.traffic.as_ref()?);
        Some(Before {
            known: traffic.answered_from_ledger,
            started,
        })
    }

    /// Tells in the report of the last turn what was done in those before.
    pub(super) fn tell(&self, report: &mut Report) {
        if let Some(before) = &self.traffic {
            report.traffic = std::mem::take(&mut report.traffic).after(before);
        }
        if let Some((_, began)) = self.began {
            report.time.started = began;
            report.time.seconds = report.time.finished.since(began).as_secs_f64();
        }
    }
}

/// One that takes turns.
pub(super) trait TakesTurns {
    /// What its owner wants.
    fn wish(&self) -> &watch::Receiver<Wish>;

    /// What it has had.
    fn spent(&self) -> &Spent;

    /// Whether its owner has called it back in the middle of its work: that takes no more than a moment.
    fn is_called_back(&self) -> bool {
        *self.wish().borrow() != Wish::GoOn && !self.spent().is_nothing()
    }
}

/// Those who wait for a turn.
pub(super) struct Turns<T> {
    line: VecDeque<T>,
    /// Whether any of them waits.
    waits: watch::Sender<bool>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Turns {
            line: VecDeque::new(),
            waits: watch::Sender::new(false),
        }
    }
}

impl<T: TakesTurns> Turns<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Takes one in behind all others.
    pub(super) fn add(&mut self, one: T) {
        self.line.push_back(one);
        self.waits.send_replace(true);
    }

    /// Has one go on as soon as it can.
    pub(super) fn add_first(&mut self, one: T) {
        self.line.push_front(one);
        self.waits.send_replace(true);
    }

    /// Whose turn it is.
    pub(super) fn next(&mut self) -> Option<T> {
        let called_back = self.line.iter().position(TakesTurns::is_called_back);
        let next = self.line.remove(called_back.unwrap_or(0));
        self.waits.send_replace(!self.line.is_empty());
        next
    }

    /// Resolves when the turn that now begins is over: it has lasted and another waits, or one that waits was called
    /// back.
    pub(super) fn is_over(&self) -> Pin<Box<dyn Future<Output = ()>>> {
        let mut waits = self.waits.subscribe();
        let in_work = self.line.iter().filter(|one| !one.spent().is_nothing());
        let called_back: Vec<Pin<Box<dyn Future<Output = ()>>>> = in_work
            .map(|one| {
                let mut wish = one.wish().clone();
                let called = async move {
                    // An owner that is gone wants nothing else any more.
                    if wish.wait_for(|wish| *wish != Wish::GoOn).await.is_err() {
                        pending::<()>().await;
                    }
                };
                Box::pin(called) as Pin<Box<dyn Future<Output = ()>>>
            })
            .collect();
        Box::pin(async move {
            let lasted = async {
                tokio::time::sleep(limits::SERVED_TURN).await;
                if waits.wait_for(|waits| *waits).await.is_err() {
                    pending::<()>().await;
                }
            };
            let called = async {
                if called_back.is_empty() {
                    pending::<()>().await;
                } else {
                    drop(select_all(called_back).await);
                }
            };
            tokio::select! {
                () = lasted => {}
                () = called => {}
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str, watch::Receiver<Wish>, Spent);

    impl TakesTurns for One {
        fn wish(&self) -> &watch::Receiver<Wish> {
            &self.1
        }

        fn spent(&self) -> &Spent {
            &self.2
        }
    }

    fn one(name: &'static str) -> (One, watch::Sender<Wish>) {
        let (sender, wish) = watch::channel(Wish::GoOn);
        (One(name, wish, Spent::default()), sender)
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_lasts_its_time_and_until_another_list_waits() {
        let mut turns = Turns::default();
        let (long, _long) = one("long");
        turns.add(long);
        let began = Instant::now();
        assert_eq!(turns.next().map(|one| one.0), Some("long"));
        let over = turns.is_over();
        tokio::pin!(over);
        let hour = Duration::from_secs(3_600);
        assert!(
            tokio::time::timeout(hour, &mut over).await.is_err(),
            "nobody waits"
        );
        let (short, _short) = one("short");
        turns.add(short);
        over.await;
        assert_eq!(began.elapsed(), hour);
        let began = Instant::now();
        turns.is_over().await;
        assert_eq!(began.elapsed(), limits::SERVED_TURN);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_called_back_in_the_middle_of_its_work_comes_first() {
        let mut turns = Turns::default();
        let (mut begun, wish) = one("begun");
        begun.2.begin(Timestamp::default());
        let (fresh, of_fresh) = one("fresh");
        turns.add(fresh);
        turns.add(begun);
        let over = turns.is_over();
        let began = Instant::now();
        // One that has not begun may wait: nothing is to be done for it.
        of_fresh.send_replace(Wish::Stop);
        wish.send_replace(Wish::Stop);
        over.await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(turns.next().map(|one| one.0), Some("begun"));
        assert_eq!(turns.next().map(|one| one.0), Some("fresh"));
    }

    #[tokio::test(start_paused = true)]
    async fn times_count_from_the_first_turn_on() {
        let mut spent = Spent::default();
        let minute = Duration::from_secs(60);
        assert_eq!(spent.left(minute), minute);
        spent.begin(Timestamp::from_millis(5));
        tokio::time::advance(minute / 4).await;
        spent.begin(Timestamp::from_millis(99));
        assert_eq!(spent.left(minute), minute * 3 / 4);
        tokio::time::advance(minute).await;
        assert_eq!(spent.left(minute), Duration::ZERO);
    }
}
