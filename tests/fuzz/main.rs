//! The seeds of the fuzz targets, each read as its target reads it.
//!
//! The engine needs compiler flags of its own and a second build of everything; the targets' bodies do not. So they are
//! a part of the ordinary tests, where what was once found stays found, and cannot fall behind the program unseen.

mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use presend::model::seeded::SeededRng;

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

/// What stands where readers decide something.
const TOKENS: [&[u8]; 12] = [
    b"\r\n",
    b"\0",
    b"\"",
    b"<",
    b"@",
    b"=",
    b"%",
    b"{",
    b"\xff",
    b"\xc3\xa9",
    b";",
    b"99999999999999999999",
];

/// A number below `most`, or 0 where that is 0.
fn below(rng: &mut SeededRng, most: usize) -> usize {
    rng.between(0, most.saturating_sub(1))
}

/// Changes a few places of a seed, and joins it with another one now and then.
fn mutated(seed: &[u8], other: &[u8], rng: &mut SeededRng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=below(rng, 6) {
        let at = below(rng, bytes.len() + 1);
        let until = (at + below(rng, 8)).min(bytes.len());
        match below(rng, 6) {
            0 => drop(bytes.drain(at..until)),
            1 => {
                let again = bytes[at..until].repeat(1 + below(rng, 40));
                bytes.splice(at..at, again);
            }
            2 => drop(bytes.splice(at..at, rng.one_of(&TOKENS).iter().copied())),
            3 => {
                let from = below(rng, other.len() + 1);
                let piece = other[from..(from + below(rng, 64)).min(other.len())].to_vec();
                bytes.splice(at..until, piece);
            }
            _ if at < bytes.len() => bytes[at] ^= 1 << below(rng, 8),
            _ => bytes.push(u8::try_from(below(rng, 256)).unwrap()),
        }
    }
    bytes
}

/// A look that needs no engine: seeds changed by chance. `PRESEND_FUZZ_SECONDS` says how long each target is looked at, with
/// `PRESEND_FUZZ_TARGET` one of them alone; without them it is a moment.
#[test]
fn every_target_bears_its_seeds_changed() {
    let wish = |name: &str| std::env::var(name).ok();
    let seconds = wish("PRESEND_FUZZ_SECONDS").and_then(|text| text.parse().ok());
    let only = wish("PRESEND_FUZZ_TARGET");
    let seed = wish("PRESEND_FUZZ_SEED").map_or(0, |text| text.parse().unwrap());
    for (name, run) in targets::ALL {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let seeds = seeds(name);
        let mut rng = SeededRng::of(seed, name);
        let begun = Instant::now();
        let mut count = 0_u64;
        let goes_on = |count: u64| match seconds {
            Some(seconds) => begun.elapsed() < Duration::from_secs(seconds),
            None => count < 50,
        };
        while goes_on(count) {
            let (_, seed) = rng.one_of(&seeds);
            let (_, other) = rng.one_of(&seeds);
            let bytes = mutated(seed, other, &mut rng);
            let outcome = catch_unwind(AssertUnwindSafe(|| run(&bytes)));
            assert!(
                outcome.is_ok(),
                "{name} does not bear {}",
                bytes.escape_ascii()
            );
            count += 1;
        }
        println!("{name}: {count} in {:.0?}", begun.elapsed());
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
