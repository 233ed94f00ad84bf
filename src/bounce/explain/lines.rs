//! Replies in a file, one a line: `reply`, or `stage<TAB>reply`.

use super::stage;
use crate::bounce::dsn::quoted;
use crate::model::stage::Stage;

/// One line of such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The stage, where the line names it.
    pub stage: Option<Stage>,
    /// The reply, its line breaks restored.
    pub reply: String,
}

/// A line that names a stage which is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line}: `{word}` is no stage; write one of {choices} before the tab, or leave the tab out"
)]
pub struct UnknownStage {
    /// The line, counted from 1.
    pub line: usize,
    /// The word, made safe to show.
    pub word: String,
    /// The stages to choose from.
    pub choices: String,
}

/// Reads one line. A line break within the reply is written as a backslash with an `n`.
///
/// # Errors
///
/// When a word stands before a tab that is no stage. A tab within a reply is no such: what stands before it then is a
/// reply itself.
pub fn read(number: usize, text: &str) -> Result<Line, UnknownStage> {
    let text = text.trim_end_matches(['\r', '\n']);
    let (stage, reply) = match text.split_once('\t') {
        None => (None, text),
        Some(("", reply)) => (None, reply),
        Some((word, reply)) => match stage::named(word) {
            Some(stage) => (Some(stage), reply),
            None if quoted::read(word).reply.is_some() => (None, text),
            None => {
                return Err(UnknownStage {
                    line: number,
                    word: super::safe::line(word),
                    choices: stage::choices(),
                });
            }
        },
    };
    Ok(Line {
        stage,
        reply: reply.replace("\\r\\n", "\n").replace("\\n", "\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_name_its_stage() {
        let line = |stage, reply: &str| {
            Ok(Line {
                stage,
                reply: reply.to_owned(),
            })
        };
        assert_eq!(read(1, "550 no\r\n"), line(None, "550 no"));
        assert_eq!(
            read(1, "rcpt to\t550-no\\n550 really"),
            line(Some(Stage::Rcpt), "550-no\n550 really")
        );
        assert_eq!(read(1, "550 no\tnever"), line(None, "550 no\tnever"));
        let error = read(7, "lunch\t550 no").unwrap_err().to_string();
        assert!(
            error.contains("line 7") && error.contains("lunch") && error.contains("rcpt"),
            "{error}"
        );
    }
}
