//! `presend config`.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::Args;

use super::Exit;
use super::layers::{InForce, Layers, usual_place};
use super::safe::safe;

/// Options of `config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Print the settings as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `presend config`: the settings in force, and where each came from.
pub(super) fn run(args: &ConfigArgs, layers: &Layers) -> anyhow::Result<Exit> {
    let settings = layers.in_force()?;
    let text = if args.json {
        let file = layers.file.as_ref().map(|file| file.display().to_string());
        format!(
            "{}\n",
            serde_json::json!({ "file": file, "settings": settings })
        )
    } else {
        describe(&settings, layers)
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

fn describe(settings: &[InForce], layers: &Layers) -> String {
    let mut text = String::new();
    match (&layers.file, usual_place()) {
        (Some(file), _) => {
            let _ = writeln!(text, "settings file: {}", file.display());
        }
        (None, Some(usual)) => {
            let _ = writeln!(
                text,
                "settings file: none; options may be kept in {}, such as\n  mail-from = \"verify@your-domain.example\"",
                usual.display()
            );
        }
        (None, None) => {
            let _ = writeln!(text, "settings file: none; name one with --config FILE");
        }
    }
    let width = |of: fn(&InForce) -> usize| settings.iter().map(of).max().unwrap_or(0);
    let names = width(|setting| setting.name.len());
    let values = width(|setting| shown(setting).chars().count());
    let _ = writeln!(text);
    for setting in settings {
        let (name, value) = (&setting.name, shown(setting));
        let _ = writeln!(
            text,
            "  {name:<names$}  {value:<values$}  {}",
            safe(&setting.from)
        );
    }
    let _ = writeln!(
        text,
        "\nAn option overrules the environment (PRESEND_MAIL_FROM for mail-from), and that the file."
    );
    text
}

/// The values as they would be typed.
fn shown(setting: &InForce) -> String {
    if setting.values.is_empty() {
        return "-".to_owned();
    }
    safe(&setting.values.join(" "))
}
