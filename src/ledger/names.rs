//! Where an address or domain is named: in texts of the ledger, in bytes of files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aho_corasick::{AhoCorasick, MatchKind};

use crate::input::address::Address;
use crate::model::echo::{Borders, local_forms, whole_forms};
use crate::model::limits;

/// What stands where a name was blanked out.
const BLANK: &str = "[forgotten]";

/// What a text is, which decides what counts as a name in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Words of a host or of ours.
    Words,
    /// The name of a thing: an ordinary word in it is no local part.
    Name,
}

/// The addresses and domains to look for.
#[derive(Debug, Default)]
pub(super) struct Names {
    sought: Vec<Sought>,
}

/// One spelling of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sought {
    /// In lower case.
    text: String,
    borders: Borders,
    tells: Tells,
}

/// How surely a spelling stands for what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tells {
    /// An address, a domain, or a local part that is no ordinary word.
    Much,
    /// A local part that may be any word.
    Little,
}

impl Names {
    /// Looks for an address, by its key, and for its local part alone.
    pub(super) fn person(&mut self, key: &str) {
        for (text, borders) in whole_forms(key) {
            self.seek(text, borders, Tells::Much);
        }
        if let Some((local, domain)) = key.rsplit_once('@') {
            let readable = readable_domain(domain);
            if readable != domain {
                for (text, borders) in whole_forms(&format!("{local}@{readable}")) {
                    self.seek(text, borders, Tells::Much);
                }
            }
            // A letter or two identify no address.
            if local.len() < limits::TELLING_LOCAL_PART {
                return;
            }
        }
        for text in local_forms(key) {
            let tells = if text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                Tells::Little
            } else {
                Tells::Much
            };
            self.seek(text, Borders::Word, tells);
        }
    }

    /// Looks for a domain, by its name in ASCII.
    pub(super) fn domain(&mut self, name: &str) {
        for name in [name.to_owned(), readable_domain(name)] {
            for at in ["%40", "=40", "+40"] {
                self.seek(format!("{at}{name}"), Borders::Tail, Tells::Much);
            }
            self.seek(name, Borders::Domain, Tells::Much);
        }
    }

    fn seek(&mut self, text: String, borders: Borders, tells: Tells) {
        // ASCII is compared whatever its case; of other letters the usual ways to write them are.
        if !text.is_ascii() {
            let upper = text.to_uppercase();
            self.sought.push(Sought {
                text: upper,
                borders,
                tells,
            });
        }
        self.sought.push(Sought {
            text,
            borders,
            tells,
        });
    }

    /// Makes ready to look for all of them at once.
    pub(super) fn finder(mut self) -> Finder {
        self.sought.sort();
        self.sought.dedup();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(self.sought.iter().map(|sought| &sought.text))
            .expect("names are short");
        Finder {
            sought: self.sought,
            automaton,
        }
    }
}

/// Finds the spellings of [`Names`] in texts and files.
#[derive(Debug)]
pub(super) struct Finder {
    sought: Vec<Sought>,
    automaton: AhoCorasick,
}

impl Finder {
    /// Where names stand in a text, in bytes, in order of where they end.
    fn spans(&self, text: &str, part: Part) -> Vec<(usize, usize)> {
        let mut spans = Vec::new();
        for found in self.automaton.find_overlapping_iter(text) {
            let sought = &self.sought[found.pattern().as_usize()];
            let (before, behind) = (&text[..found.start()], &text[found.end()..]);
            let is_name = match part {
                Part::Words => true,
                Part::Name => sought.tells == Tells::Much,
            };
            if is_name && stands(sought, before, behind) {
                spans.push((found.start() - local_part(sought, before), found.end()));
            }
        }
        spans
    }

    /// Whether a text contains one of the names.
    pub(super) fn is_in(&self, text: &str, part: Part) -> bool {
        !self.spans(text, part).is_empty()
    }

    /// A text without names; `None` where none is in it.
    pub(super) fn blanked(&self, text: &str, part: Part) -> Option<String> {
        let mut spans = self.spans(text, part);
        if spans.is_empty() {
            return None;
        }
        spans.sort_unstable();
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for (start, end) in spans {
            if start >= copied {
                out.push_str(&text[copied..start]);
                out.push_str(BLANK);
            }
            copied = copied.max(end);
        }
        out.push_str(&text[copied..]);
        Some(out)
    }

    /// The files that still contain one of the names: of the ledger at `path` with all that is called after it, of what
    /// runs left hidden beside their lists.
    pub(super) fn still_named(&self, path: &Path, places: &[String]) -> Vec<PathBuf> {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut files = starting(folder.unwrap_or(Path::new(".")), &name);
        for place in places {
            files.extend(starting(Path::new(place), ".presend"));
        }
        files.sort();
        files.dedup();
        files.retain(|file| self.is_in_file(file).unwrap_or(false));
        files
    }

    /// Looks through the bytes of a file, whatever they are. Local parts that are ordinary words are not looked for:
    /// the tables of a ledger are called by such.
    fn is_in_file(&self, path: &Path) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let longest = self.sought.iter().map(|sought| sought.text.len()).max();
        // What stands across two readings is seen with what borders it.
        let overlap = longest.unwrap_or(0) + 2 * BORDER;
        let mut window: Vec<u8> = Vec::new();
        let mut buffer = vec![0; limits::SEARCHED_AT_ONCE];
        loop {
            let read = file.read(&mut buffer)?;
            window.extend_from_slice(&buffer[..read]);
            if self.is_in_bytes(&window) {
                return Ok(true);
            }
            if read == 0 {
                return Ok(false);
            }
            window.drain(..window.len().saturating_sub(overlap));
        }
    }

    fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        self.automaton.find_overlapping_iter(bytes).any(|found| {
            let sought = &self.sought[found.pattern().as_usize()];
            let before = &bytes[found.start().saturating_sub(BORDER)..found.start()];
            let behind = &bytes[found.end()..bytes.len().min(found.end() + BORDER)];
            sought.tells == Tells::Much
                && stands(
                    sought,
                    &String::from_utf8_lossy(before),
                    &String::from_utf8_lossy(behind),
                )
        })
    }
}

/// As many bytes beside a name decide whether it is one: two characters.
const BORDER: usize = 8;

/// Whether a spelling that was found between two texts stands for what it names.
fn stands(sought: &Sought, before: &str, behind: &str) -> bool {
    // In front of an `@`, a local part belongs to another address.
    let is_elsewhere = sought.borders == Borders::Word && behind.starts_with('@');
    !is_elsewhere && sought.borders.enclose(before, behind)
}

/// How many bytes in front of a domain are a local part with its `@`: it goes too.
fn local_part(sought: &Sought, before: &str) -> usize {
    match (sought.borders, before.strip_suffix('@')) {
        (Borders::Domain, Some(local)) => {
            let rest = local
                .trim_end_matches(|c: char| !c.is_whitespace() && !"<>()[]{}\"',;:=".contains(c));
            before.len() - rest.len()
        }
        (Borders::Tail, _) => {
            let rest =
                before.trim_end_matches(|c: char| c.is_alphanumeric() || "._-%+".contains(c));
            before.len() - rest.len()
        }
        (Borders::Domain | Borders::Address | Borders::ReturnPath | Borders::Word, _) => 0,
    }
}

/// A domain for display, IDNs in Unicode, by its name in ASCII.
fn readable_domain(name: &str) -> String {
    match Address::parse(&format!("x@{name}")) {
        Ok(address) => address.domain().readable().to_owned(),
        Err(_) => name.to_owned(),
    }
}

/// The files of a folder whose names start so.
fn starting(folder: &Path, start: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect()
}
