//! The seeds of the fuzz targets, each read as its target reads it.
//!
//! The engine needs compiler flags of its own and a second build of everything; the targets' bodies do not. So they are a
//! part of the ordinary tests, where what was once found stays found, and cannot fall behind the program unseen.

mod targets;

use std::fs;
use std::path::Path;

/// The seeds of a target, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/seeds")
        .join(target);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.display().to_string(), fs::read(&path).unwrap())
        })
        .collect()
}

#[test]
fn every_target_bears_its_seeds() {
    for (name, run) in targets::ALL {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for (seed, bytes) in seeds {
            println!("{seed}");
            run(&bytes);
            // Whatever a seed is cut down to says where a reader looks past its end.
            for end in [0, 1, bytes.len() / 2, bytes.len().saturating_sub(1)] {
                run(&bytes[..end.min(bytes.len())]);
            }
        }
    }
}

#[test]
fn every_target_is_a_program_of_the_engine_and_told_of() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let told = fs::read_to_string(folder.join("README.md")).unwrap();
    for (name, _) in targets::ALL {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(told.contains(&format!("`{name}`")), "{name}");
        assert!(
            folder.join(format!("fuzz_targets/{name}.rs")).exists(),
            "{name}"
        );
    }
    assert_eq!(
        fs::read_dir(folder.join("fuzz_targets")).unwrap().count(),
        targets::ALL.len()
    );
    assert_eq!(
        fs::read_dir(folder.join("seeds")).unwrap().count(),
        targets::ALL.len()
    );
}
