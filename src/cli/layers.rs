//! Options from where they may come: what is typed, the environment, the settings file, what comes with the program.

use std::ffi::OsString;
use std::net::AddrParseError;
use std::num::{IntErrorKind, ParseIntError};
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::safe::without_logins;
use super::{Cli, unreadable, usage};
use crate::cli::settings::{Settings, SettingsError};

/// What every variable of ours begins with.
const PREFIX: &str = "PRESEND_";

/// Options of `verify` that belong to one run and so are never kept.
const OF_ONE_RUN: [&str; 10] = [
    "help", "version", "out", "column", "world", "seed", "json", "refresh", "verbose", "config",
];

/// What is kept and never typed, for every user of a machine sees what is typed there.
#[cfg(feature = "engine")]
const SECRETS: &[&str] = &super::engine::SECRETS;
#[cfg(not(feature = "engine"))]
const SECRETS: &[&str] = &[];

/// The command line with what the environment and the settings file say of it.
pub(super) struct Layers {
    /// What the settings file says.
    pub(super) settings: Settings,
    /// The settings file, if there is one.
    pub(super) file: Option<PathBuf>,
    command: Command,
}

/// One setting in force.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct InForce {
    /// The option's name.
    pub(super) name: String,
    /// Its values; none when it is not set.
    pub(super) values: Vec<String>,
    /// Where it was found.
    pub(super) from: String,
}

impl Layers {
    /// Reads the settings file that `arguments` or the environment name, or the one in its usual place.
    pub(super) fn read(arguments: &[OsString]) -> anyhow::Result<Layers> {
        let plain = Cli::command();
        let known = kept(&plain);
        let file = file(arguments);
        let settings = match &file {
            None => Settings::default(),
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| unreadable(&format!("the settings {name}"), &error))?;
                let settings = Settings::from_toml(&text, &name, &known)?;
                check(&plain, &settings)?;
                settings
            }
        };
        let mut command = plain;
        let names: Vec<String> = command
            .get_subcommands()
            .map(|subcommand| subcommand.get_name().to_owned())
            .collect();
        for name in names {
            command = command.mut_subcommand(name, |subcommand| {
                with_layers(subcommand, &known, &settings)
            });
        }
        Ok(Layers {
            settings,
            file,
            command,
        })
    }

    /// Reads what was typed; ends the program with help or an error where that is called for.
    pub(super) fn parse(&self, arguments: &[OsString]) -> Cli {
        let parsed = self.command.clone().try_get_matches_from(arguments);
        parsed
            .and_then(|matches| Cli::from_arg_matches(&matches))
            .unwrap_or_else(|error| refuse(&error, arguments))
    }

    /// What the environment, else the settings file, says of an option that takes one value.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let said = std::env::var(variable(name)).ok();
        said.filter(|value| !value.is_empty())
            .or_else(|| self.settings.get(name)?.values.first().cloned())
    }

    /// Every setting with its value in force for `verify` and where that was found.
    pub(super) fn in_force(&self) -> anyhow::Result<Vec<InForce>> {
        let verify = subcommand(&self.command, "verify").clone();
        let matches = verify
            .clone()
            .try_get_matches_from(["verify", "-"])
            .map_err(|error| {
                let said = in_plain_words(&error, error.to_string());
                let said = said.trim_start_matches("error: ");
                usage(without_logins(
                    said,
                    secrets_set().iter().map(String::as_str),
                ))
            })?;
        let kept = kept(&self.command);
        let args = verify
            .get_arguments()
            .filter(|arg| name_of(arg).is_some_and(|name| kept.contains(&name)));
        Ok(args.map(|arg| self.one_in_force(arg, &matches)).collect())
    }

    fn one_in_force(&self, arg: &Arg, matches: &ArgMatches) -> InForce {
        let name = name_of(arg).unwrap_or_default();
        let id = arg.get_id().as_str();
        let values = matches
            .get_raw(id)
            .map(|raw| {
                raw.map(|value| value.to_string_lossy())
                    .map(|value| {
                        if MAY_HOLD_LOGINS.contains(&&*name) {
                            without_logins(&value, std::iter::once(&*value))
                        } else {
                            value.into_owned()
                        }
                    })
                    .collect()
            })
            .unwrap_or_default();
        let from = match matches.value_source(id) {
            Some(ValueSource::EnvVariable) => format!("the environment: {}", variable(&name)),
            Some(_) => match self.settings.get(&name) {
                Some(setting) => format!("{}, line {}", self.settings.file, setting.line),
                None => "default".to_owned(),
            },
            None => "not set".to_owned(),
        };
        InForce { name, values, from }
    }
}

/// The options whose values may hold a password: that of an engine must not, but a user may write one.
const MAY_HOLD_LOGINS: [&str; 2] = ["proxy", "engine"];

/// A value, with each of several that may stand in it, separated by commas.
fn apart(value: &str) -> Vec<String> {
    let parts = value.split(',').map(str::to_owned);
    std::iter::once(value.to_owned()).chain(parts).collect()
}

/// What the environment says of them.
fn secrets_set() -> Vec<String> {
    let set = MAY_HOLD_LOGINS.map(|name| std::env::var(variable(name)).unwrap_or_default());
    set.iter().flat_map(|value| apart(value)).collect()
}

/// Ends the program with what clap says of the command line, but for logins.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> ! {
    let values: Vec<String> = arguments
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .filter(|argument| {
            let names = |name: &&str| argument.starts_with(&format!("--{name}"));
            argument.contains("://") || MAY_HOLD_LOGINS.iter().any(names)
        })
        .flat_map(|value| apart(&value))
        .chain(secrets_set())
        .collect();
    let typed = MAY_HOLD_LOGINS.map(|name| {
        let option = format!("--{name}");
        let mut words = arguments.iter().skip_while(|word| **word != *option);
        let value = words.nth(1).map(|value| value.to_string_lossy());
        value.map(|value| apart(&value)).unwrap_or_default()
    });
    let typed: Vec<String> = typed.into_iter().flatten().collect();
    let said = error.render().to_string();
    let plain = in_plain_words(error, said.clone());
    let shown = without_logins(&plain, values.iter().chain(&typed).map(String::as_str));
    if shown == said {
        error.exit();
    }
    eprint!("{shown}");
    std::process::exit(error.exit_code());
}

/// What clap says in `text` of a value, with what to write in place of the standard library's words for it.
fn in_plain_words(error: &clap::Error, text: String) -> String {
    let Some(source) = std::error::Error::source(error) else {
        return text;
    };
    let words = source.to_string();
    let plain = if let Some(error) = source.downcast_ref::<ParseIntError>() {
        match error.kind() {
            IntErrorKind::PosOverflow => "this number is too large: write a smaller one",
            _ => "write a whole number, such as 25",
        }
    } else if source.is::<AddrParseError>() {
        if words.contains("socket") {
            "write an IP address with its port, such as 192.0.2.53:53 or [2001:db8::53]:53"
        } else {
            "write an IP address, such as 192.0.2.7 or 2001:db8::7"
        }
    } else {
        return text;
    };
    text.replace(&words, plain)
}

/// The names of the options that may be kept, and of what is nowhere typed but kept.
fn kept(command: &Command) -> Vec<String> {
    subcommand(command, "verify")
        .get_arguments()
        .filter_map(name_of)
        .filter(|name| !OF_ONE_RUN.contains(&name.as_str()))
        .chain(SECRETS.iter().map(|&name| name.to_owned()))
        .collect()
}

fn subcommand<'a>(command: &'a Command, name: &str) -> &'a Command {
    command
        .find_subcommand(name)
        .expect("the program has this subcommand")
}

fn name_of(arg: &Arg) -> Option<String> {
    arg.get_long().map(str::to_owned)
}

/// The environment's name for an option: `PRESEND_MAIL_FROM` for `mail-from`.
fn variable(name: &str) -> String {
    PREFIX.to_owned() + &name.replace('-', "_").to_uppercase()
}

/// A command whose options, and those of its own subcommands, listen to the environment and fall back to the settings.
fn with_layers(command: Command, known: &[String], settings: &Settings) -> Command {
    let below: Vec<String> = command
        .get_subcommands()
        .map(|subcommand| subcommand.get_name().to_owned())
        .collect();
    let command = command.mut_args(|arg| layered(arg, known, settings));
    below.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |subcommand| with_layers(subcommand, known, settings))
    })
}

/// An option that listens to the environment, and falls back to the settings.
fn layered(arg: Arg, known: &[String], settings: &Settings) -> Arg {
    let Some(name) = name_of(&arg).filter(|name| known.contains(name)) else {
        return arg;
    };
    // A variable that is set to nothing says nothing, as a compose file sets those that are left out.
    let says_something = std::env::var_os(variable(&name)).is_some_and(|said| !said.is_empty());
    let arg = if says_something {
        arg.env(variable(&name)).hide_env(true)
    } else {
        arg
    };
    match settings.get(&name) {
        Some(setting) => arg
            .default_values(setting.values.clone())
            .hide_default_value(MAY_HOLD_LOGINS.contains(&&*name)),
        None => arg,
    }
}

/// Lets the command line judge each setting by itself, so that what is wrong is said with its line.
fn check(plain: &Command, settings: &Settings) -> Result<(), SettingsError> {
    let verify = subcommand(plain, "verify");
    for setting in &settings.all {
        let is_switch = verify.get_arguments().any(|arg| {
            name_of(arg).as_ref() == Some(&setting.name)
                && matches!(arg.get_action(), ArgAction::SetTrue)
        });
        let bad = |message: String| SettingsError::BadValue {
            file: settings.file.clone(),
            line: setting.line,
            name: setting.name.clone(),
            message,
        };
        if SECRETS.contains(&setting.name.as_str()) {
            match setting.values.as_slice() {
                [_] => continue,
                _ => return Err(bad("is one text".to_owned())),
            }
        }
        if is_switch {
            match setting.values.as_slice() {
                [value] if value == "true" || value == "false" => continue,
                _ => return Err(bad("is true or false".to_owned())),
            }
        }
        let typed = setting
            .values
            .iter()
            .map(|value| format!("--{}={value}", setting.name));
        let words = std::iter::once("verify".to_owned())
            .chain(typed)
            .chain(["-".to_owned()]);
        if let Err(error) = verify.clone().try_get_matches_from(words) {
            let message = match std::error::Error::source(&error) {
                Some(source) => in_plain_words(&error, source.to_string()),
                None => error
                    .to_string()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned(),
            };
            return Err(bad(message));
        }
    }
    Ok(())
}

/// The settings file: named by `--config` or `PRESEND_CONFIG`, else the one in its usual place if it is there.
fn file(arguments: &[OsString]) -> Option<PathBuf> {
    named(arguments)
        .or_else(|| std::env::var_os(variable("config")).filter(|path| !path.is_empty()))
        .map(PathBuf::from)
        .or_else(|| usual_place().filter(|path| path.exists()))
}

/// What stands behind `--config`: needed before the command line can be read, for it says what options fall back to.
fn named(arguments: &[OsString]) -> Option<OsString> {
    let mut words = arguments.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().cloned();
        }
        let joined = word
            .to_str()
            .and_then(|word| word.strip_prefix("--config="));
        if let Some(path) = joined {
            return Some(path.into());
        }
    }
    None
}

/// Where programs keep their settings (XDG base directory specification); `None` where there is no home.
pub(super) fn usual_place() -> Option<PathBuf> {
    let from = |variable: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder =
        from("XDG_CONFIG_HOME").or_else(|| from("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("presend/config.toml"))
}
