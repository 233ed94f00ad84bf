//! Whether a script may build on a run: what `--fail-over` and `--min-verified` ask of it.

use std::str::FromStr;

use crate::input::list::{IntakeError, Options, Source};
use crate::model::count::float;
use crate::model::ending::Ending;
use crate::model::limits;
use crate::model::reason::Blame;
use crate::model::text::{grouped, percent};
use crate::projection::Basis;
use crate::verify::report::Report;

use super::described::{Lack, first_of};

/// What a run must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The bounce rate that the verified rows must not be projected over, a share.
    pub fail_over: Option<f64>,
    /// Which number of the projection is held against it.
    pub basis: Basis,
    /// How many rows must be verified.
    pub min_verified: Option<Least>,
}

/// A number of rows that must be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Least {
    /// This many rows.
    Rows(u64),
    /// This share of the rows that name a recipient.
    Share(f64),
}

impl FromStr for Least {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words =
            || "write a number of rows, such as 500, or a percentage, such as 60%".to_owned();
        let text = text.trim();
        match text.strip_suffix('%') {
            None => text.parse().map(Least::Rows).map_err(|_| words()),
            Some(number) => match number.trim_end().parse::<f64>() {
                Ok(number) if (0.0..=100.0).contains(&number) => Ok(Least::Share(number / 100.0)),
                Ok(_) | Err(_) => Err(words()),
            },
        }
    }
}

/// What a run was allowed to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Nothing: neither DNS nor mail hosts.
    Nobody,
    /// DNS, but no mail host.
    Names,
    /// DNS and mail hosts.
    MailHosts,
}

impl Gate {
    /// Whether the run must reach anything.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.fail_over.is_some() || self.min_verified.is_some()
    }

    /// Why the run falls short, each in a sentence; nothing when it does not.
    ///
    /// A rate is only as good as the asking behind it: a run that proved nothing passes no gate for rates, however low
    /// the rate of the nothing is that it verified.
    #[must_use]
    pub fn shortcomings(&self, report: &Report, allowed: Allowed) -> Vec<String> {
        let mut why = Vec::new();
        if let Some(mark) = self.fail_over {
            why.extend(nothing_proven(report, allowed));
            let rate = self.basis.of(&report.projection.verified);
            if rate > mark {
                why.push(format!(
                    "verified.csv is projected to bounce at {}, which is over {}",
                    percent(rate),
                    percent(mark)
                ));
            }
        }
        let (verified, messages) = (
            report.projection.verified.rows,
            report.projection.input.rows,
        );
        let reached = match self.min_verified {
            None => true,
            Some(Least::Rows(rows)) => verified >= rows,
            Some(Least::Share(share)) => float(verified) >= share * float(messages),
        };
        if !reached {
            why.push(format!(
                "{} of {} are verified, which is less than --min-verified asks for",
                grouped(verified),
                grouped(messages)
            ));
        }
        why
    }
}

/// Why a run's rate says nothing.
fn nothing_proven(report: &Report, allowed: Allowed) -> Vec<String> {
    let messages = report.projection.input.rows;
    let blocked =
        crate::verify::report::advice::unsettled(report, |reason| reason.blame() == Blame::Sender);
    let asked = report.traffic.rcpt + report.traffic.answered_from_ledger;
    let mut why = Vec::new();
    match report.ending {
        Ending::Completed => {}
        Ending::Interrupted => why.push("the run was interrupted".to_owned()),
        Ending::Deadline => why.push("its time was over before everybody was asked".to_owned()),
        Ending::Stranded => why.push("our own side failed, such as the proxy".to_owned()),
    }
    match allowed {
        Allowed::Nobody => why.push("nobody was asked: the run was offline".to_owned()),
        Allowed::Names => why.push("no mail host was asked: only DNS was".to_owned()),
        Allowed::MailHosts if asked == 0 && messages > 0 => {
            why.push("nobody could be asked".to_owned());
        }
        Allowed::MailHosts => {}
    }
    if crate::verify::report::advice::is_blocked(report) {
        why.push(format!(
            "mail hosts of {} of {} addresses refuse to talk to this machine",
            grouped(blocked),
            grouped(messages)
        ));
    }
    if report.projection.verified.rows == 0 {
        why.push("nothing is verified".to_owned());
    }
    why
}

/// What the cells hold that are looked at for addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Rows in which something is written there.
    pub filled: u64,
    /// Those of them in which it is no address.
    pub malformed: u64,
}

impl Fill {
    /// Reads the first `most` rows of a list.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn of(source: &Source, options: &Options, most: u64) -> Result<Fill, IntakeError> {
        let mut list = source.list(options)?;
        let mut fill = Fill::default();
        for _ in 0..most {
            let Some(row) = list.next_row()? else {
                break;
            };
            let lack = first_of(&row).err().map(|none| none.lack);
            fill.filled += u64::from(lack != Some(Lack::Nothing));
            fill.malformed += u64::from(lack == Some(Lack::Malformed));
        }
        Ok(fill)
    }

    /// Whether these are probably the wrong cells. Of a few rows all may be spoilt; and empty ones say nothing.
    #[must_use]
    pub fn is_of_another_column(self) -> bool {
        self.filled >= limits::WRONG_COLUMN_ROWS
            && float(self.malformed) > limits::WRONG_COLUMN_SHARE * float(self.filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::{Disposition, Standing};
    use crate::projection::{Forecast, Goal, Model, Projection, Tally, USUAL_CAP, target};
    use crate::verify::report::Gathering;

    /// A run of `messages`, of which so many were verified with such a rate, and so many are blocked.
    fn run(messages: u64, verified: u64, rate: f64, blocked: u64) -> Report {
        let model = Model::built_in();
        let (tally, forecast) = (Tally::new(&model), Forecast::new(&model));
        let goal = Goal {
            rate: 0.02,
            basis: Basis::Expected,
            cap: USUAL_CAP,
        };
        let (target, _) = target(&forecast, &tally, goal);
        let mut report = Gathering::new("list.csv").finish(&tally, &forecast, target);
        report.projection.input = Projection {
            rows: messages,
            ..Projection::default()
        };
        report.projection.verified = Projection {
            rows: verified,
            rate,
            high: rate * 2.0,
            ..Projection::default()
        };
        report.traffic.rcpt = messages;
        report.flow.push(crate::verify::report::Flow {
            verdict: Standing::Unknown,
            reason: crate::model::reason::Reason::SenderBlocked,
            disposition: Disposition::Review,
            rows: blocked,
        });
        report
    }

    const GATE: Gate = Gate {
        fail_over: Some(0.02),
        basis: Basis::Expected,
        min_verified: None,
    };

    fn falls_short(gate: &Gate, report: &Report, allowed: Allowed) -> String {
        gate.shortcomings(report, allowed).join("; ")
    }

    #[test]
    fn a_run_that_proved_enough_passes() {
        let report = run(100, 80, 0.01, 10);
        assert_eq!(falls_short(&GATE, &report, Allowed::MailHosts), "");
    }

    #[test]
    fn a_rate_over_the_mark_fails_by_the_number_that_was_chosen() {
        let report = run(100, 80, 0.015, 0);
        assert_eq!(falls_short(&GATE, &report, Allowed::MailHosts), "");
        let upper = Gate {
            basis: Basis::Upper,
            ..GATE
        };
        let why = falls_short(&upper, &report, Allowed::MailHosts);
        assert!(why.contains("3.0") && why.contains("2.0"), "{why}");
    }

    #[test]
    fn a_run_that_proved_nothing_fails_whatever_its_rate() {
        let fine = || run(100, 80, 0.0, 0);
        for (report, allowed, word) in [
            (
                run(100, 0, 0.0, 0),
                Allowed::MailHosts,
                "nothing is verified",
            ),
            (fine(), Allowed::Nobody, "offline"),
            (fine(), Allowed::Names, "only DNS"),
            (run(100, 40, 0.0, 50), Allowed::MailHosts, "refuse to talk"),
            (
                Report {
                    ending: Ending::Deadline,
                    ..fine()
                },
                Allowed::MailHosts,
                "time was over",
            ),
            (
                Report {
                    ending: Ending::Stranded,
                    ..fine()
                },
                Allowed::MailHosts,
                "our own side",
            ),
            (
                Report {
                    traffic: crate::verify::report::Traffic::default(),
                    ..fine()
                },
                Allowed::MailHosts,
                "could be asked",
            ),
        ] {
            let why = falls_short(&GATE, &report, allowed);
            assert!(why.contains(word), "{word}: {why}");
            let no_gate = Gate {
                fail_over: None,
                ..GATE
            };
            assert_eq!(falls_short(&no_gate, &report, allowed), "", "{word}");
        }
    }

    #[test]
    fn enough_must_be_verified_where_that_is_asked_for() {
        let report = run(200, 80, 0.0, 0);
        for (least, passes) in [
            ("80", true),
            ("81", false),
            ("40%", true),
            ("40.1 %", false),
        ] {
            let gate = Gate {
                min_verified: Some(least.parse().unwrap()),
                ..GATE
            };
            let why = falls_short(&gate, &report, Allowed::MailHosts);
            assert_eq!(why.is_empty(), passes, "{least}: {why}");
        }
        for wrong in ["", "x", "-1", "101%", "2.5"] {
            assert!(wrong.parse::<Least>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_column_is_the_wrong_one_when_hardly_anything_in_it_is_an_address() {
        let is_wrong = |filled, malformed| Fill { filled, malformed }.is_of_another_column();
        assert!(is_wrong(100, 91) && is_wrong(10, 10));
        assert!(!is_wrong(100, 90) && !is_wrong(9, 9) && !is_wrong(0, 0));
    }
}
