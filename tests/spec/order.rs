//! A module imports only from those that stand above it in `src/lib.rs`, and no files of a folder import in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_module_imports_from_below() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let library = std::fs::read_to_string(root.join("lib.rs")).unwrap();
    let order: Vec<&str> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert!(order.len() > 10, "lib.rs is read");
    let place = |module: &str| order.iter().position(|known| *known == module);
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut offences = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let module = inside
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        let Some(own) = place(module) else { continue };
        let text = std::fs::read_to_string(&file).unwrap();
        for part in text.split("crate::").skip(1) {
            let name: String = part
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if place(&name).is_some_and(|other| other > own) {
                offences.push(format!("{} imports {name}", inside.display()));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

/// The text of a source without comments and its unit tests.
fn code_of(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that stand in a folder, tests apart, each with its files.
fn members(folder: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut members: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["mod", "lib", "main", "tests"].contains(&name.as_str()) {
            continue;
        }
        if path.join("mod.rs").exists() {
            sources(&path, members.entry(name).or_default());
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            members.entry(name).or_default().push(path);
        }
    }
    members
}

/// Whom of its neighbours in `folder` a file imports from.
fn imports(folder: &Path, file: &Path, root: &Path, neighbours: &BTreeSet<&str>) -> Vec<String> {
    let inside = file.strip_prefix(folder).unwrap();
    let below = inside.iter().count() - usize::from(inside.ends_with("mod.rs"));
    let from_here = "super::".repeat(below);
    let from_root: String = folder
        .strip_prefix(root)
        .unwrap()
        .iter()
        .map(|part| format!("{}::", part.to_str().unwrap()))
        .collect();
    let import = format!(r"(?:(?:^|[^\w:]){from_here}|crate::{from_root})(\w+|\{{[^;]*?\}})");
    let names = Regex::new(r"\w+").unwrap();
    let code = code_of(file);
    let imports = Regex::new(&import).unwrap();
    imports
        .captures_iter(&code)
        .flat_map(|found| {
            let found = found.get(1).unwrap().as_str();
            names.find_iter(found).map(|name| name.as_str().to_owned())
        })
        .filter(|name| neighbours.contains(name.as_str()))
        .collect()
}

/// Some members that import from each other in a circle.
fn circle(imported: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut left = imported.clone();
    // A member that imports from no other that is left is in no circle.
    loop {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, from| from.iter().any(|name| names.contains(name)));
        if left.len() == before {
            break;
        }
    }
    (!left.is_empty()).then(|| left.into_keys().collect())
}

/// What the world does is a value, what the operator got wrong a typed error; only the command line, which prints them
/// all, may forget their types.
#[test]
fn only_the_command_line_forgets_the_types_of_errors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let (cli, others): (Vec<_>, Vec<_>) = files
        .iter()
        .filter(|file| code_of(file).contains("anyhow"))
        .partition(|file| file.starts_with(root.join("cli")));
    assert!(!cli.is_empty(), "the sources are read");
    assert_eq!(others, Vec::<&PathBuf>::new());
}

#[test]
fn no_files_of_a_folder_import_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let folders: BTreeSet<&Path> = files.iter().map(|file| file.parent().unwrap()).collect();
    assert!(folders.len() > 20, "the folders are found");
    let mut circles = Vec::new();
    for folder in folders {
        let members = members(folder);
        let neighbours: BTreeSet<&str> = members.keys().map(String::as_str).collect();
        let imported = members
            .iter()
            .map(|(name, files)| {
                let from = files
                    .iter()
                    .filter(|file| !file.ends_with("tests.rs"))
                    .filter(|file| {
                        !file
                            .strip_prefix(folder)
                            .unwrap()
                            .iter()
                            .any(|part| part == "tests")
                    })
                    .flat_map(|file| imports(folder, file, &root, &neighbours))
                    .filter(|other| other != name)
                    .collect();
                (name.clone(), from)
            })
            .collect();
        if let Some(circle) = circle(&imported) {
            circles.push(format!("{}: {}", folder.display(), circle.join(", ")));
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found() {
    let of = |pairs: &[(&str, &[&str])]| {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        circle(
            &pairs
                .iter()
                .map(|(name, from)| ((*name).to_owned(), owned(from)))
                .collect(),
        )
    };
    assert_eq!(of(&[("a", &["b"]), ("b", &["c"]), ("c", &[])]), None);
    assert!(of(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]).is_some());
}
