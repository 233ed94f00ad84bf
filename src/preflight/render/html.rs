//! A preflight as one HTML page that needs nothing else.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use crate::model::limits;
use crate::preflight::check::{Check, Side, Status, Weight, title};
use crate::preflight::render::report::Preflight;
use crate::preflight::render::screen::{self, parts};
use crate::preflight::sender::audience::split;

/// The page. All text from outside is escaped.
///
/// # Errors
/// Only if the template that comes with the program were broken, which a test excludes.
pub fn render(preflight: &Preflight) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let template =
        environment.template_from_named_str("preflight.html", include_str!("preflight.html"))?;
    let sides = [
        ("The sender", Side::Sender),
        ("This machine", Side::Machine),
    ]
    .map(|(title, side)| {
        let mut checks: Vec<&Check> = preflight.checks_about(side).collect();
        checks.sort_by_key(|check| gravity(check));
        context! { title, checks => checks.into_iter().map(row).collect::<Vec<_>>() }
    });
    let shares = preflight
        .audience
        .as_ref()
        .map(|audience| audience.largest(limits::AUDIENCE_COLUMNS))
        .unwrap_or_default();
    let days: Vec<Value> = preflight
        .warm_up
        .iter()
        .map(|day| context! { day => day.day, messages => day.messages, parts => split(day.messages, &shares) })
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
    template.render(context! {
        title => preflight.sender.as_ref().map_or("this machine", |sender| &sender.domain),
        verdict => screen::verdict(preflight.fitness()),
        fit => Value::from(Serde(preflight.fitness())),
        sides => sides.to_vec(),
        volume => preflight.sender.as_ref().map(|sender| sender.volume),
        rules,
        tree => screen::spf_tree(preflight),
        audience => preflight.audience.as_ref().map(|audience| Value::from(Serde(audience))),
        columns => Value::from(Serde(&shares)),
        warm_up => days,
    })
}

/// What is read first: what must be mended, then what could not be told, then advice, then what is well.
fn gravity(check: &Check) -> u8 {
    match (check.status, check.weight) {
        (Status::Fail, Weight::Required) => 0,
        (Status::Unknown, Weight::Required) => 1,
        (Status::Fail, Weight::Advised) => 2,
        (Status::Unknown, Weight::Advised) => 3,
        (Status::Pass, Weight::Required | Weight::Advised) => 4,
    }
}

/// One check, with its name for people and the record of its fix apart.
fn row(check: &Check) -> Value {
    let (fix, record) = match &check.fix {
        Some(fix) => {
            let (sentence, record) = parts(fix);
            (Some(sentence), record)
        }
        None => (None, None),
    };
    context! { title => title(check.id), check => Value::from(Serde(check)), fix, record }
}
