//! `presend explain`: what a reply, a bounce message or a code means.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::tools::rule_book;
use super::{Exit, Refusal, unreadable};
use crate::bounce::explain::{self, Explanation, Hints, Knowledge, json, lines, render};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::stage::Stage;

/// Say what a reply, a bounce message or a code means, who refused, and what to do
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The reply or code, a message file (.eml), or `-` for standard input
    #[arg(
        value_name = "TEXT|FILE",
        required_unless_present = "lines",
        conflicts_with = "lines"
    )]
    pub input: Vec<String>,

    /// Take the words as text even if a file of that name exists
    #[arg(long, conflicts_with = "lines")]
    pub text: bool,

    /// Read one reply per line, optionally `stage<TAB>reply`, and write one JSON object per line; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub lines: Option<PathBuf>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,

    /// When in the conversation the reply came: connect, greeting, hello, tls, mail, rcpt, data
    #[arg(long, value_parser = parse_stage)]
    pub stage: Option<Stage>,

    /// Who runs the mail host that replied, such as `google`
    #[arg(long, value_name = "ID")]
    pub provider: Option<String>,

    /// Rules of your own, tried before the built-in ones
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
}

/// How the terminal wants it.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Width of the terminal, in columns.
    pub width: usize,
    /// Whether it may be coloured.
    pub style: render::Style,
}

/// Explains what was asked for, to `out`.
///
/// # Errors
///
/// When a file cannot be read, a stage or provider is not known, or `out` cannot be written to.
pub fn run(args: &ExplainArgs, screen: Screen, out: &mut dyn Write) -> anyhow::Result<()> {
    let providers = Providers::built_in();
    let book = rule_book(args.rules.as_deref())?;
    let provider = match &args.provider {
        None => None,
        Some(id) => match providers.by_id(id) {
            Some(provider) => Some(provider),
            None => {
                bail!("`{id}` is no provider that we know; see config/providers.toml for the names")
            }
        },
    };
    let hints = Hints {
        stage: args.stage,
        provider,
    };
    let knowledge = Knowledge {
        book: &book,
        providers: &providers,
    };
    if let Some(file) = &args.lines {
        let explain = |line: &lines::Line| {
            explain::explain_reply(
                &line.reply,
                Hints {
                    stage: line.stage.or(hints.stage),
                    ..hints
                },
                knowledge,
            )
        };
        return explain_lines(file, &explain, out);
    }
    let explanation = match source(args)? {
        Source::Input => {
            let bytes = read_bounded(io::stdin().lock())
                .map_err(|error| unreadable("standard input", &error))?;
            explain::explain(said(&bytes, "standard input")?, hints, knowledge)
        }
        Source::File(path) => {
            let name = path.display().to_string();
            let bytes = File::open(&path)
                .and_then(read_bounded)
                .map_err(|error| unreadable(&name, &error))?;
            explain::explain(said(&bytes, &name)?, hints, knowledge)
        }
        Source::Text(text) => {
            said(text.as_bytes(), "the text")?;
            explain::explain_text(&text, hints, knowledge)
        }
    };
    show(&explanation, args, screen, out)
}

/// Where the thing to explain is.
enum Source {
    Input,
    File(PathBuf),
    Text(String),
}

/// A dash is standard input, one word that names an existing file is that file, all else is text. A name of a file that is
/// not there is nothing to be explained as text: it would be read as a reply that says nothing.
fn source(args: &ExplainArgs) -> anyhow::Result<Source> {
    Ok(match args.input.as_slice() {
        [dash] if dash == "-" && !args.text => Source::Input,
        [path] if !args.text && Path::new(path).is_file() => Source::File(PathBuf::from(path)),
        [path] if !args.text && looks_like_a_file(path) => {
            bail!("there is no file {path}; say --text where these are the words to explain")
        }
        words => Source::Text(words.join(" ").replace("\\r\\n", "\n").replace("\\n", "\n")),
    })
}

/// What files that hold messages and replies are called.
const ENDINGS: &[&str] = &[
    "eml", "msg", "txt", "mbox", "mbx", "csv", "tsv", "json", "jsonl", "ndjson", "log", "gz",
    "zst", "xml", "html", "zip",
];

/// Whether one word is the name of a file rather than a reply: it begins like a path, or ends like a file.
fn looks_like_a_file(word: &str) -> bool {
    if word.is_empty() || word.contains(char::is_whitespace) || word.contains('@') {
        return false;
    }
    let is_path = ["/", "./", "../", "~/"]
        .iter()
        .any(|beginning| word.starts_with(beginning));
    let ending = Path::new(word)
        .extension()
        .and_then(|ending| ending.to_str());
    is_path
        || ending.is_some_and(|ending| {
            ENDINGS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(ending))
        })
}

/// The bytes of what is called `name`, unless there is nothing in them but blanks.
///
/// # Errors
///
/// That there is nothing to explain.
fn said<'b>(bytes: &'b [u8], name: &str) -> anyhow::Result<&'b [u8]> {
    if bytes.trim_ascii().is_empty() {
        Err(Refusal {
            exit: Exit::NoList,
            message: format!(
                "{name} is empty, so there is nothing to explain\n  \
             give a reply, a code or a message that came back (.eml)"
            ),
        }
        .into())
    } else {
        Ok(bytes)
    }
}

/// Reads at most as much as is looked at.
fn read_bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let most = u64::try_from(limits::MESSAGE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    from.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes one explanation.
fn show(
    explanation: &Explanation,
    args: &ExplainArgs,
    screen: Screen,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if args.json {
        writeln!(out, "{}", json::to_string_pretty(explanation)?)?;
    } else {
        out.write_all(render::render(explanation, screen.width, screen.style).as_bytes())?;
    }
    Ok(())
}

/// Explains each line of a file.
fn explain_lines(
    path: &Path,
    explain: &dyn Fn(&lines::Line) -> Explanation,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let name = path.display().to_string();
    let failed = |error| unreadable(&name, &error);
    let mut input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(failed)?))
    };
    let mut number = 0;
    let mut bytes = Vec::new();
    while read_line(&mut input, &mut bytes).map_err(failed)? {
        number += 1;
        let text = String::from_utf8_lossy(&bytes);
        let line = lines::read(number, &text).with_context(|| name.clone())?;
        writeln!(out, "{}", json::to_string(&explain(&line))?)?;
    }
    Ok(())
}

/// Reads one line of any length into `bytes`, keeping at most [`limits::QUOTE_BYTES`] of it. `false` at the end.
fn read_line(input: &mut dyn BufRead, bytes: &mut Vec<u8>) -> io::Result<bool> {
    bytes.clear();
    let mut any = false;
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(chunk.len(), |at| at + 1);
        let room = limits::QUOTE_BYTES.saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..taken.min(room)]);
        input.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// Reads the stage that `--stage` names.
fn parse_stage(word: &str) -> Result<Stage, String> {
    explain::stage_named(word).ok_or_else(|| format!("choose one of {}", explain::stage_choices()))
}

#[cfg(test)]
mod tests {
    use super::looks_like_a_file;

    #[test]
    fn a_name_of_a_file_is_known_from_a_reply() {
        for name in [
            "bounce.eml",
            "./bounce",
            "../in/bounce",
            "/var/mail/x",
            "in/Bounce.EML",
            "a.log.gz",
        ] {
            assert!(looks_like_a_file(name), "{name}");
        }
        for reply in [
            "550",
            "5.1.1",
            "550/5.1.1",
            "5XX",
            "",
            "greylisted",
            "user@host.txt",
            "550 see a.txt",
        ] {
            assert!(!looks_like_a_file(reply), "{reply}");
        }
    }
}
