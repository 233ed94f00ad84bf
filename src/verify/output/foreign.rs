//! What a run would replace: never the list itself, and nothing that presend did not write.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{BOUNCES, CLIENTS_PAGE, PAGE, REPORT, SUMMARY, WORKBOOK};
use crate::model::columns;
use crate::model::limits;

/// Whether files that presend did not write may be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replace {
    /// They stay, and the run does not begin.
    #[default]
    OnlyOurs,
    /// The operator says so.
    Anything,
}

/// Why a run must not write where it is told to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Protected {
    /// The list would be replaced by what is made of it.
    #[error(
        "{} is the list itself and would be replaced by what is made of it; name another place",
        .0.display()
    )]
    TheList(PathBuf),
    /// A file that another program wrote would be replaced.
    #[error(
        "{} was not written by presend and would be replaced; name another place, or say --force to replace it",
        .0.display()
    )]
    Foreign(PathBuf),
}

/// Makes sure that writing to `paths` destroys nothing: neither one of `lists`, by whatever path or link it is reached,
/// nor what another program or a person wrote.
///
/// # Errors
///
/// [`Protected`] for the first path that must stay as it is.
pub fn protect(
    lists: &[impl AsRef<Path>],
    paths: &[PathBuf],
    replace: Replace,
) -> Result<(), Protected> {
    let lists = lists.iter().map(|list| identity_of_list(list.as_ref()));
    let lists: Vec<(u64, u64)> = lists.flatten().collect();
    for path in paths {
        let Some(here) = identity(path) else { continue };
        if lists.contains(&here) {
            return Err(Protected::TheList(path.clone()));
        }
        if replace == Replace::OnlyOurs && !is_ours(path) {
            return Err(Protected::Foreign(path.clone()));
        }
    }
    Ok(())
}

/// The pages that are made of `report.json`.
const PAGES: [&str; 3] = [PAGE, SUMMARY, CLIENTS_PAGE];

/// What two lists have in common when they are one file: a list that the shell takes from a file is that file.
#[must_use]
pub fn identity_of_list(list: &Path) -> Option<(u64, u64)> {
    if list == Path::new("-") {
        identity(Path::new("/dev/stdin"))
    } else {
        identity(list)
    }
}

/// What two paths have in common when they lead to one file; `None` where there is none.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Whether presend wrote the file at `path`, by how it begins. A file that cannot be read counts as not ours; an empty
/// one holds nothing that could be lost.
///
/// The pages of a report bear no mark, since they are for clients; they are ours where the numbers beside them are, and
/// so is a spreadsheet, where they may be a folder above: that of one of several lists.
fn is_ours(path: &Path) -> bool {
    let numbers = path.with_file_name(REPORT);
    if PAGES.iter().any(|page| path.ends_with(page)) {
        return is_marked(&numbers);
    }
    if path.ends_with(WORKBOOK) {
        let above = path.parent().map(|folder| folder.with_file_name(REPORT));
        return is_marked(&numbers) || above.is_some_and(|numbers| is_marked(&numbers));
    }
    is_marked(path)
}

fn is_marked(path: &Path) -> bool {
    match beginning(path) {
        Ok(text) => text.is_empty() || bears_our_mark(&text),
        Err(_) => false,
    }
}

fn beginning(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let most = limits::OUR_MARK_BYTES as u64;
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Each kind of file that is written has a mark of its own near its beginning: lists their added columns, JSON lines
/// the same as keys, reports the program's name, changes, bounces and metrics their first line, the page of a preflight
/// its generator.
fn bears_our_mark(text: &str) -> bool {
    let added = columns::NAMES[1];
    text.contains(added)
        || text.contains("\"program\": \"presend")
        || text.starts_with("address,change,before,now")
        || text.starts_with(&BOUNCES.join(","))
        || text.starts_with("# HELP presend_")
        || text.contains("<meta name=\"generator\" content=\"presend preflight\">")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    fn here(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn the_list_is_never_replaced_by_whatever_path_it_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let list = here(folder.path(), "verified.csv", "email,presend_verdict\n");
        let (linked, hard) = (
            folder.path().join("soft.csv"),
            folder.path().join("hard.csv"),
        );
        std::os::unix::fs::symlink(&list, &linked).unwrap();
        fs::hard_link(&list, &hard).unwrap();
        for name in [&list, &linked, &hard, &folder.path().join("./verified.csv")] {
            for replace in [Replace::OnlyOurs, Replace::Anything] {
                let refused = protect(&[name], std::slice::from_ref(&list), replace);
                assert_eq!(refused, Err(Protected::TheList(list.clone())));
            }
        }
    }

    #[test]
    fn a_foreign_file_stays_unless_the_operator_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let list = here(folder.path(), "list.csv", "email\n");
        let theirs = here(folder.path(), "verified.csv", "email\nlena@tolk.test\n");
        let paths = [theirs.clone()];
        let refused = protect(std::slice::from_ref(&list), &paths, Replace::OnlyOurs);
        assert_eq!(refused, Err(Protected::Foreign(theirs)));
        assert_eq!(
            protect(std::slice::from_ref(&list), &paths, Replace::Anything),
            Ok(())
        );
    }

    #[test]
    fn what_an_earlier_run_wrote_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let list = here(folder.path(), "list.csv", "email\n");
        for text in [
            "",
            "email,presend_address,presend_verdict,presend_reason\n",
            "{\"email\":\"a\",\"presend_address\":\"a\",\"presend_verdict\":\"risky\"}\n",
            "{\n  \"schema\": 1,\n  \"program\": \"presend 0.1.0\",",
            "address,change,before,now\n",
            "# HELP presend_rows Rows\n",
        ] {
            let ours = here(folder.path(), "out", text);
            assert_eq!(
                protect(std::slice::from_ref(&list), &[ours], Replace::OnlyOurs),
                Ok(()),
                "{text}"
            );
        }
        let page = here(folder.path(), "report.html", "<!DOCTYPE html>\n");
        let refused = protect(
            std::slice::from_ref(&list),
            std::slice::from_ref(&page),
            Replace::OnlyOurs,
        );
        assert_eq!(refused, Err(Protected::Foreign(page.clone())));
        here(
            folder.path(),
            "report.json",
            "{\"program\": \"presend 0.1.0\"}",
        );
        assert_eq!(
            protect(std::slice::from_ref(&list), &[page], Replace::OnlyOurs),
            Ok(())
        );
        let none = folder.path().join("none");
        assert_eq!(
            protect(std::slice::from_ref(&list), &[none], Replace::OnlyOurs),
            Ok(())
        );
    }

    #[test]
    fn every_error_says_what_to_change() {
        let texts = error_texts!(Protected {
            TheList("leads.csv".into()),
            Foreign("diary.csv".into()),
        });
        insta::assert_snapshot!(texts, @r"
        leads.csv is the list itself and would be replaced by what is made of it; name another place
        diary.csv was not written by presend and would be replaced; name another place, or say --force to replace it
        ");
    }
}
