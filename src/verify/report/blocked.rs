//! Hosts that refuse to answer this client, by what they have in common.

use crate::model::text::counted;
use crate::smtp::rules::contacts::{self, Desk};

/// Hosts that refuse us for one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What they call the blocklist that they go by; `None` where they name none.
    pub list: Option<String>,
    /// How many hosts.
    pub hosts: usize,
    /// The host met first.
    pub first: String,
    /// What that said.
    pub words: String,
    /// Addresses left without an answer.
    pub addresses: u64,
}

/// Whether the hosts that refuse us are all that were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// No other host has answered about any address.
    All,
    /// Other hosts have answered.
    Some,
}

/// Hosts that refuse us, gathered by cause as they are met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    all: Vec<Cause>,
}

impl Causes {
    /// Takes in that `host` refuses us with `words`, which leaves `addresses` without an answer. Returns the cause as
    /// it stands now.
    pub fn add(&mut self, host: &str, words: &str, addresses: u64) -> &Cause {
        let list = contacts::zone(words);
        let known = self.all.iter().position(|cause| cause.list == list);
        let at = known.unwrap_or_else(|| {
            self.all.push(Cause {
                list,
                hosts: 0,
                first: host.to_owned(),
                words: words.to_owned(),
                addresses: 0,
            });
            self.all.len() - 1
        });
        let cause = &mut self.all[at];
        cause.hosts += 1;
        cause.addresses += addresses;
        cause
    }

    /// The causes, those of most hosts first.
    #[must_use]
    pub fn most_first(&self) -> Vec<&Cause> {
        let mut causes: Vec<&Cause> = self.all.iter().collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.hosts));
        causes
    }
}

impl Cause {
    /// What these hosts do: `all 12 hosts refuse this address, naming zen.spamhaus.org`.
    #[must_use]
    pub fn in_words(&self, scope: Scope) -> String {
        let who = match (self.hosts, scope) {
            (1, _) => self.first.clone(),
            (hosts, Scope::All) => format!("all {hosts} hosts"),
            (hosts, Scope::Some) => counted(hosts as u64, "host", "hosts"),
        };
        let verb = match self.hosts {
            1 => "refuses",
            _ => "refuse",
        };
        match &self.list {
            Some(list) => format!("{who} {verb} this address, naming {list}"),
            None => format!("{who} {verb} this address"),
        }
    }

    /// Where to turn: each blocklist that the words name, with what to do there.
    pub fn desks(&self) -> impl Iterator<Item = &'static Desk> {
        let words = self.words.to_lowercase();
        let named: Vec<&Desk> = contacts::blocklists(&words).collect();
        named.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org";

    #[test]
    fn hosts_that_name_one_list_have_one_cause() {
        let mut causes = Causes::default();
        for n in 0..12 {
            causes.add(&format!("mx{n}.test"), LISTED, 3);
        }
        causes.add("mx.other.test", "550 go away", 1);
        let told: Vec<String> = causes
            .most_first()
            .iter()
            .map(|cause| cause.in_words(Scope::All))
            .collect();
        assert_eq!(
            told,
            [
                "all 12 hosts refuse this address, naming zen.spamhaus.org",
                "mx.other.test refuses this address"
            ]
        );
        assert_eq!(causes.most_first()[0].addresses, 36);
        assert_eq!(
            causes.most_first()[0].in_words(Scope::Some),
            "12 hosts refuse this address, naming zen.spamhaus.org"
        );
    }
}
