//! Warnings about hosts, as a user reads them.

use std::fmt::Write as _;

use crate::list::Run;

/// A host that refuses every recipient after a while.
const WORLD: &str = include_str!("../scenarios/refuses-everybody-after-many.toml");

#[test]
fn a_warning_quotes_the_words_it_is_about_and_names_nobody() {
    let scenario: toml::Value = toml::from_str(WORLD).unwrap();
    let people = scenario["list"].as_array().unwrap();
    let mut list = "email\n".to_owned();
    for address in people {
        let _ = writeln!(list, "{}", address.as_str().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world.toml");
    std::fs::write(&world, toml::to_string(&scenario["world"]).unwrap()).unwrap();
    let world = world.display().to_string();
    let run = Run::verify(list.as_bytes(), &["--world", &world]);
    let errors = run.errors();
    assert!(errors.contains("its refusals are not believed"), "{errors}");
    assert!(
        errors.contains(r#"It said: "550 5.1.1 <…>: Recipient address rejected"#),
        "{errors}"
    );
    for address in people {
        let address = address.as_str().unwrap();
        assert!(!errors.contains(address), "{address}: {errors}");
    }
}
