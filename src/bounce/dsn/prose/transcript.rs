//! The transcript of the session that Sendmail and Courier append: `>>>` what they said, `<<<` what the host said.

/// A transcript, by lines.
#[derive(Debug)]
pub(super) struct Transcript<'a> {
    lines: Vec<&'a str>,
}

/// The line that announces a transcript, in lower case.
const ANNOUNCED: &str = "transcript of session follows";

/// Splits text before its transcript.
pub(super) fn split(text: &str) -> (&str, Option<Transcript<'_>>) {
    let lower = text.to_ascii_lowercase();
    let Some(at) = lower.find(ANNOUNCED) else {
        return (text, None);
    };
    let before = text[..at].trim_end_matches(['-', ' ']);
    let after = text[at + ANNOUNCED.len()..].trim_start_matches(['-', ' ']);
    let lines = after
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    (before, Some(Transcript { lines }))
}

impl Transcript<'_> {
    /// The recipients that the lines name in Sendmail's form: `554 <ann@example.net>... Host unknown`, each with the
    /// lines that speak of it.
    pub(super) fn recipients(&self) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for line in &self.lines {
            let Some((before, after)) = line.split_once("...") else {
                continue;
            };
            let code = before
                .get(..3)
                .is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
            let address = before
                .split_whitespace()
                .last()
                .filter(|word| word.starts_with('<') && word.ends_with('>'))
                .and_then(|word| super::super::fields::address(word, None));
            let Some(address) = address.filter(|_| code && !after.trim().is_empty()) else {
                continue;
            };
            match found
                .iter_mut()
                .find(|(known, _)| known.eq_ignore_ascii_case(&address))
            {
                Some((_, lines)) => {
                    lines.push('\n');
                    lines.push_str(line);
                }
                None => found.push((address, (*line).to_owned())),
            }
        }
        found
    }

    /// All its lines.
    pub(super) fn whole(&self) -> String {
        self.lines.join("\n")
    }

    /// The lines about `address`: from the last greeting of a host, what names the address, and the host's answer to
    /// it. All lines when it is the `lone` recipient of the notice.
    pub(super) fn of(&self, address: &str, lone: bool) -> String {
        if lone {
            return self.whole();
        }
        let address = address.to_ascii_lowercase();
        let mut talking_to = None;
        let mut about = Vec::new();
        let mut answering = false;
        for line in &self.lines {
            let lower = line.to_ascii_lowercase();
            if lower.contains("while talking to") {
                talking_to = Some(*line);
                answering = false;
            } else if lower.starts_with(">>>") {
                answering = lower.contains(&address);
                if answering {
                    about.extend(talking_to.take());
                    about.push(line);
                }
            } else if lower.starts_with("<<<") && answering || lower.contains(&address) {
                about.push(line);
            }
        }
        about.join("\n")
    }
}
