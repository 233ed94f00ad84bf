//! `presend lists`.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::{Exit, state, unreadable, usage};
use crate::input::flags::{BUILT_IN, BUILT_IN_SINCE, Maintained};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::timestamp::Timestamp;

/// Options of `lists`.
#[derive(Debug, Args)]
pub(super) struct ListsArgs {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take a maintained list of throw-away domains, such as one that you fetch every week: a domain a line, or a JSON
    /// array
    Update {
        /// The list; `-` is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Runs `presend lists`.
pub(super) fn run(args: &ListsArgs) -> anyhow::Result<Exit> {
    let said = match &args.command {
        None => status()?,
        Some(Command::Update { file }) => take(file)?,
    };
    std::io::stdout().lock().write_all(said.as_bytes())?;
    Ok(Exit::Done)
}

/// The list that was taken last: its name and its text.
pub(super) fn update() -> anyhow::Result<Option<(String, String)>> {
    // Without a state directory nothing was ever kept.
    let Ok(path) = kept() else {
        return Ok(None);
    };
    let name = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((name, text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(usage(format!(
            "cannot read the list of throw-away domains {name}: {error}; delete it, or take a list anew with `presend lists \
             update FILE`"
        ))),
    }
}

/// Where a taken list is kept.
fn kept() -> anyhow::Result<PathBuf> {
    Ok(state::state_directory()?.join("presend/disposable.txt"))
}

fn status() -> anyhow::Result<String> {
    let built_in = format!(
        "disposable: built in, {} domains of mailchecker {BUILT_IN}, taken {BUILT_IN_SINCE} ({})\n",
        mailchecker::blacklist().len(),
        age(BUILT_IN_SINCE)
    );
    let taken = match update()? {
        None => "            nothing newer; throw-away domains change weekly: presend lists update FILE\n".to_owned(),
        Some((name, text)) => {
            let mut lines = text.lines();
            let (source, day) = described(lines.next().unwrap_or_default());
            format!(
                "            and {} domains from {source}, taken {day} ({}), in {name}\n",
                lines.count(),
                age(day)
            )
        }
    };
    Ok(built_in + &taken)
}

/// The first line of a kept list.
fn heading(source: &str, day: &str) -> String {
    format!("# {day} {source}")
}

/// Where a kept list is from and when it was taken, from its first line.
fn described(heading: &str) -> (&str, &str) {
    let said = heading.trim_start_matches(['#', ' ']);
    let (day, source) = said.split_once(' ').unwrap_or((said, "a file"));
    (source, day)
}

/// How long ago a day was, in words.
fn age(day: &str) -> String {
    let then = format!("{day}T00:00:00Z");
    let Ok(then) = humantime::parse_rfc3339(&then) else {
        return "at an unknown time".to_owned();
    };
    let days = SystemTime::now()
        .duration_since(then)
        .map_or(0, |age| age.as_secs() / 86_400);
    match days {
        0 => "today".to_owned(),
        1 => "1 day ago".to_owned(),
        days => format!("{days} days ago"),
    }
}

/// Takes a list and says what it brought.
fn take(file: &Path) -> anyhow::Result<String> {
    let (name, text) = read(file)?;
    let list = Maintained::read(&text, &Providers::built_in());
    let entries = list.domains.len() + list.providers.len() + list.unread.len();
    let first_unread = list.unread.first();
    if list.domains.is_empty() || list.unread.len() * 10 > entries {
        let example = first_unread.map_or_else(String::new, |(line, entry)| {
            format!(", such as line {line}, `{}`", super::safe::safe(entry))
        });
        return Err(usage(format!(
            "{name} is no list of domains: {} of {entries} entries are none{example}; give a file with one domain a line",
            list.unread.len()
        )));
    }
    let now = Timestamp::from(SystemTime::now()).to_string();
    let day = now.split('T').next().unwrap_or(&now);
    let path = kept()?;
    write(&path, &heading(&name, day), &list.domains)?;
    let built_in: std::collections::HashSet<&str> = mailchecker::blacklist().into_iter().collect();
    let new = list
        .domains
        .iter()
        .filter(|domain| !built_in.contains(domain.as_str()))
        .count();
    let mut said = vec![format!(
        "took {} throw-away domains from {name}, {new} of them not in the built-in list of {BUILT_IN_SINCE} ({})",
        list.domains.len(),
        age(BUILT_IN_SINCE)
    )];
    if !list.providers.is_empty() {
        said.push(format!(
            "left out, since people have their mailboxes there: {}",
            list.providers.join(", ")
        ));
    }
    if let Some((line, entry)) = first_unread {
        said.push(format!(
            "left out, since they are no domains: {}, the first in line {line}, `{}`",
            list.unread.len(),
            super::safe::safe(entry)
        ));
    }
    said.push(format!(
        "kept in {}; verify, check and estimate use it from now on\n",
        path.display()
    ));
    Ok(said.join("\n"))
}

/// The name and the text of a list to take.
fn read(file: &Path) -> anyhow::Result<(String, String)> {
    let (name, result) = if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin()
            .lock()
            .take(limits::MAINTAINED_LIST_BYTES + 1)
            .read_to_string(&mut text);
        ("standard input".to_owned(), read.map(|_| text))
    } else {
        let name = file.file_name().unwrap_or(file.as_os_str());
        let name = super::safe::safe(&name.to_string_lossy());
        let read = std::fs::File::open(file).and_then(|opened| {
            let mut text = String::new();
            opened
                .take(limits::MAINTAINED_LIST_BYTES + 1)
                .read_to_string(&mut text)?;
            Ok(text)
        });
        (name, read)
    };
    let text = result.map_err(|error| unreadable(&format!("the list {name}"), &error))?;
    if text.len() as u64 > limits::MAINTAINED_LIST_BYTES {
        return Err(usage(format!(
            "{name} is over {} MB: that is no list of throw-away domains; give a file with one domain a line",
            limits::MAINTAINED_LIST_BYTES / 1_000_000
        )));
    }
    Ok((name, text))
}

/// Writes a list beside its place and puts it there whole.
fn write(path: &Path, heading: &str, domains: &[String]) -> anyhow::Result<()> {
    let trouble = |error: std::io::Error| {
        usage(format!(
            "cannot write {}: {error}; make room there, or let this user write there",
            path.display()
        ))
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(trouble)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(trouble)?;
    let text = format!("{heading}\n{}\n", domains.join("\n"));
    file.write_all(text.as_bytes()).map_err(trouble)?;
    file.persist(path).map_err(|error| trouble(error.error))?;
    Ok(())
}
