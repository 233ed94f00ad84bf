//! What streams, subjects and keys are called.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::engine::{Partition, Partitions, RunId, Table};
use crate::model::limits;

use super::jetstream::Stream;

/// The names of everything that is kept.
#[derive(Clone, Debug)]
pub(super) struct Places {
    prefix: String,
    /// The stream of orders.
    pub(super) orders: String,
    /// The stream of answers.
    pub(super) answers: String,
    tables: [String; Table::ALL.len()],
}

/// What everything of ours is called by, so that others can use the same servers: `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Default for Prefix {
    fn default() -> Self {
        Prefix("presend".to_owned())
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let is_one = (1..=limits::ENGINE_PREFIX).contains(&text.len()) && text.bytes().all(fits);
        if is_one {
            Ok(Prefix(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` is no prefix: write a-z, 0-9 and -, at most {} of them",
                limits::ENGINE_PREFIX
            ))
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the stream of orders says of itself.
const ORDERS: &str = "presend: who is to be asked, by partitions: ";

fn described(partitions: Partitions) -> String {
    format!("{ORDERS}{}", partitions.count())
}

/// How many partitions a stream of orders has; `None` where it does not say so.
pub(super) fn partitions_in(description: &str) -> Option<Partitions> {
    let count = description.strip_prefix(ORDERS)?.parse().ok()?;
    Partitions::new(count)
}

fn table_name(table: Table) -> &'static str {
    match table {
        Table::Leases => "leases",
        Table::Workers => "workers",
        Table::Hosts => "hosts",
        Table::Runs => "runs",
    }
}

impl Places {
    pub(super) fn called(prefix: &Prefix) -> Self {
        Places {
            prefix: prefix.0.clone(),
            orders: format!("{prefix}-orders"),
            answers: format!("{prefix}-answers"),
            tables: Table::ALL.map(|table| format!("KV_{prefix}-{}", table_name(table))),
        }
    }

    /// The streams of everything.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        [&self.orders, &self.answers]
            .into_iter()
            .chain(&self.tables)
            .cloned()
    }

    /// The stream of a table: a key-value bucket is one (ADR-8).
    pub(super) fn bucket_stream(&self, table: Table) -> &str {
        &self.tables[table as usize]
    }

    /// The streams as they are set up.
    pub(super) fn streams(
        &self,
        copies: usize,
        answers_for: Duration,
        partitions: Partitions,
    ) -> Vec<Stream> {
        let stream = |name: &str, subject: String| Stream {
            name: name.to_owned(),
            description: "presend".to_owned(),
            subjects: vec![subject],
            retention: "limits",
            discard: "new",
            storage: "file",
            num_replicas: copies,
            max_age: Duration::ZERO,
            duplicate_window: limits::ENGINE_SAME_MESSAGE,
            max_msgs_per_subject: -1,
        };
        let prefix = &self.prefix;
        let mut streams = vec![
            Stream {
                retention: "workqueue",
                description: described(partitions),
                ..stream(&self.orders, format!("{prefix}.order.>"))
            },
            Stream {
                description: "presend: what was answered".to_owned(),
                max_age: answers_for,
                ..stream(&self.answers, format!("{prefix}.answer.>"))
            },
        ];
        streams.extend(Table::ALL.map(|table| Stream {
            // A process that is gone without taking leave, and what a host held against us, is forgotten in the end.
            max_age: match table {
                Table::Leases => Duration::ZERO,
                Table::Workers | Table::Hosts => limits::ENGINE_KEEP,
                Table::Runs => limits::ENGINE_FORGETS_RUN,
            },
            description: "presend: who is there, and what is known of hosts".to_owned(),
            max_msgs_per_subject: 1,
            ..stream(self.bucket_stream(table), self.entry(table, ">"))
        }));
        streams
    }

    /// The subject of an order.
    pub(super) fn order(&self, to: Partition, run: &RunId, number: u64) -> String {
        format!("{}.order.{to}.{run}.{number}", self.prefix)
    }

    /// Those of all orders of a partition.
    pub(super) fn orders_in(&self, partition: Partition) -> String {
        format!("{}.order.{partition}.>", self.prefix)
    }

    /// Those of all orders of a run.
    pub(super) fn orders_of(&self, run: &RunId) -> String {
        format!("{}.order.*.{run}.*", self.prefix)
    }

    /// Those of all orders of a run in one partition.
    pub(super) fn orders_of_in(&self, run: &RunId, partition: Partition) -> String {
        format!("{}.order.{partition}.{run}.*", self.prefix)
    }

    /// Those of all orders.
    pub(super) fn all_orders(&self) -> String {
        format!("{}.order.>", self.prefix)
    }

    /// Those of all answers.
    pub(super) fn all_answers(&self) -> String {
        format!("{}.answer.>", self.prefix)
    }

    /// Whose order has that subject, and which one it is.
    pub(super) fn order_in(&self, subject: &str) -> Option<(RunId, u64)> {
        let rest = subject
            .strip_prefix(&self.prefix)?
            .strip_prefix(".order.")?;
        let mut words = rest.split('.').skip(1);
        let run = RunId::named(words.next()?)?;
        let number = words.next()?.parse().ok()?;
        words.next().is_none().then_some((run, number))
    }

    /// The subject of the answers to an order.
    pub(super) fn answer(&self, run: &RunId, number: u64) -> String {
        format!("{}.answer.{run}.{number}", self.prefix)
    }

    /// Those of all answers of a run.
    pub(super) fn answers_of(&self, run: &RunId) -> String {
        format!("{}.answer.{run}.*", self.prefix)
    }

    /// The subject of what stands in a table under a key.
    pub(super) fn entry(&self, table: Table, key: &str) -> String {
        format!("$KV.{}-{}.{key}", self.prefix, table_name(table))
    }

    /// The key of what stands in a table under a subject.
    pub(super) fn key_in(&self, table: Table, subject: &str) -> Option<String> {
        subject
            .strip_prefix(&self.entry(table, ""))
            .map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_by_its_subject() {
        let places = Places::called(&"team-a".parse().unwrap());
        let run = RunId::named("list-7").unwrap();
        let subject = places.order(Partition::FIRST, &run, 12);
        assert_eq!(subject, "team-a.order.0.list-7.12");
        assert_eq!(places.order_in(&subject), Some((run, 12)));
        for other in [
            "team-b.order.0.list-7.12",
            "team-a.order.0.list-7",
            "team-a.order.0.list-7.12.1",
            "team-a.order.0.LIST.12",
            "team-a.answer.list-7.12",
        ] {
            assert_eq!(places.order_in(other), None, "{other}");
        }
    }

    #[test]
    fn how_many_partitions_there_are_is_written_down() {
        let many = Partitions::new(1_024).unwrap();
        let streams = Places::called(&Prefix::default()).streams(1, Duration::ZERO, many);
        assert_eq!(partitions_in(&streams[0].description), Some(many));
        assert_eq!(partitions_in(&streams[1].description), None);
    }

    #[test]
    fn each_table_has_a_bucket_of_its_own() {
        let places = Places::called(&"p".parse().unwrap());
        for table in Table::ALL {
            let stream = places.bucket_stream(table);
            let subject = places.entry(table, "7");
            assert_eq!(
                subject,
                format!("$KV.{}.7", stream.strip_prefix("KV_").unwrap())
            );
            assert_eq!(places.key_in(table, &subject).as_deref(), Some("7"));
        }
    }

    #[test]
    fn a_prefix_fits_into_subjects() {
        for prefix in ["presend", "team-7"] {
            assert!(prefix.parse::<Prefix>().is_ok(), "{prefix}");
        }
        for prefix in ["", "a.b", "A", "a b", ">", &"x".repeat(33)] {
            assert!(prefix.parse::<Prefix>().is_err(), "{prefix}");
        }
    }
}
