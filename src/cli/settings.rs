//! Settings that an operator keeps in a file: options of the command line under their own names.
//!
//! A setting is overruled by the environment (`PRESEND_MAIL_FROM`), and that by the option itself (`--mail-from`). What
//! an option takes is for the command line to judge; here is said which options may be kept, and where each was found.

use toml::de::{DeTable, DeValue};

/// One setting as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The option's name without its hyphens in front, such as `mail-from`.
    pub name: String,
    /// What would be typed behind the option, once for each time it would be repeated.
    pub values: Vec<String>,
    /// The line it stands on, from 1.
    pub line: usize,
}

/// All settings of a file, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The file's name, for display.
    pub file: String,
    /// What it says.
    pub all: Vec<Setting>,
}

/// What is wrong with a settings file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It is no TOML.
    #[error(
        "{file}: {message}\n  a setting looks like `mail-from = \"verify@your-domain.example\"`"
    )]
    Malformed {
        /// The file's name.
        file: String,
        /// The parser's words, with line and column.
        message: String,
    },
    /// There is no such setting.
    #[error("{file}, line {line}: there is no setting `{name}`; {hint}")]
    Unknown {
        /// The file's name.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What was written.
        name: String,
        /// What to write instead.
        hint: String,
    },
    /// The setting is there, but not with this value.
    #[error("{file}, line {line}: `{name}`: {message}")]
    BadValue {
        /// The file's name.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The setting's name.
        name: String,
        /// What to change.
        message: String,
    },
}

impl Settings {
    /// Reads a settings file. `known` are the names that may be set.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] for the first thing wrong, with file and line.
    pub fn from_toml(text: &str, file: &str, known: &[String]) -> Result<Settings, SettingsError> {
        let table = DeTable::parse(text).map_err(|error| SettingsError::Malformed {
            file: file.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let mut all = Vec::new();
        for (key, value) in table.get_ref() {
            let name = key.get_ref().to_string();
            let line = text[..key.span().start].matches('\n').count() + 1;
            if !known.contains(&name) {
                return Err(SettingsError::Unknown {
                    file: file.to_owned(),
                    line,
                    hint: hint(&name, known),
                    name,
                });
            }
            let Some(values) = typed(value.get_ref()) else {
                return Err(SettingsError::BadValue {
                    file: file.to_owned(),
                    line,
                    name,
                    message: "takes a text, a number, true or false, or a list of these".to_owned(),
                });
            };
            all.push(Setting { name, values, line });
        }
        all.sort_by_key(|setting| setting.line);
        Ok(Settings {
            file: file.to_owned(),
            all,
        })
    }

    /// The setting of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.name == name)
    }
}

/// What would be typed for a value; `None` for what no option takes.
fn typed(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::String(text) => Some(vec![text.to_string()]),
        DeValue::Integer(number) => Some(vec![number.to_string()]),
        DeValue::Float(number) => Some(vec![number.to_string()]),
        DeValue::Boolean(yes) => Some(vec![yes.to_string()]),
        DeValue::Array(values) => {
            let values = values.iter().map(|value| match value.get_ref() {
                DeValue::Array(_) => None,
                single => typed(single)?.pop(),
            });
            values.collect()
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// Names that differ by this much at the most are taken for slips. Our choice.
const NEAR: usize = 3;

/// What to write instead of `name`.
fn hint(name: &str, known: &[String]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .min();
    match nearest {
        Some((distance, candidate)) if distance <= NEAR => format!("did you mean `{candidate}`?"),
        Some(_) | None => "`presend config` names those there are".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, SettingsError> {
        let known = ["mail-from", "host-rate", "dns", "allow-private"].map(str::to_owned);
        Settings::from_toml(text, "config.toml", &known)
    }

    #[test]
    fn a_setting_is_what_would_be_typed() {
        let settings = read(
            "# ours\nmail-from = \"verify@acme.test\"\ndns = [\"192.0.2.1:53\", \"192.0.2.2:53\"]\nallow-private = true\n",
        )
        .unwrap();
        let typed: Vec<(&str, usize, usize)> = settings
            .all
            .iter()
            .map(|setting| (setting.name.as_str(), setting.line, setting.values.len()))
            .collect();
        assert_eq!(
            typed,
            [("mail-from", 2, 1), ("dns", 3, 2), ("allow-private", 4, 1)]
        );
        assert_eq!(settings.get("allow-private").unwrap().values, ["true"]);
        assert_eq!(settings.get("host-rate"), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_file_line_and_remedy() {
        for (text, wanted) in [
            (
                "\nmailfrom = \"x\"",
                "config.toml, line 2: there is no setting `mailfrom`; did you mean `mail-from`?",
            ),
            (
                "colour = 1",
                "line 1: there is no setting `colour`; `presend config` names those there are",
            ),
            ("[dns]\na = 1", "line 1: `dns`: takes a text"),
            ("dns = [[1]]", "line 1: `dns`: takes a text"),
            ("mail-from = x", "config.toml: "),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
