//! May this host be asked now, and if not, when?
//!
//! Rate, connections, back-off and breaker belong to a host key, so one host is one host however many domains it
//! serves. All of it is arithmetic on moments that the caller names.

mod growth;
mod limiter;
mod replies;
mod rest;

use std::time::Duration;

use growth::Growth;
pub use limiter::{Limiter, Rate};
pub use replies::Replies;
pub use rest::Rest;
use serde::{Deserialize, Serialize};

use crate::model::limits;
use crate::model::timestamp::Timestamp;

/// The ceilings for one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceilings {
    /// Recipients a second.
    pub rate: Rate,
    /// Connections at once.
    pub connections: u32,
}

impl Ceilings {
    /// None at all.
    const NONE: Ceilings = Ceilings {
        rate: Rate::UNLIMITED,
        connections: u32::MAX,
    };

    /// The lower of two, each for itself; one connection is always allowed.
    fn min(self, other: Ceilings) -> Ceilings {
        Ceilings {
            rate: self.rate.min(other.rate),
            connections: self.connections.min(other.connections).max(1),
        }
    }
}

/// Whether a host may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// A connection may be opened now.
    Open,
    /// When one of the present connections has ended.
    Full,
    /// Not before this moment.
    Closed(Timestamp),
}

/// What a connection that is being opened holds of the right to ask about its first recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// All of it: another connection cannot take it meanwhile.
    Drawn,
    /// What the whole run may ask; the host's own limit gives enough for all.
    Plenty,
}

/// What shows that a machine wants to be asked less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// It says so.
    Words,
    /// It cut connections.
    Cut,
}

/// A host's pace as a ledger can keep it: plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPace {
    /// Recipients a second.
    pub rate: Rate,
    /// Connections at once.
    pub connections: u32,
    /// Not to be asked before this.
    pub not_before: Timestamp,
    /// Where it wanted us slower, what that has shown of its own pace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_fast: Option<TooFast>,
}

/// What complaints of speed have shown of a host's own pace: it lies below a speed at which it complained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooFast {
    /// The lowest speed at which it complained.
    pub at: Rate,
    /// When it did so last.
    pub since: Timestamp,
}

/// The pace at one host: grows while all goes well, yields when told to slow down, stops when told to go away.
///
/// A host that complains of speed is held just under its own pace: that lies between the fastest speed that it bore and
/// the slowest at which it complained, and each step halves what is between them.
#[derive(Debug)]
pub struct Pace {
    ceilings: Ceilings,
    /// The ceilings that the host itself has shown.
    shown: Ceilings,
    /// The rate that it began with at most.
    first: Rate,
    limiter: Limiter,
    connections_allowed: u32,
    connections_open: u32,
    well: u32,
    not_before: Timestamp,
    /// When the host last asked for less, with how many it has answered since.
    told: Option<(Timestamp, u32)>,
    /// The best pace measured between two complaints.
    measured: Option<Rate>,
    /// The pace that the host has taught, once that is in force.
    taught: Option<Rate>,
    /// The speed that it bore for a while since it last complained of one that it had borne.
    borne: Option<Rate>,
    too_fast: Option<TooFast>,
    /// How it may come to be asked faster.
    growth: Option<Box<Growth>>,
    /// How many it has answered of late.
    lately: Lately,
    replies: Replies,
}

impl Pace {
    /// A pace that begins with one connection and the full rate.
    #[must_use]
    pub fn new(ceilings: Ceilings) -> Self {
        Pace {
            ceilings,
            shown: Ceilings::NONE,
            first: ceilings.rate,
            limiter: Limiter::new(ceilings.rate),
            connections_allowed: 1,
            connections_open: 0,
            well: 0,
            not_before: Timestamp::default(),
            told: None,
            measured: None,
            taught: None,
            borne: None,
            too_fast: None,
            growth: None,
            lately: Lately::default(),
            replies: Replies::default(),
        }
    }

    /// The same at a host that may be asked faster in time, as fast as `most`, while it answers quickly and does not
    /// complain.
    #[must_use]
    pub fn growing_to(mut self, most: Rate) -> Self {
        let is_faster = self.ceilings.rate.is_below(most);
        self.growth = is_faster.then(|| Box::new(Growth::up_to(most)));
        self
    }

    /// Keeps to a part of the ceilings, for others ask the host too: `own` are those that it would have alone, and
    /// `most` is how fast it may come to be asked then.
    pub fn confine(&mut self, part: Ceilings, own: Ceilings, most: Rate) {
        let before = self.ceilings;
        self.ceilings = own.min(part).min(self.shown);
        let rate = self.limiter.rate();
        let is_at_its_best = rate == before.rate;
        if self.ceilings.rate.is_below(rate) || is_at_its_best {
            self.limiter.set_rate(self.ceilings.rate);
        }
        self.connections_allowed = self.connections_allowed.min(self.ceilings.connections);
        let most = most.min(part.rate);
        let grows = self.growth.is_some() && self.ceilings.rate.is_below(most);
        self.growth = grows.then(|| Box::new(Growth::up_to(most)));
    }

    /// The pace as plain data.
    #[must_use]
    pub fn known(&self) -> KnownPace {
        KnownPace {
            rate: self.limiter.rate(),
            connections: self.connections_allowed,
            not_before: self.not_before,
            too_fast: self.too_fast,
        }
    }

    /// Takes up the pace that an earlier run ended with, under this run's ceilings. What it complained of long before
    /// `now` is tried again.
    pub fn resume(&mut self, known: &KnownPace, now: Timestamp) {
        let of_late = |too_fast: &TooFast| now.since(too_fast.since) < limits::CONDUCT_MEMORY;
        self.too_fast = known.too_fast.filter(of_late);
        self.connections_allowed = known.connections.clamp(1, self.ceilings.connections);
        self.not_before = self.not_before.max(known.not_before);
        let rate = known.rate.min(self.ceilings.rate);
        if rate != self.limiter.rate() {
            self.limiter.set_rate(rate);
        }
    }

    /// Whether a connection may be opened now.
    #[must_use]
    pub fn gate(&self, now: Timestamp) -> Gate {
        if now < self.not_before {
            Gate::Closed(self.not_before)
        } else if self.connections_open >= self.connections_allowed {
            Gate::Full
        } else {
            Gate::Open
        }
    }

    /// Notes that the host takes no more than `connections` at once. Returns the ceiling that follows.
    pub fn note_crowded_by(&mut self, connections: u32) -> u32 {
        self.shows(Ceilings {
            connections,
            ..Ceilings::NONE
        });
        self.ceilings.connections
    }

    /// Notes ceilings that the host has shown: they hold whatever else changes.
    fn shows(&mut self, ceilings: Ceilings) {
        self.shown = self.shown.min(ceilings);
        self.ceilings = self.ceilings.min(ceilings);
        self.connections_allowed = self.connections_allowed.min(self.ceilings.connections);
    }

    /// Notes that a connection is being opened.
    pub fn connecting(&mut self) {
        self.connections_open += 1;
    }

    /// Notes that a connection has ended.
    pub fn disconnected(&mut self) {
        self.connections_open = self.connections_open.saturating_sub(1);
    }

    /// Takes the right to ask about one recipient, or says from when on there is one.
    ///
    /// # Errors
    ///
    /// The moment at which to try again.
    pub fn draw(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if now < self.not_before {
            return Err(self.not_before);
        }
        self.limiter.draw(now)
    }

    /// Takes the right to ask about the first recipient of a connection that is about to be opened, where it is scarce:
    /// at less than one a second it may be gone by the time that the connection stands.
    ///
    /// # Errors
    ///
    /// The moment at which to try again.
    pub fn draw_ahead(&mut self, now: Timestamp) -> Result<Ahead, Timestamp> {
        match self.recipients_per_second() {
            Some(rate) if rate < 1.0 => self.draw(now).map(|()| Ahead::Drawn),
            Some(_) | None => Ok(Ahead::Plenty),
        }
    }

    /// Notes that a recipient was answered as it should be: enough of them earn another connection and some speed.
    pub fn went_well(&mut self, now: Timestamp) {
        self.well += 1;
        self.lately.answered(now);
        if let Some((_, answered)) = &mut self.told {
            *answered += 1;
        }
        let enough = if self.replies.are_delayed() {
            limits::DELAYED_ANSWERS_TO_SPEED_UP
        } else {
            limits::ANSWERS_TO_SPEED_UP
        };
        if self.well < enough {
            return;
        }
        self.well = 0;
        self.connections_allowed = (self.connections_allowed + 1).min(self.ceilings.connections);
        self.speed_up();
    }

    /// Notes that a recipient was accepted, which may have earned the host more speed than others have.
    pub fn accepted(&mut self, now: Timestamp) {
        let rate = self.limiter.rate();
        let reply = self.replies.expected();
        let Some(growth) = &mut self.growth else {
            return;
        };
        if self.too_fast.is_some() || self.taught.is_some() {
            self.growth = None;
            return;
        }
        if let Some(next) = growth
            .accepted(rate, reply, now)
            .filter(|_| rate == self.ceilings.rate)
        {
            self.ceilings.rate = next;
            self.limiter.set_rate(next);
        }
    }

    /// How fast the host is asked, where that is faster than it was at first.
    #[must_use]
    pub fn has_grown(&self) -> Option<f64> {
        let rate = self.limiter.rate();
        rate.per_second().filter(|_| self.first.is_below(rate))
    }

    /// The present speed was borne for a while: takes the next step up, if one is worth it.
    fn speed_up(&mut self) {
        let rate = self.limiter.rate();
        if self.too_fast.is_some() {
            self.borne = Some(rate);
        }
        let next = match self.too_fast {
            Some(too_fast) => rate.towards(too_fast.at).min(self.ceilings.rate),
            None => rate.faster(self.ceilings.rate),
        };
        if next != rate {
            self.limiter.set_rate(next);
        }
    }

    /// The host complained of the present speed: goes back to the fastest that it bore, else to half.
    fn give_way(&mut self, now: Timestamp) {
        let rate = self.limiter.rate();
        // One that it bore before may be too fast now.
        self.borne = self.borne.filter(|borne| borne.is_below(rate));
        self.too_fast = Some(TooFast {
            at: rate,
            since: now,
        });
        let borne = self.borne;
        self.limiter.save_nothing();
        self.ease();
        if let Some(borne) = borne {
            self.limiter.set_rate(borne.min(self.ceilings.rate));
        }
    }

    /// One of the host's machines asked for less: halves the host's speed with its connections; the machine that said
    /// so is left alone for `wait`, or a time that doubles from one request of its own to the next.
    ///
    /// Returns the moment from which on that machine may be asked again.
    pub fn slow_down(
        &mut self,
        rest: &mut Rest,
        now: Timestamp,
        wait: Option<Duration>,
    ) -> Timestamp {
        self.back_off(rest, now, wait, Sign::Words)
    }

    /// The same, by what shows that it wants less.
    fn back_off(
        &mut self,
        rest: &mut Rest,
        now: Timestamp,
        wait: Option<Duration>,
        sign: Sign,
    ) -> Timestamp {
        self.well = 0;
        rest.well = 0;
        // Several connections learn of the same displeasure: one halving is enough.
        if now < rest.not_before {
            return rest.not_before;
        }
        let told = self.told.replace((now, 0));
        let measured = told.and_then(|(since, answered)| measured(answered, now.since(since)));
        self.measured = self.measured.max(measured);
        let at_the_bottom = self.limiter.rate().halved(self.ceilings.rate) == self.limiter.rate();
        if at_the_bottom && let Some(taught) = self.measured.take() {
            // However slowly it is asked it complains, but has answered some after each wait: that is what it takes.
            if sign == Sign::Words {
                self.shows(Ceilings {
                    rate: taught,
                    connections: 1,
                });
                self.taught = Some(self.ceilings.rate);
            }
            rest.slowdowns = rest.slowdowns.min(1);
        }
        // A wait after which some were answered was long enough; as long as it can be asked slower, nothing is lost.
        let was_enough = told.is_some_and(|(_, answered)| answered > 0);
        let doublings = if was_enough {
            0
        } else {
            rest.slowdowns.min(limits::SLOWDOWN_DOUBLINGS)
        };
        let wait = wait.unwrap_or(limits::SLOWDOWN_WAIT * 2u32.pow(doublings));
        if !was_enough || at_the_bottom {
            rest.slowdowns += 1;
        }
        match sign {
            Sign::Words => {
                rest.only_asks_since.get_or_insert(now);
                self.give_way(now);
            }
            Sign::Cut => self.ease(),
        }
        rest.not_before = now + wait;
        rest.not_before
    }

    /// One of the host's machines takes only so many recipients in `unit`, and has had them: it is left alone for
    /// `wait`, then the host is asked no faster than it bore.
    ///
    /// Returns the moment from which on that machine may be asked again.
    pub fn note_quota(
        &mut self,
        rest: &mut Rest,
        now: Timestamp,
        unit: Duration,
        wait: Duration,
    ) -> Timestamp {
        // Those that were under way when it complained hear the same.
        if now < rest.not_before {
            return rest.not_before;
        }
        let count = self.lately.count;
        let is_telling = self.told.is_some() || count >= limits::BORNE_AT_FIRST;
        let Some(borne) = borne(count, unit).filter(|_| is_telling) else {
            return self.slow_down(rest, now, Some(wait));
        };
        self.well = 0;
        rest.well = 0;
        self.told = Some((now, 0));
        rest.slowdowns += 1;
        // At such a pace one connection is enough.
        self.shows(Ceilings {
            rate: borne,
            connections: 1,
        });
        self.taught = Some(self.ceilings.rate);
        self.limiter.set_rate(self.ceilings.rate);
        rest.not_before = now + wait;
        rest.not_before
    }

    /// Halves speed with connections.
    fn ease(&mut self) {
        self.well = 0;
        self.connections_allowed = (self.connections_allowed / 2).max(1);
        let slower = self.limiter.rate().halved(self.ceilings.rate);
        self.limiter.set_rate(slower.min(self.ceilings.rate));
    }

    /// Whether asking about `waiting` more would take longer than a run should wait, at a pace that the host has
    /// taught.
    #[must_use]
    pub fn is_endless(&self, waiting: usize) -> bool {
        let Some(rate) = self.taught.and_then(Rate::per_second) else {
            return false;
        };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let needed = waiting as f64 / rate;
        needed > limits::TAUGHT_PACE_WAIT.as_secs_f64()
    }

    /// Notes that a machine cut a connection in mid-session. The first time may be chance, so it only costs speed;
    /// the next is taken for a request to slow down. It names no pace, though: some machines do so in place of every
    /// refusal, and how seldom that happens is no measure for them, still less for their neighbours under the same key.
    ///
    /// Returns the moment from which on that machine may be asked again, where that is not now.
    pub fn dropped(&mut self, rest: &mut Rest, now: Timestamp) -> Option<Timestamp> {
        rest.drops += 1;
        if rest.drops > 1 {
            return Some(self.back_off(rest, now, None, Sign::Cut));
        }
        self.ease();
        None
    }

    /// Notes that a batch with `answers` answers took `time`: a host that has become slow is asked less.
    pub fn answered_in(&mut self, time: Duration, answers: u32) {
        if self.replies.hear(time, answers) {
            self.ease();
        }
    }

    /// Notes that a batch with `answers` answers of any kind took `time`: refusals that a host delays are no slowness,
    /// but better awaited on two connections than on one.
    pub fn answered_all_in(&mut self, time: Duration, answers: u32) {
        self.replies.hear_all(time, answers);
    }

    /// Notes that a connection took `time` to be ready for questions.
    pub fn opened_in(&mut self, time: Duration) {
        self.replies.opened_in(time);
    }

    /// Questions that wait for each connection before another is worth while.
    #[must_use]
    pub fn questions_worth_a_connection(&self) -> usize {
        self.replies.questions_worth_a_connection()
    }

    /// The time to expect for one answer.
    #[must_use]
    pub fn reply_time(&self) -> Duration {
        self.replies.expected()
    }

    /// Connections at once, by now.
    #[must_use]
    pub fn connections_open(&self) -> u32 {
        self.connections_open
    }

    /// Keeps away from the host until `until`, without slowing down afterwards.
    pub fn stay_away(&mut self, until: Timestamp) {
        self.not_before = self.not_before.max(until);
    }

    /// Whether the host has ever asked for less in this run.
    #[must_use]
    pub fn was_told_to_slow_down(&self) -> bool {
        self.told.is_some()
    }

    /// Recipients a second at the present speed; `None` without a limit.
    #[must_use]
    pub fn recipients_per_second(&self) -> Option<f64> {
        self.limiter.rate().per_second()
    }
}

/// The pace that a host has taught: so many answers within so long a time, waiting included, before it complained
/// again. `None` where that is no measure: it answered for no recipient, or for as many as usual.
fn measured(answered: u32, within: Duration) -> Option<Rate> {
    if answered == 0 || answered >= limits::ANSWERS_TO_SPEED_UP {
        return None;
    }
    let thousandths =
        u64::from(answered) * 1_000_000 / u64::try_from(within.as_millis()).ok()?.max(1);
    Some(Rate::from_thousandths(
        u32::try_from(thousandths).ok()?.max(1),
    ))
}

/// Recipients that a host has answered, counted as hosts do that allow so many in a while: from the first on for that
/// long, then anew.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    since: Timestamp,
    count: u32,
}

impl Lately {
    fn answered(&mut self, now: Timestamp) {
        if now.since(self.since) > limits::RECIPIENTS_COUNTED_OVER {
            *self = Lately {
                since: now,
                count: 0,
            };
        }
        self.count += 1;
    }
}

/// The pace that a host bears which has answered so many within `unit` before it complained; a little less. `None`
/// where it has answered for no recipient.
fn borne(answered: u32, unit: Duration) -> Option<Rate> {
    let less = answered.div_ceil(limits::LESS_THAN_BORNE);
    let borne = u64::from(answered.saturating_sub(less).max(1));
    let thousandths = borne * 1_000_000 / u64::try_from(unit.as_millis()).ok()?.max(1);
    let rate = Rate::from_thousandths(u32::try_from(thousandths).ok()?.max(1));
    (answered > 0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::from_millis(milliseconds)
    }

    fn pace(rate: u32, connections: u32) -> Pace {
        Pace::new(Ceilings {
            rate: Rate::per_seconds(rate),
            connections,
        })
    }

    #[test]
    fn a_host_begins_with_one_connection_then_earns_more_up_to_its_ceiling() {
        let mut pace = pace(10, 2);
        assert_eq!(pace.gate(at(0)), Gate::Open);
        pace.connecting();
        assert_eq!(pace.gate(at(0)), Gate::Full);
        for _ in 0..limits::ANSWERS_TO_SPEED_UP * 5 {
            pace.went_well(at(0));
        }
        assert_eq!(pace.gate(at(0)), Gate::Open);
        pace.connecting();
        assert_eq!(pace.gate(at(0)), Gate::Full);
        pace.disconnected();
        assert_eq!(pace.gate(at(0)), Gate::Open);
    }

    #[test]
    fn a_request_to_slow_down_halves_everything_then_keeps_away_for_longer_each_time() {
        let (mut pace, mut rest) = (pace(10, 4), Rest::default());
        let first = pace.slow_down(&mut rest, at(0), None);
        assert_eq!(first, at(0) + limits::SLOWDOWN_WAIT);
        assert_eq!(rest.until(at(0)), Some(first));
        assert_eq!(pace.recipients_per_second(), Some(5.0));
        assert_eq!(
            pace.slow_down(&mut rest, at(1), None),
            first,
            "the same displeasure heard twice"
        );
        assert_eq!(pace.recipients_per_second(), Some(5.0));
        let second = pace.slow_down(&mut rest, first, None);
        assert_eq!(second.since(first), limits::SLOWDOWN_WAIT * 2);
        for _ in 0..100 {
            let later = rest.not_before;
            pace.slow_down(&mut rest, later, None);
        }
        assert!(pace.recipients_per_second().unwrap() >= 0.5);
    }

    #[test]
    fn a_host_that_answers_two_a_minute_teaches_that_pace() {
        let (mut pace, mut rest) = (pace(10, 2), Rest::default());
        let mut now = at(0);
        for _ in 0..6 {
            now = pace.slow_down(&mut rest, now, None);
            pace.went_well(now);
            pace.went_well(now);
        }
        assert_eq!(
            now,
            at(0) + limits::SLOWDOWN_WAIT * 6,
            "no wait was too short"
        );
        let rate = pace.recipients_per_second().unwrap();
        assert!((0.001..=2.0 / 60.0).contains(&rate), "{rate}");
        assert!(!rest.is_hopeless());
        for _ in 0..limits::ANSWERS_TO_SPEED_UP * 20 {
            pace.went_well(now);
        }
        let rate = pace.recipients_per_second().unwrap();
        assert!(
            rate <= 2.0 / 60.0,
            "what was taught is not forgotten: {rate}"
        );
        assert!(!pace.is_endless(100) && pace.is_endless(10_000));
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_host_that_takes_twenty_a_minute_is_asked_no_faster_from_its_first_complaint_on() {
        let (mut pace, mut rest) = (pace(10, 2), Rest::default());
        (0..20).for_each(|n| pace.went_well(at(n * 100)));
        let until = pace.note_quota(&mut rest, at(2_000), MINUTE, MINUTE);
        assert_eq!(until, at(62_000));
        assert_eq!(
            pace.note_quota(&mut rest, at(2_100), MINUTE, MINUTE),
            until,
            "what was under way hears the same"
        );
        let rate = pace.recipients_per_second().unwrap();
        assert!((0.25..0.33).contains(&rate), "{rate}");
        let mut now = until;
        let asked = (0..).take_while(|_| {
            while let Err(later) = pace.draw(now) {
                now = later;
            }
            pace.went_well(now);
            now < until + MINUTE
        });
        assert!((15..=19).contains(&asked.count()));
        let rate = pace.recipients_per_second().unwrap();
        assert!(rate < 0.33, "what was taught is not forgotten: {rate}");
        assert_eq!(pace.connections_allowed, 1);
        assert!(!rest.is_hopeless());
    }

    #[test]
    fn what_a_host_has_shown_holds_whatever_part_of_the_ceilings_is_ours() {
        let own = Ceilings {
            rate: Rate::per_seconds(10),
            connections: 4,
        };
        let part = |rate: u32| Ceilings {
            rate: Rate::per_seconds(rate),
            connections: 3,
        };
        let most = Rate::per_seconds(20);
        let mut pace = Pace::new(own).growing_to(most);
        pace.note_crowded_by(2);
        pace.confine(part(5), own, most);
        assert_eq!(
            (pace.ceilings.connections, pace.recipients_per_second()),
            (2, Some(5.0))
        );
        // The part grows when others leave.
        pace.confine(part(8), own, most);
        assert_eq!(
            (pace.ceilings.connections, pace.recipients_per_second()),
            (2, Some(8.0))
        );
        let mut rest = Rest::default();
        for second in 0..60 {
            pace.went_well(at(second * 1_000));
        }
        pace.note_quota(&mut rest, at(60_000), MINUTE, MINUTE);
        let taught = pace.recipients_per_second().unwrap();
        assert!(taught < 2.0, "{taught}");
        for rate in [5, 8, 10] {
            pace.confine(part(rate), own, most);
            assert_eq!(pace.recipients_per_second(), Some(taught));
            assert_eq!(pace.ceilings.connections, 1);
        }
    }

    #[test]
    fn recipients_are_counted_as_hosts_count_them() {
        let (mut pace, mut rest) = (pace(10, 2), Rest::default());
        // Ten minutes at ten a minute, then thirty at once.
        (0..100).for_each(|n| pace.went_well(at(n * 6_000)));
        (0..30).for_each(|n| pace.went_well(at(700_000 + n * 100)));
        pace.note_quota(&mut rest, at(704_000), MINUTE, MINUTE);
        let rate = pace.recipients_per_second().unwrap();
        assert!((0.4..0.5).contains(&rate), "{rate}");
        // An hour's worth in a minute.
        let (mut pace, mut rest) = (Pace::new(pace.ceilings), Rest::default());
        (0..60).for_each(|n| pace.went_well(at(n * 100)));
        let hour = MINUTE * 60;
        pace.note_quota(&mut rest, at(6_000), hour, hour);
        let rate = pace.recipients_per_second().unwrap();
        assert!((0.01..0.016).contains(&rate), "{rate}");
    }

    #[test]
    fn few_that_were_borne_teach_a_pace_the_second_time_only() {
        for few in [0, 2] {
            let (mut pace, mut rest) = (pace(10, 2), Rest::default());
            (0..few).for_each(|_| pace.went_well(at(0)));
            // Others may have been asked about before the run was interrupted.
            let until = pace.note_quota(&mut rest, at(1_000), MINUTE, MINUTE);
            assert_eq!(until, at(61_000));
            assert_eq!(pace.recipients_per_second(), Some(5.0));
            (0..few).for_each(|_| pace.went_well(until));
            pace.note_quota(&mut rest, until, MINUTE, MINUTE);
            let rate = pace.recipients_per_second().unwrap();
            assert!(few == 0 || rate <= 2.0 / 60.0, "{few}: {rate}");
        }
    }

    #[test]
    fn a_host_that_answers_nobody_after_a_wait_teaches_nothing() {
        let (mut pace, mut rest) = (pace(10, 2), Rest::default());
        for _ in 0..10 {
            let later = rest.not_before;
            pace.slow_down(&mut rest, later, None);
        }
        assert!(rest.is_hopeless());
        assert!(
            !pace.is_endless(1_000_000),
            "a long list alone is no reason"
        );
    }

    #[test]
    fn the_second_lost_connection_is_a_request_to_slow_down() {
        let mut pace = pace(10, 4);
        let mut rest = Rest::default();
        assert_eq!(pace.dropped(&mut rest, at(0)), None);
        assert_eq!(pace.recipients_per_second(), Some(5.0));
        let later = at(0) + limits::SLOWDOWN_WAIT;
        assert_eq!(pace.dropped(&mut rest, at(0)), Some(later));
        for _ in 0..limits::ANSWERS_TO_SPEED_UP {
            rest.went_well();
        }
        assert_eq!(pace.dropped(&mut rest, later), None, "long ago is forgiven");
    }

    #[test]
    fn a_machine_that_cuts_connections_now_and_then_teaches_its_neighbours_no_pace() {
        let of = |complains: fn(&mut Pace, &mut Rest, Timestamp)| {
            let mut pace = pace(10, 4);
            let mut rest = Rest::default();
            let mut now = at(0);
            for _ in 0..20 {
                complains(&mut pace, &mut rest, now);
                now = now + Duration::from_secs(1800);
                pace.went_well(now);
            }
            pace.recipients_per_second().unwrap()
        };
        let cut = of(|pace, rest, now| {
            pace.dropped(rest, now);
        });
        assert!(cut >= 10.0 / 16.0, "{cut}");
        let told = of(|pace, rest, now| {
            pace.slow_down(rest, now, None);
        });
        assert!(told < 0.01, "{told}");
    }

    #[test]
    fn the_wait_after_a_complaint_is_the_machines_the_pace_is_the_hosts() {
        let mut pace = pace(10, 4);
        let (mut one, other) = (Rest::default(), Rest::default());
        let until = pace.slow_down(&mut one, at(0), None);
        assert_eq!(until, at(0) + limits::SLOWDOWN_WAIT);
        assert_eq!(pace.recipients_per_second(), Some(5.0));
        assert_eq!((one.until(at(0)), other.until(at(0))), (Some(until), None));
        assert_eq!(pace.gate(at(0)), Gate::Open);
        let again = pace.slow_down(&mut one, at(1), None);
        assert_eq!(again, until, "the same displeasure heard twice");
        let second = pace.slow_down(&mut one, until, None);
        assert_eq!(second.since(until), limits::SLOWDOWN_WAIT * 2);
    }

    #[test]
    fn a_host_that_becomes_slow_is_asked_less() {
        let mut pace = pace(10, 2);
        (0..50).for_each(|_| pace.answered_in(Duration::from_millis(60), 1));
        assert_eq!(pace.recipients_per_second(), Some(10.0));
        (0..50).for_each(|_| pace.answered_in(Duration::from_secs(5), 1));
        assert!(pace.recipients_per_second() < Some(10.0));
        assert_eq!(pace.gate(at(0)), Gate::Open, "but not left alone");
    }

    #[test]
    fn speed_comes_back_step_by_step() {
        let mut pace = pace(10, 1);
        pace.slow_down(&mut Rest::default(), at(0), Some(Duration::from_secs(1)));
        for _ in 0..limits::ANSWERS_TO_SPEED_UP {
            pace.went_well(at(0));
        }
        let now = pace.recipients_per_second().unwrap();
        assert!(now > 5.0 && now < 10.0, "{now}");
        for _ in 0..limits::ANSWERS_TO_SPEED_UP * 20 {
            pace.went_well(at(0));
        }
        let held = pace.recipients_per_second().unwrap();
        assert!((8.0..10.0).contains(&held), "it complained of ten: {held}");
    }

    /// Asks a host that bears so many a second about `count`. Returns the seconds it takes, how often it complained.
    fn ask_about(pace: &mut Pace, count: u32, bears: f64) -> (f64, u32) {
        let (mut rest, mut now, mut complaints) = (Rest::default(), at(0), 0);
        let mut asked = 0;
        let mut before = None::<Timestamp>;
        while asked < count {
            while let Err(later) = pace.draw(now) {
                now = later;
            }
            // It minds when two come closer together than it bears.
            let apart = before.map_or(f64::MAX, |before| now.since(before).as_secs_f64());
            before = Some(now);
            if apart < 1.0 / bears {
                complaints += 1;
                now = pace.slow_down(&mut rest, now, None);
            } else {
                asked += 1;
                pace.went_well(now);
                rest.went_well();
            }
            now = now + Duration::from_millis(1);
        }
        (now.since(at(0)).as_secs_f64(), complaints)
    }

    #[test]
    fn a_hosts_own_pace_is_found_within_a_few_steps() {
        for (rate, bears) in [
            (10, 2.0),
            (10, 0.9),
            (10, 7.0),
            (0, 3.0),
            (0, 25.0),
            (100, 2.0),
        ] {
            let mut pace = pace(rate, 1);
            let (seconds, complaints) = ask_about(&mut pace, 2_000, bears);
            let held = pace.recipients_per_second().unwrap();
            assert!(complaints <= 10, "{rate} {bears}: {complaints} complaints");
            assert!(
                (0.7 * bears..=bears).contains(&held),
                "{rate} {bears}: held at {held}"
            );
            let own = 2_000.0 / bears;
            assert!(seconds < 1.5 * own + 700.0, "{rate} {bears}: {seconds} s");
        }
    }

    #[test]
    fn a_host_that_is_asked_faster_gets_half_of_that_once_it_complains() {
        let mut pace = Pace::new(Ceilings {
            rate: Rate::per_seconds(10),
            connections: 2,
        })
        .growing_to(Rate::per_seconds(20));
        let mut now = at(1_000_000);
        let ask = |pace: &mut Pace, now: &mut Timestamp, minutes: u64| {
            let end = *now + MINUTE * u32::try_from(minutes).unwrap();
            while *now < end {
                match pace.draw(*now) {
                    Ok(()) => {
                        pace.answered_in(Duration::from_millis(60), 1);
                        pace.went_well(*now);
                        pace.accepted(*now);
                    }
                    Err(later) => *now = later,
                }
            }
        };
        ask(&mut pace, &mut now, 1);
        assert_eq!(pace.recipients_per_second(), Some(10.0));
        assert_eq!(pace.has_grown(), None);
        ask(&mut pace, &mut now, 4);
        assert_eq!(pace.recipients_per_second(), Some(16.0));
        assert_eq!(pace.has_grown(), Some(16.0));
        let mut rest = Rest::default();
        now = pace.slow_down(&mut rest, now, None);
        assert_eq!(pace.recipients_per_second(), Some(8.0));
        ask(&mut pace, &mut now, 30);
        let held = pace.recipients_per_second().unwrap();
        assert!(held < 16.0, "it complained of sixteen: {held}");
    }

    #[test]
    fn what_a_host_complained_of_is_remembered_for_a_while() {
        let mut first = pace(10, 1);
        ask_about(&mut first, 2_000, 2.0);
        let known = first.known();
        let (soon, later) = (
            at(0) + Duration::from_secs(86_400),
            at(0) + limits::CONDUCT_MEMORY * 2,
        );
        for (now, most) in [(soon, 2.5), (later, 10.0)] {
            let mut pace = pace(10, 1);
            pace.resume(&known, now);
            for _ in 0..limits::ANSWERS_TO_SPEED_UP * 20 {
                pace.went_well(now);
            }
            let held = pace.recipients_per_second().unwrap();
            assert!(held <= most && held >= most / 2.0, "{held} of {most}");
        }
    }

    #[test]
    fn staying_away_costs_no_speed() {
        let mut pace = pace(10, 1);
        pace.stay_away(at(60_000));
        assert_eq!(pace.gate(at(59_999)), Gate::Closed(at(60_000)));
        assert_eq!(pace.draw(at(59_999)), Err(at(60_000)));
        assert_eq!(pace.gate(at(60_000)), Gate::Open);
        assert_eq!(pace.recipients_per_second(), Some(10.0));
    }
}
