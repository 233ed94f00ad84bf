//! How many requests a client may make in a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::limits;

/// The pace of each client: so many a second, and as many at once as in two seconds.
#[derive(Debug)]
pub struct Pace {
    each: Duration,
    /// When each client would be through with what it has asked for, at its pace.
    through: Mutex<HashMap<IpAddr, Instant>>,
}

impl Pace {
    /// So many requests a second, at least 1.
    pub fn new(per_second: u32) -> Pace {
        Pace {
            each: Duration::from_secs(1) / per_second.max(1),
            through: Mutex::default(),
        }
    }

    /// Takes a request of `client` in at `now`.
    ///
    /// # Errors
    ///
    /// How long to wait, where there are too many.
    pub fn take(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut all = self.through.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= limits::SERVED_CLIENTS {
            all.retain(|_, through| *through > now);
        }
        let through = all.entry(client).or_insert(now);
        let next = (*through).max(now) + self.each;
        match next.saturating_duration_since(now) {
            ahead if ahead > BURST => Err(ahead.saturating_sub(BURST)),
            _ => {
                *through = next;
                Ok(())
            }
        }
    }
}

/// How far ahead of its pace a client may be. Our choice: a page asks for several things at once.
const BURST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_held_to_its_pace_and_no_other_is() {
        let pace = Pace::new(10);
        let (anna, bert) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let now = Instant::now();
        for _ in 0..20 {
            pace.take(anna, now).unwrap();
        }
        assert_eq!(pace.take(anna, now), Err(Duration::from_millis(100)));
        pace.take(bert, now).unwrap();
        pace.take(anna, now + Duration::from_millis(100)).unwrap();
        assert!(pace.take(anna, now + Duration::from_millis(100)).is_err());
    }
}
