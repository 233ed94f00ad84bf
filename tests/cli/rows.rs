//! What a list holds, as people keep it, and what comes out to be imported again.

use std::os::unix::fs::PermissionsExt;

use crate::list::{Run, presend, repository};

/// A record of a list that came out, by the names of its columns.
type Record = std::collections::BTreeMap<String, String>;

/// The records of one of the lists that came out.
fn records(run: &Run, name: &str) -> Vec<Record> {
    parse(&run.list(name), b',')
}

fn parse(list: &str, delimiter: u8) -> Vec<Record> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(list.as_bytes());
    let names: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let record = |record: csv::StringRecord| -> Record {
        names
            .iter()
            .cloned()
            .zip(record.iter().map(str::to_owned))
            .collect()
    };
    reader
        .records()
        .map(|found| record(found.unwrap()))
        .collect()
}

fn world() -> String {
    repository("tests/fixtures/lists/tolk.toml")
}

/// Verifies a list in a world where lena, omar, pia, remy and suri have a mailbox at tolk.test.
fn verified(list: &[u8], arguments: &[&str]) -> Run {
    let world = world();
    let mut words = vec!["--world", &world];
    words.extend(arguments);
    let run = Run::verify(list, &words);
    assert_eq!(run.code(), 0, "{}", run.errors());
    run
}

fn count(run: &Run, kind: &str, name: &str) -> u64 {
    run.report()["counts"][kind][name].as_u64().unwrap_or(0)
}

fn steps(run: &Run) -> String {
    String::from_utf8_lossy(&run.output.stdout).into_owned()
}

#[test]
fn a_cell_with_several_addresses_is_one_message_to_the_best_of_them() {
    let list = std::fs::read(repository("tests/fixtures/lists/several.csv")).unwrap();
    let run = verified(&list, &[]);
    assert_eq!(
        run.list("rejected.csv").lines().count(),
        1,
        "{}",
        run.list("rejected.csv")
    );
    assert_eq!(
        run.list("review.csv").lines().count(),
        1,
        "{}",
        run.list("review.csv")
    );
    let rows = records(&run, "verified.csv");
    assert_eq!(rows.len(), 14);
    for row in &rows {
        assert_eq!(row["presend_reason"], "accepted", "{row:?}");
        assert_eq!(row["email"], row["presend_address"], "{row:?}");
        let several = row["presend_flags"].contains("several_addresses");
        assert_eq!(several, row["what"] != "one", "{row:?}");
        assert!(row["presend_flags"].contains("cleaned") && !row["presend_input"].is_empty());
    }
    assert_eq!(count(&run, "flag", "several_addresses"), 12);
    assert_eq!(run.report()["projection"]["input"]["rows"], 14);
}

#[test]
fn of_several_addresses_the_one_that_takes_mail_counts() {
    let list = b"name,email\nL,nobody@tolk.test; lena@tolk.test\nO,omar@tolk.test\n";
    let rows = records(&verified(list, &[]), "verified.csv");
    assert_eq!(rows[0]["presend_address"], "lena@tolk.test");
    assert_eq!(rows[0]["presend_input"], "nobody@tolk.test; lena@tolk.test");
}

#[test]
fn addresses_behind_the_last_named_column_belong_to_their_row() {
    let list =
        b"name,email\nL,nobody@tolk.test,lena@tolk.test\nO,omar@tolk.test\nP,pia@tolk.test\n";
    let run = verified(list, &[]);
    let out = run.list("verified.csv");
    assert_eq!(out.lines().count(), 4, "{}", run.list("rejected.csv"));
    let row = "L,nobody@tolk.test,lena@tolk.test,lena@tolk.test,deliverable,";
    assert!(
        out.contains(row) && out.contains("several_addresses"),
        "{out}"
    );
}

#[test]
fn a_person_on_the_suppression_list_is_left_alone_at_every_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stop.txt");
    std::fs::write(&file, "omar@tolk.test\n").unwrap();
    let list = b"name,email\nL,lena@tolk.test; omar@tolk.test\nP,pia@tolk.test\n";
    let run = verified(list, &["--suppress", file.to_str().unwrap()]);
    let rows = records(&run, "rejected.csv");
    assert_eq!(rows.len(), 1, "{}", run.list("verified.csv"));
    assert_eq!(rows[0]["presend_reason"], "suppressed");
}

#[test]
fn further_columns_that_are_named_belong_to_the_same_message() {
    let list = b"Name,Work,Private\nL,nobody@tolk.test,lena@tolk.test\nO,omar@tolk.test,\n";
    let run = verified(list, &["--column", "Work", "--column", "Private"]);
    let rows = records(&run, "verified.csv");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["presend_address"], "lena@tolk.test");
    assert_eq!(rows[0]["Work"], "nobody@tolk.test");
    assert!(rows[0]["presend_flags"].contains("several_addresses"));
    assert_eq!(rows[1]["presend_address"], "omar@tolk.test");
    assert!(!rows[1]["presend_flags"].contains("several_addresses"));
}

#[test]
fn contacts_as_google_and_exchange_export_them_lose_nobody() {
    let google = b"Name,E-mail 1 - Value,E-mail 2 - Value\n\
        A,lena@tolk.test,\nB,omar@tolk.test ::: pia@tolk.test,\nC,,remy@tolk.test\nD,,\n";
    let run = verified(
        google,
        &[
            "--column",
            "E-mail 1 - Value",
            "--column",
            "E-mail 2 - Value",
        ],
    );
    assert_eq!(records(&run, "verified.csv").len(), 3);
    assert_eq!(
        records(&run, "rejected.csv")[0]["presend_reason"],
        "no_address"
    );
    let exchange =
        b"cn,proxyAddresses\nL,\"smtp:omar@tolk.test;SMTP:lena@tolk.test;X500:/o=Tolk/cn=lena\"\nP,SMTP:pia@tolk.test\n";
    let run = verified(exchange, &["--column", "proxyAddresses"]);
    assert_eq!(
        records(&run, "verified.csv")[0]["presend_address"],
        "lena@tolk.test"
    );
}

#[test]
fn a_row_without_an_address_is_no_message() {
    let empty = ",,\n".repeat(20);
    let list = format!("Name,Email,City\nLena,lena@tolk.test,Bonn\n{empty}Omar,n/a,Kiel\n");
    let run = verified(list.as_bytes(), &[]);
    assert_eq!(count(&run, "reason", "no_address"), 21);
    assert_eq!(run.report()["list"]["rows"], 22);
    assert_eq!(run.report()["projection"]["input"]["rows"], 1);
    let rows = records(&run, "rejected.csv");
    assert_eq!(rows.len(), 21);
    for row in &rows {
        let of = |name: &str| row[name].as_str();
        assert_eq!(
            (
                of("presend_verdict"),
                of("presend_bounce"),
                of("presend_address")
            ),
            ("unknown", "", "")
        );
    }
    let screen = steps(&run);
    assert!(!screen.contains("out of your records"), "{screen}");
    assert!(screen.contains("21 rows without an address"), "{screen}");
}

#[test]
fn a_footer_is_no_address_that_bounces() {
    let list = b"Name,Email,City\nLena,lena@tolk.test,Bonn\nOmar,omar@tolk.test,Kiel\n\n\
        Internal Use Only\nCopyright (c) 2026 tolk, inc. All rights reserved.\nTotal records: 2\n";
    let run = verified(list, &[]);
    assert_eq!(run.report()["projection"]["input"]["rows"], 2);
    assert_eq!(count(&run, "reason", "bad_syntax"), 0);
}

#[test]
fn a_further_row_of_a_mailbox_leaves_the_verified_ones() {
    let run = verified(
        b"email\nlena@tolk.test\nLENA@tolk.test\nmailto:lena@tolk.test\n",
        &[],
    );
    assert_eq!(records(&run, "verified.csv").len(), 1);
    let rows = records(&run, "rejected.csv");
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row["presend_verdict"], "deliverable");
        assert!(row["presend_flags"].contains("duplicate"), "{row:?}");
    }
    assert_eq!(run.report()["list"]["duplicates"], 2);
    let screen = steps(&run);
    assert!(screen.contains("2 duplicate rows"), "{screen}");
    assert!(!screen.contains("out of your records"), "{screen}");
}

#[test]
fn a_further_row_in_review_stays_beside_the_first() {
    let list =
        b"name,email\nL,lena@tolk.test; omar@tolk.test\nO,\"lena@tolk.test, omar@tolk.test\"\n";
    let run = Run::verify(list, &["--offline"]);
    let rows = records(&run, "review.csv");
    assert_eq!(rows.len(), 2, "{}", run.list("rejected.csv"));
    assert!(rows[1]["presend_flags"].contains("duplicate"), "{rows:?}");
}

#[test]
fn a_policy_file_may_keep_duplicates() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let policy = "deliverable = \"verified\"\nrisky = \"review\"\nunknown = \"review\"\nundeliverable = \"rejected\"\n";
    std::fs::write(&file, policy).unwrap();
    let run = verified(
        b"email\nlena@tolk.test\nlena@tolk.test\n",
        &["--policy", file.to_str().unwrap()],
    );
    assert_eq!(records(&run, "verified.csv").len(), 2);
}

#[test]
fn only_what_is_dead_is_to_be_taken_out_of_the_records() {
    let list =
        b"email\nlena@tolk.test\nnobody@tolk.test\nomar@@tolk.test\nrubbish\nx@nowhere.test\n\
        NOBODY@tolk.test\nx@gmial.com\n";
    let run = verified(list, &["-v"]);
    assert_eq!(run.report()["list"]["dead"], 2);
    let screen = steps(&run);
    assert!(
        screen.contains("Take 2 addresses that take no mail out"),
        "{screen}"
    );
    assert!(
        screen.contains("Correct 2 probable typing errors"),
        "{screen}"
    );
}

#[test]
fn what_dns_says_of_every_row_is_proven() {
    let run = verified(b"name,email\nX,x@nowhere.test\nNobody,\n", &[]);
    let screen = steps(&run);
    assert!(
        screen.contains("Nothing on this list is safe to send to"),
        "{screen}"
    );
    assert!(
        screen.contains("Take 1 address that takes no mail out of your records"),
        "{screen}"
    );
    let offline = Run::verify(b"name,email\nX,x@nowhere.test\nNobody,\n", &["--offline"]);
    assert!(
        steps(&offline).contains("nothing is proven yet"),
        "{}",
        steps(&offline)
    );
}

#[test]
fn a_verified_list_holds_addresses_that_can_be_mailed_and_nothing_else() {
    let list = std::fs::read(repository("tests/fixtures/lists/cleaned.csv")).unwrap();
    let run = verified(&list, &[]);
    let rows = records(&run, "verified.csv");
    assert!(rows.len() >= 20, "{}", run.list("review.csv"));
    for row in &rows {
        let cell = row["Email"].trim_matches([' ', '\t']);
        assert_eq!(cell, row["presend_address"], "{row:?}");
        assert!(
            cell.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"@.".contains(&byte)),
            "{row:?}"
        );
        assert_eq!(
            row["presend_flags"].contains("cleaned"),
            !row["presend_input"].is_empty(),
            "{row:?}"
        );
        assert_eq!(
            row["cleaned"] == "yes",
            !row["presend_input"].is_empty(),
            "{row:?}"
        );
    }
    for row in records(&run, "review.csv") {
        assert!(!row["presend_suggestion"].is_empty(), "{row:?}");
    }
    assert_eq!(
        records(&run, "review.csv").len(),
        2,
        "{}",
        run.list("review.csv")
    );
    assert_eq!(
        run.list("rejected.csv").lines().count(),
        1,
        "{}",
        run.list("rejected.csv")
    );
}

#[test]
fn cells_stay_as_they_are_where_that_is_asked_for() {
    let list = b"email\nmailto:lena@tolk.test\n";
    let run = verified(list, &["--keep-cells"]);
    let row = &records(&run, "verified.csv")[0];
    assert_eq!(row["email"], "mailto:lena@tolk.test");
    assert_eq!(
        (
            row["presend_address"].as_str(),
            row["presend_input"].as_str()
        ),
        ("lena@tolk.test", "")
    );
    assert!(row["presend_flags"].contains("cleaned"));
}

#[test]
fn a_cleaned_cell_keeps_the_quotes_of_its_list_and_its_neighbours_their_bytes() {
    let list = "\"Kraus; L\";\"Mail\"\r\n\" a\";\"Lena <lena@tolk.test>\"\r\n'x';Omar <omar@Tolk.test>\r\n";
    let run = verified(list.as_bytes(), &["--column", "2"]);
    let out = run.list("verified.csv");
    assert!(
        out.contains("\r\n\" a\";\"lena@tolk.test\";lena@tolk.test;deliverable;"),
        "{out}"
    );
    assert!(
        out.contains("\r\n'x';omar@Tolk.test;omar@Tolk.test;deliverable;"),
        "{out}"
    );
}

#[test]
fn a_list_that_comes_back_gets_its_columns_replaced() {
    let first = verified(
        b"name,email\nL,lena@tolk.test\nO,\"<omar@tolk.test>\"\n",
        &[],
    );
    let out = first.list("verified.csv");
    let again = verified(out.as_bytes(), &[]);
    let rows = again.list("verified.csv");
    let header = rows.lines().next().unwrap();
    assert_eq!(header.matches("presend_address").count(), 1, "{header}");
    assert_eq!(header, out.lines().next().unwrap());
    let row = &records(&again, "verified.csv")[1];
    assert_eq!(
        (row["email"].as_str(), row["presend_input"].as_str()),
        ("omar@tolk.test", "")
    );
}

#[test]
fn nothing_is_suggested_for_an_address_that_is_accepted_where_unknown_recipients_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world.toml");
    let description = "[[host]]\nname = \"mx.wandoo.fr\"\n[[domain]]\nname = \"wandoo.fr\"\n\
        mx = [\"mx.wandoo.fr\"]\nmailboxes = [\"lena\"]\n";
    std::fs::write(&world, description).unwrap();
    let run = Run::verify(
        b"email\nlena@wandoo.fr\nnobody.here@wandoo.fr\n",
        &["--world", world.to_str().unwrap()],
    );
    let row = &records(&run, "verified.csv")[0];
    assert_eq!(row["presend_suggestion"], "", "{row:?}");
    let row = &records(&run, "rejected.csv")[0];
    assert_eq!(row["presend_suggestion"], "nobody.here@wanadoo.fr");
    assert_eq!(run.report()["suggestions"].as_array().unwrap().len(), 1);
}

/// A folder with a list called `list.csv`.
fn folder_with(list: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.csv"), list).unwrap();
    folder
}

#[test]
fn the_list_is_never_replaced_by_what_is_made_of_it() {
    let folder = folder_with("email\nlena@tolk.test\n");
    let at = |name: &str| folder.path().join(name);
    let run = |arguments: &[&str]| presend(folder.path(), arguments);
    std::fs::create_dir(at("out")).unwrap();
    std::fs::rename(at("list.csv"), at("out/verified.csv")).unwrap();
    std::os::unix::fs::symlink(at("out/verified.csv"), at("link.csv")).unwrap();
    std::fs::hard_link(at("out/verified.csv"), at("hard.csv")).unwrap();
    for list in ["out/verified.csv", "link.csv", "hard.csv"] {
        for force in [&[][..], &["--force"]] {
            let mut words = vec!["verify", list, "--offline", "--out", "out"];
            words.extend(force);
            let output = run(&words);
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{list}: {errors}");
            assert!(errors.contains("is the list itself"), "{errors}");
            assert!(errors.contains("another place with --out"), "{errors}");
        }
    }
    for option in ["--all", "--metrics"] {
        let output = run(&["verify", "link.csv", "--offline", option, "hard.csv"]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{option}: {errors}");
        let place = format!(
            "is the list itself and would be replaced by what is made of it; name another place with {option}\n"
        );
        assert!(errors.ends_with(&place), "{errors}");
    }
    let list = std::fs::read_to_string(at("out/verified.csv")).unwrap();
    assert_eq!(list, "email\nlena@tolk.test\n");
}

#[test]
fn a_file_that_presend_did_not_write_stays_unless_the_operator_says_so() {
    let folder = folder_with("email\nlena@tolk.test\n");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("out")).unwrap();
    std::fs::write(at("out/review.csv"), "a year of work\n").unwrap();
    let words = ["verify", "list.csv", "--offline", "--out", "out"];
    let output = presend(folder.path(), &words);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(
        errors.contains("review.csv") && errors.contains("--force"),
        "{errors}"
    );
    assert_eq!(
        std::fs::read_to_string(at("out/review.csv")).unwrap(),
        "a year of work\n"
    );
    assert!(!at("out/verified.csv").exists());
    let forced = presend(folder.path(), &[&words[..], &["--force"]].concat());
    assert_eq!(forced.status.code(), Some(0));
    // What it wrote itself, it may write again.
    let again = presend(folder.path(), &words);
    assert_eq!(
        again.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&again.stderr)
    );
}

#[test]
fn a_dash_is_no_folder_for_lists() {
    let folder = folder_with("email\nlena@tolk.test\n");
    let output = presend(
        folder.path(),
        &["verify", "list.csv", "--offline", "--out", "-"],
    );
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("--all -"), "{errors}");
    assert!(!folder.path().join("-").exists());
}

#[test]
fn what_comes_out_is_for_no_more_people_than_what_went_in() {
    let folder = folder_with("email\nlena@tolk.test\n");
    let list = folder.path().join("list.csv");
    std::fs::set_permissions(&list, std::fs::Permissions::from_mode(0o600)).unwrap();
    let output = presend(
        folder.path(),
        &[
            "verify",
            "list.csv",
            "--offline",
            "--target",
            "2%",
            "--all",
            "all.csv",
        ],
    );
    assert_eq!(output.status.code(), Some(0));
    let out = folder.path().join("list.csv.presend");
    let made = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for path in made.chain([folder.path().join("all.csv")]) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        if path.extension().is_some_and(|ending| ending != "lock") {
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
            seen += 1;
        }
    }
    assert_eq!(
        seen, 8,
        "three lists, target, report in three forms, all rows"
    );
}

#[test]
fn no_page_tells_where_the_list_was() {
    let folder = folder_with("email\nlena@tolk.test\n");
    let list = folder.path().join("list.csv");
    let world = world();
    let output = presend(
        folder.path(),
        &[
            "verify",
            list.to_str().unwrap(),
            "--world",
            &world,
            "--metrics",
            "metrics.prom",
        ],
    );
    assert_eq!(output.status.code(), Some(0));
    let secret = folder.path().to_str().unwrap();
    let out = folder.path().join("list.csv.presend");
    for name in ["report.html", "report.md", "report.json", "../metrics.prom"] {
        let page = std::fs::read_to_string(out.join(name)).unwrap();
        assert!(page.contains("list") && !page.contains(secret), "{name}");
        assert!(!page.contains(env!("CARGO_MANIFEST_DIR")), "{name}");
    }
}

#[test]
fn all_rows_come_together_in_their_order_for_those_who_join() {
    let list = b"name,email\nN,nobody@tolk.test\nE,\nL,mailto:lena@tolk.test\nO,omar@tolk.test\n";
    let run = verified(list, &["--all", "all.csv"]);
    let all = std::fs::read_to_string(run.folder().join("all.csv")).unwrap();
    let rows = parse(&all, b',');
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["N", "E", "L", "O"]);
    assert_eq!(rows[2]["email"], "lena@tolk.test");
    let run = verified(list, &["--all", "-", "--format", "jsonl"]);
    let lines = String::from_utf8(run.output.stdout.clone()).unwrap();
    let objects: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert_eq!(objects.len(), 4);
    assert_eq!(objects[0]["presend_verdict"], "undeliverable");
    assert!(objects[1]["presend_bounce"].is_null());
    assert_eq!(objects[2]["presend_input"], "mailto:lena@tolk.test");
    assert!(run.errors().contains("verified"), "the summary is not lost");
}
