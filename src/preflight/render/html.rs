//! A preflight as one HTML page that needs nothing else.

use minijinja::value::Serde;
use minijinja::{Value, context};

use crate::model::limits;
use crate::model::page::{STYLE, pages};
use crate::model::text::{counted, grouped};
use crate::preflight::check::{Check, Fitness, Side, Status, Weight, title};
use crate::preflight::render::report::Preflight;
use crate::preflight::render::screen::{self, parts};
use crate::preflight::sender::audience::split;

/// The page. All text from outside is escaped.
///
/// # Errors
/// Only if the template that comes with the program were broken, which a test excludes.
pub fn render(preflight: &Preflight) -> Result<String, minijinja::Error> {
    let environment = pages();
    let template =
        environment.template_from_named_str("preflight.html", include_str!("preflight.html"))?;
    let sides = Side::ALL.map(|side| {
        let (open, well): (Vec<Line<'_>>, Vec<Line<'_>>) = lines(preflight)
            .into_iter()
            .filter(|line| line.check.about == side)
            .partition(|line| line.kind != Kind::Well);
        context! {
            title => match side {
                Side::Sender => "The sender",
                Side::Machine => "This machine",
            },
            open => open.iter().map(Line::view).collect::<Vec<_>>(),
            well => well.iter().map(Line::view).collect::<Vec<_>>(),
        }
    });
    let shares = preflight
        .audience
        .as_ref()
        .map(|audience| audience.largest(limits::AUDIENCE_COLUMNS))
        .unwrap_or_default();
    let days: Vec<Value> = preflight
        .warm_up
        .iter()
        .map(|day| {
            let parts: Vec<String> = split(day.messages, &shares)
                .into_iter()
                .map(grouped)
                .collect();
            context! { day => day.day, messages => grouped(day.messages), parts }
        })
        .collect();
    let rules: Vec<Value> = preflight
        .sender
        .iter()
        .flat_map(|sender| &sender.rules)
        .map(|one| {
            let titles = |ids: &[&'static str]| ids.iter().map(|id| title(id)).collect::<Vec<_>>();
            context! {
                provider => &one.provider,
                since => &one.since,
                met => titles(&one.met),
                not_met => titles(&one.not_met),
                not_known => titles(&one.not_known),
            }
        })
        .collect();
    let said = Said::of(preflight);
    // Line by line: a line break from outside is none on a page.
    let tree = screen::spf_tree(preflight);
    let tree: Vec<String> = tree.lines().map(str::to_owned).collect();
    template.render(context! {
        style => STYLE,
        title => name(preflight),
        version => env!("CARGO_PKG_VERSION"),
        mood => match preflight.fitness() {
            Fitness::Fit => "fine",
            Fitness::NotFit => "stop",
            Fitness::CouldNotTell => "careful",
        },
        headline => said.headline,
        lead => said.lead,
        jumps => said.jumps,
        sides => sides.to_vec(),
        volume => preflight.sender.as_ref().map(|sender| grouped(sender.volume)),
        rules,
        tree,
        audience => preflight.audience.as_ref().map(|audience| Value::from(Serde(audience))),
        columns => Value::from(Serde(&shares)),
        warm_up => days,
    })
}

/// The domain or machine that the page is about.
fn name(preflight: &Preflight) -> &str {
    preflight
        .sender
        .as_ref()
        .map_or("this machine", |sender| &sender.domain)
}

/// What a check asks of its reader, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// It failed and must be mended.
    Mend,
    /// It could not be told, and must be found out.
    FindOut,
    /// It would be better otherwise.
    Advice,
    /// It could not be told, and decides nothing.
    Note,
    /// Nothing is to be done.
    Well,
}

impl Kind {
    fn of(check: &Check) -> Kind {
        match (check.status, check.weight) {
            (Status::Fail, Weight::Required) => Kind::Mend,
            (Status::Unknown, Weight::Required) => Kind::FindOut,
            (Status::Fail, Weight::Advised) => Kind::Advice,
            (Status::Unknown, Weight::Advised) => Kind::Note,
            (Status::Pass, Weight::Required | Weight::Advised) => Kind::Well,
        }
    }

    /// What stands beside the check's name.
    fn state(self) -> &'static str {
        match self {
            Kind::Mend => "must be mended",
            Kind::FindOut => "could not be told",
            Kind::Advice => "good advice",
            Kind::Note => "could not be told, decides nothing",
            Kind::Well => "is well",
        }
    }

    /// What the style calls the frame, and the words in it.
    fn classes(self) -> (&'static str, &'static str) {
        match self {
            Kind::Mend => ("fail", "stop"),
            Kind::FindOut => ("unknown", "careful"),
            Kind::Advice => ("advice", "careful"),
            Kind::Note => ("note", "how"),
            Kind::Well => ("pass", "fine"),
        }
    }
}

/// One check on the page.
struct Line<'a> {
    check: &'a Check,
    kind: Kind,
    /// What links to it name.
    anchor: String,
}

/// The checks in the order in which the page shows them within a side.
fn lines(preflight: &Preflight) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = (1..)
        .zip(preflight.checks())
        .map(|(number, check): (usize, &Check)| Line {
            check,
            kind: Kind::of(check),
            anchor: format!("check-{number}"),
        })
        .collect();
    lines.sort_by_key(|line| (line.check.about, line.kind));
    lines
}

impl Line<'_> {
    /// The check with its display name, and the record of its fix apart.
    fn view(&self) -> Value {
        let check = self.check;
        let (fix, record) = match &check.fix {
            Some(fix) => {
                let (sentence, record) = parts(fix);
                (Some(sentence), record)
            }
            None => (None, None),
        };
        let (class, mood) = self.kind.classes();
        context! {
            title => title(check.id),
            anchor => self.anchor.clone(),
            class,
            mood,
            state => self.kind.state(),
            value => check.value.clone(),
            why => check.why.clone(),
            required_by => check.required_by.join(", "),
            fix,
            record,
        }
    }
}

/// What stands above everything, with links to the places on the page that it speaks of.
struct Said {
    headline: String,
    lead: String,
    jumps: Vec<Value>,
}

impl Said {
    fn of(preflight: &Preflight) -> Said {
        let lines = lines(preflight);
        // A machine that cannot ask says nothing against the sender.
        let decides = preflight.sender.as_ref().map(|_| Side::Sender);
        let of_kind = |kind: Kind, side: Option<Side>| -> Vec<&Line<'_>> {
            lines
                .iter()
                .filter(|line| {
                    line.kind == kind && side.is_none_or(|side| line.check.about == side)
                })
                .collect()
        };
        let advice = of_kind(Kind::Advice, None).len() as u64;
        let name = name(preflight);
        let what = match preflight.sender {
            Some(_) => "to send",
            None => "to ask mail hosts",
        };
        let (headline, lead, linked) = match preflight.fitness() {
            Fitness::Fit => (
                format!("Fit {what}: every check that decides passes."),
                match advice {
                    0 => "Nothing is left to do.".to_owned(),
                    count => format!(
                        "{} below would make it better still.",
                        counted(count, "piece of advice", "pieces of advice")
                    ),
                },
                of_kind(Kind::Advice, None),
            ),
            Fitness::NotFit => {
                let mend = of_kind(Kind::Mend, decides);
                (
                    format!(
                        "Not fit {what} yet: {} to mend.",
                        counted(mend.len() as u64, "thing", "things")
                    ),
                    format!(
                        "Do what stands in the box of each, from the top, then look at {name} again:"
                    ),
                    mend,
                )
            }
            Fitness::CouldNotTell => {
                let mut open = of_kind(Kind::FindOut, None);
                open.extend(of_kind(Kind::Mend, Some(Side::Machine)));
                (
                    "Could not tell: nothing is known to be wrong, but not everything could be looked at.".to_owned(),
                    "What is in the way, and how to find out:".to_owned(),
                    open,
                )
            }
        };
        Said {
            headline,
            lead,
            jumps: jumps(&linked),
        }
    }
}

/// Links to checks, those of one name once.
fn jumps(lines: &[&Line<'_>]) -> Vec<Value> {
    let mut known: Vec<(&str, &str, usize)> = Vec::new();
    for line in lines {
        let title = title(line.check.id);
        match known.iter_mut().find(|(same, ..)| *same == title) {
            Some((_, _, times)) => *times += 1,
            None => known.push((title, &line.anchor, 1)),
        }
    }
    known
        .into_iter()
        .map(|(title, anchor, times)| context! { title, anchor, times })
        .collect()
}
