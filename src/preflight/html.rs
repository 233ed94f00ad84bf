//! A preflight as one HTML page that needs nothing else.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use super::check::Side;
use super::report::Preflight;
use super::screen;

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
    .map(|(title, side)| context! { title, checks => Value::from(Serde(preflight.checks_about(side).collect::<Vec<_>>())) });
    template.render(context! {
        title => preflight.sender.as_ref().map_or("this machine", |sender| &sender.domain),
        verdict => screen::verdict(preflight.fitness()),
        sides => sides.to_vec(),
        tree => screen::spf_tree(preflight),
        warm_up => Value::from(Serde(&preflight.warm_up)),
    })
}
