//! Runs where the system gives the program little.

use crate::list::Run;

#[test]
fn too_little_memory_is_said_to_be_that() {
    let list = b"email\na@b.test\n";
    let run = Run::verify_with_limit("-v 200000", list, &["--offline"]);
    assert_eq!(run.code(), 4, "{}", run.errors());
    assert!(run.errors().contains("ulimit -v"), "{}", run.errors());
    assert!(!run.exists("list.csv.presend"), "nothing was begun");
}

#[test]
fn little_memory_is_told_and_does_for_a_small_list() {
    let list = b"email\na@b.test\n";
    let run = Run::verify_with_limit("-v 400000", list, &["--offline"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert!(run.errors().contains("ulimit -v"), "{}", run.errors());
    let plain = Run::verify(list, &["--offline"]);
    assert!(!plain.errors().contains("ulimit"), "{}", plain.errors());
}
