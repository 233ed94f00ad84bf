//! The lists that a command names, and where what comes of each goes.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::usage;
use crate::input::list::Source;
use crate::model::limits;
use crate::verify::Input;
use crate::verify::output::{Rights, identity_of_list};

/// What a path must be to mean standard input.
const STANDARD_INPUT: &str = "-";

/// What is added to a list's name to name the folder of what comes of it.
const FOLDER: &str = ".presend";

/// Opens the lists at `paths`, each once. No host is asked before all of them can be read.
///
/// # Errors
///
/// What keeps one of them from being read, or a list that is named twice.
pub(super) fn open(paths: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    if paths.len() > limits::LISTS {
        return Err(usage(format!(
            "{} lists are more than one run takes, which is {}; verify them in several runs, which share what they learn",
            paths.len(),
            limits::LISTS
        )));
    }
    let mut seen: HashMap<(u64, u64), &Path> = HashMap::new();
    for path in paths {
        // What is not there is for the opening to say.
        let Some(file) = identity_of_list(path) else {
            continue;
        };
        let Some(before) = seen.insert(file, path) else {
            continue;
        };
        return Err(usage(if before == path {
            format!("{} is named twice; name each list once", path.display())
        } else {
            format!(
                "{} and {} are the same list; name it once",
                before.display(),
                path.display()
            )
        }));
    }
    let sources = paths.iter().map(|path| Source::open(path));
    Ok(sources.collect::<Result<_, _>>()?)
}

/// Says where what comes of each list goes: to `out` where there is one, else to a folder each in it.
pub(super) fn placed(paths: &[PathBuf], sources: Vec<Source>, out: &Path) -> Vec<Input> {
    let rights = paths.iter().map(|path| Rights::of_what_comes_from(path));
    let is_alone = paths.len() == 1;
    let named = names(paths).into_iter().zip(sources).zip(rights);
    named
        .map(|((name, source), rights)| {
            let folder = if is_alone {
                out.to_owned()
            } else {
                out.join(format!("{name}{FOLDER}"))
            };
            Input {
                source,
                name: (!is_alone).then_some(name),
                out: folder,
                rights,
            }
        })
        .collect()
}

/// Where what comes of lists goes unless the operator says it: beside the first, in a folder with their names.
///
/// # Errors
///
/// When there is no such place, as for standard input.
pub(super) fn folder_beside(paths: &[PathBuf]) -> anyhow::Result<PathBuf> {
    if paths.iter().any(|path| path == Path::new(STANDARD_INPUT)) {
        return Err(usage(
            "a list from standard input has no place of its own: say where the lists go with --out DIR",
        ));
    }
    let mut folder = paths[0].clone().into_os_string();
    for name in names(paths).iter().skip(1) {
        folder.push("+");
        folder.push(name);
    }
    folder.push(FOLDER);
    let folder = PathBuf::from(folder);
    let length = folder.file_name().map_or(0, OsStr::len);
    if paths.len() > 1 && length > limits::FOLDER_NAME {
        Err(usage(format!(
            "a folder cannot be named after {} lists: say where the lists go with --out DIR",
            paths.len()
        )))
    } else {
        Ok(folder)
    }
}

/// What lists are called, no two alike: by their own names, and as much of the folders that lead to them as tells them
/// apart. Nor do names differ in nothing but capitals, which some file systems take for one.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let parts: Vec<Vec<String>> = paths.iter().map(|path| parts(path)).collect();
    let mut depths = vec![1; paths.len()];
    loop {
        let names: Vec<String> = parts
            .iter()
            .zip(&depths)
            .map(|(parts, depth)| parts[parts.len().saturating_sub(*depth)..].join("-"))
            .collect();
        let mut counts: HashMap<String, usize> = HashMap::new();
        for name in &names {
            *counts.entry(name.to_lowercase()).or_default() += 1;
        }
        let mut grew = false;
        for ((name, parts), depth) in names.iter().zip(&parts).zip(&mut depths) {
            if counts[&name.to_lowercase()] > 1 && *depth < parts.len() {
                *depth += 1;
                grew = true;
            }
        }
        if !grew {
            return numbered(names);
        }
    }
}

/// The folders that lead to a list, then its own name.
fn parts(path: &Path) -> Vec<String> {
    if path == Path::new(STANDARD_INPUT) {
        return vec!["standard input".to_owned()];
    }
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let normal = whole.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
            None
        }
    });
    normal.collect()
}

/// Gives a number to names that came before.
fn numbered(names: Vec<String>) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let is_free = |name: &str, taken: &[String]| {
            let same = |known: &String| known.to_lowercase() == name.to_lowercase();
            !taken.iter().any(same)
        };
        let mut unique = name.clone();
        let mut copies = 1;
        while !is_free(&unique, &taken) {
            copies += 1;
            unique = format!("{name}-{copies}");
        }
        taken.push(unique);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(paths: &[&str]) -> Vec<String> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        names(&paths)
    }

    #[test]
    fn lists_are_called_by_no_more_than_tells_them_apart() {
        assert_eq!(named(&["/x/a.csv", "/y/b.csv"]), ["a.csv", "b.csv"]);
        assert_eq!(
            named(&["/x/jan/a.csv", "/x/feb/a.csv", "/x/b.csv"]),
            ["jan-a.csv", "feb-a.csv", "b.csv"]
        );
        assert_eq!(
            named(&["/x/jan/eu/A.csv", "/x/feb/eu/a.csv"]),
            ["jan-eu-A.csv", "feb-eu-a.csv"]
        );
        assert_eq!(named(&["-", "/x/a.csv"]), ["standard input", "a.csv"]);
    }

    #[test]
    fn names_that_nothing_tells_apart_are_numbered() {
        // `jan/a.csv` is told from `feb/a.csv` by its folder, and then meets a list of that very name.
        let names = named(&["/jan/a.csv", "/feb/a.csv", "/jan-a.csv"]);
        assert_eq!(names, ["jan-a.csv", "feb-a.csv", "jan-a.csv-2"]);
    }

    #[test]
    fn the_folder_of_several_lists_is_named_after_all_of_them() {
        let folder = |paths: &[&str]| {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            folder_beside(&paths).map_err(|error| error.to_string())
        };
        assert_eq!(folder(&["/x/a.csv"]), Ok("/x/a.csv.presend".into()));
        assert_eq!(
            folder(&["/x/a.csv", "/y/b.xlsx"]),
            Ok("/x/a.csv+b.xlsx.presend".into())
        );
        let many: Vec<String> = (0..40).map(|n| format!("/x/customers-{n}.csv")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for paths in [&many[..], &["a.csv", "-"], &["-"]] {
            assert!(folder(paths).unwrap_err().contains("--out"));
        }
    }
}
