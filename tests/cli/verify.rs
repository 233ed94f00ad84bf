//! `presend verify` as a user runs it.

use crate::list::{Run, presend, repository};

fn world() -> String {
    repository("sample_lists/world.toml")
}

fn simulated(list: &[u8]) -> Run {
    Run::verify(list, &["--world", &world()])
}

/// Data rows of a list: all but its header.
fn rows(list: &str) -> Vec<&str> {
    list.lines().skip(1).collect()
}

#[test]
fn rows_go_to_the_list_that_their_evidence_calls_for() {
    let run = simulated(
        b"name,email\n\
          ok,anna.albrecht@nordlicht.test\n\
          gone,nobody-here@nordlicht.test\n\
          all,anyone@kontor21.test\n\
          blocked,anyone@tern-analytics.test\n\
          null,anyone@parkside-law.test\n\
          none,anyone@vega-motors.test\n\
          bad,not an address\n",
    );
    assert_eq!(run.code(), 0, "{}", run.errors());
    let verified = run.list("verified.csv");
    assert_eq!(rows(&verified).len(), 1);
    assert!(verified.contains(
        "ok,anna.albrecht@nordlicht.test,anna.albrecht@nordlicht.test,deliverable,accepted,"
    ));
    let review = run.list("review.csv");
    assert!(review.contains("all,anyone@kontor21.test,anyone@kontor21.test,risky,catch_all,"));
    assert!(review.contains(
        "blocked,anyone@tern-analytics.test,anyone@tern-analytics.test,unknown,sender_blocked,"
    ));
    assert_eq!(rows(&review).len(), 2);
    let rejected = run.list("rejected.csv");
    for row in [
        "gone,nobody-here@nordlicht.test,nobody-here@nordlicht.test,undeliverable,no_such_mailbox,",
        "null,anyone@parkside-law.test,anyone@parkside-law.test,undeliverable,null_mx,",
        "none,anyone@vega-motors.test,anyone@vega-motors.test,undeliverable,no_such_domain,",
        "bad,not an address,,undeliverable,bad_syntax,",
    ] {
        assert!(rejected.contains(row), "{row}\n{rejected}");
    }
    assert_eq!(rows(&rejected).len(), 4);
}

#[test]
fn greylisting_is_waited_for_and_the_decoy_too() {
    let run = simulated(b"email\nnobody-at-all@gruenwald-bio.test\n");
    assert!(
        run.list("rejected.csv").contains("no_such_mailbox"),
        "{}",
        run.list("review.csv")
    );
}

#[test]
fn a_duplicate_is_asked_once_and_answered_twice() {
    let run = simulated(b"email\nanna.albrecht@nordlicht.test\nANNA.Albrecht@Nordlicht.test\n");
    let verified = run.list("verified.csv");
    assert_eq!(rows(&verified).len(), 1);
    let rejected = run.list("rejected.csv");
    assert!(rows(&rejected)[0].contains("deliverable,accepted") && rejected.contains("duplicate"));
    let traffic = run.report()["traffic"].clone();
    assert_eq!(
        (traffic["rcpt"].as_u64(), traffic["decoys"].as_u64()),
        (Some(2), Some(1))
    );
}

#[test]
fn the_sample_list_comes_out_whole_and_the_same_each_time() {
    let list = std::fs::read(repository("sample_lists/leads.csv")).unwrap();
    let first = simulated(&list);
    assert_eq!(first.code(), 0, "{}", first.errors());
    let lists = ["verified.csv", "review.csv", "rejected.csv"].map(|name| first.list(name));
    assert_eq!(first.report()["list"]["rows"].as_u64(), Some(298));
    let second = simulated(&list);
    assert_eq!(
        lists,
        ["verified.csv", "review.csv", "rejected.csv"].map(|name| second.list(name))
    );
    assert_eq!(first.report()["counts"], second.report()["counts"]);
}

#[test]
fn what_was_known_before_counts_addresses_and_not_their_rows() {
    let list = b"email\nanna.albrecht@nordlicht.test\nAnna.Albrecht@nordlicht.test\nnobody@nordlicht.test\nx\n";
    let ledger = ["--world", &world(), "--ledger", "known.db"];
    let more = ["--world", &world(), "--ledger", "known.db", "-v"];
    let second = Run::verify(list, &ledger).again(&more);
    assert_eq!(second.report()["traffic"]["answered_from_ledger"], 2);
    let told = String::from_utf8_lossy(&second.output.stdout).into_owned();
    assert!(told.contains("; 2 known before"), "{told}");
}

#[test]
fn what_is_known_is_not_asked_again() {
    let list =
        b"email\nanna.albrecht@nordlicht.test\nnobody@nordlicht.test\nanyone@kontor21.test\n";
    let ledger = ["--world", &world(), "--ledger", "known.db"];
    let first = Run::verify(list, &ledger);
    let before = first.list("verified.csv");
    let second = first.again(&ledger);
    assert_eq!(second.list("verified.csv"), before);
    let traffic = second.report()["traffic"].clone();
    assert_eq!(
        (
            traffic["rcpt"].as_u64(),
            traffic["answered_from_ledger"].as_u64()
        ),
        (Some(0), Some(3))
    );
}

#[test]
fn offline_nobody_is_asked() {
    let run = Run::verify(b"email\nanna@acme.test\nbroken@\n", &["--offline"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert!(
        run.list("review.csv")
            .contains("anna@acme.test,anna@acme.test,unknown,not_asked,")
    );
    assert!(
        run.list("rejected.csv")
            .contains("broken@,,undeliverable,bad_syntax,")
    );
    assert_eq!(run.report()["traffic"]["dns_queries"].as_u64(), Some(0));
}

#[test]
fn real_hosts_are_not_asked_without_a_sender() {
    let run = Run::verify(b"email\nanna@acme.test\n", &[]);
    assert_eq!(run.code(), 2);
    assert!(run.errors().contains("--mail-from"), "{}", run.errors());
}

#[test]
fn a_rate_over_the_mark_is_exit_code_one() {
    let run = Run::verify(
        b"email\nanyone@kontor21.test\n",
        &[
            "--world",
            &world(),
            "--policy",
            "lenient",
            "--fail-over",
            "2%",
        ],
    );
    assert_eq!(run.code(), 1, "{}", run.errors());
}

#[test]
fn lists_that_cannot_be_read_are_exit_code_three_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.csv"), b"").unwrap();
    std::fs::write(
        folder.path().join("picture.csv"),
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0",
    )
    .unwrap();
    for list in ["missing.csv", ".", "empty.csv", "picture.csv"] {
        let output = presend(folder.path(), &["verify", list, "--offline"]);
        assert_eq!(output.status.code(), Some(3), "{list}");
        assert!(!output.stderr.is_empty(), "{list}");
    }
}

#[test]
fn two_plausible_columns_are_a_question_of_usage() {
    let list = b"Work Email,Private Email\na@acme.test,b@acme.test\nc@acme.test,d@acme.test\n";
    let run = Run::verify(list, &["--offline"]);
    assert_eq!(run.code(), 2);
    let errors = run.errors();
    assert!(
        errors.contains("Work Email")
            && errors.contains("Private Email")
            && errors.contains("--column"),
        "{errors}"
    );
    let chosen = Run::verify(list, &["--offline", "--column", "2"]);
    assert_eq!(chosen.code(), 0);
}

#[test]
fn a_list_of_ones_own_adds_and_takes_out() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.txt");
    std::fs::write(&own, "throwaway.test\n-mailinator.com\n").unwrap();
    let option = format!("disposable={}", own.display());
    let list = b"email\na@throwaway.test\nb@mailinator.com\n";
    let review = Run::verify(list, &["--offline", "--own-list", &option]).list("review.csv");
    assert!(rows(&review)[0].contains("disposable"), "{review}");
    assert!(!rows(&review)[1].contains("disposable"), "{review}");
}

#[test]
fn a_typing_error_that_takes_everything_looks_like_a_trap() {
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world.toml");
    let description = "[[host]]\nname = \"mx.gmial.com\"\n[[domain]]\nname = \"gmial.com\"\n\
                       mx = [\"mx.gmial.com\"]\nunclaimed = \"delivered\"\n";
    std::fs::write(&world, description).unwrap();
    let run = Run::verify(
        b"email\nanyone@gmial.com\n",
        &["--world", world.to_str().unwrap()],
    );
    let review = run.list("review.csv");
    assert!(
        review.contains("trap_like") && review.contains("anyone@gmail.com"),
        "{review}"
    );
}

#[test]
fn an_unknown_policy_says_which_there_are() {
    let run = Run::verify(b"email\na@acme.test\n", &["--offline", "--policy", "harsh"]);
    assert_eq!(run.code(), 2);
    assert!(run.errors().contains("balanced"), "{}", run.errors());
}

#[test]
fn a_log_names_domains_and_hosts_but_nobodys_address() {
    let list = b"email\nanna.albrecht@nordlicht.test\nanyone@parkside-law.test\nanyone@tern-analytics.test\n";
    let run = Run::verify(list, &["--world", &world(), "-v"]);
    let log = run.errors();
    assert!(log.contains("parkside-law.test"), "{log}");
    assert!(
        !log.contains("anyone@") && !log.contains("albrecht"),
        "{log}"
    );
    let steps = Run::verify(list, &["--world", &world(), "-vv"]).errors();
    assert!(steps.contains("conversation open"), "{steps}");
    assert!(!steps.contains("albrecht"), "{steps}");
}

#[test]
fn a_log_for_programs_is_one_json_object_a_line() {
    let list = b"email\nanyone@tern-analytics.test\n";
    let run = Run::verify(list, &["--world", &world(), "--log-format", "json", "-v"]);
    let log = run.errors();
    let levels: Vec<String> = log
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).expect(line);
            event["level"].as_str().expect(line).to_owned()
        })
        .collect();
    assert!(levels.iter().any(|level| level == "WARN"), "{log}");
}

#[test]
fn quiet_says_nothing_of_a_run_that_went_well() {
    let run = Run::verify(
        b"email\nanyone@tern-analytics.test\n",
        &["--world", &world(), "--quiet"],
    );
    assert_eq!((run.errors(), run.code()), (String::new(), 0));
}

#[test]
fn a_quote_that_is_never_closed_swallows_nothing_in_what_comes_out() {
    let list = b"name,email\nok,anna.albrecht@nordlicht.test\n\"Open,nobody\nx,no address\n\"Open \"\"too\"\",nobody\nlast,none\n";
    let run = simulated(list);
    let rejected = run.list("rejected.csv");
    assert!(
        rejected.contains("\n\"Open,nobody\",,undeliverable,bad_syntax,"),
        "{rejected}"
    );
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(rejected.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let firsts: Vec<&str> = records.iter().map(|record| &record[0]).collect();
    assert_eq!(firsts, ["Open,nobody", "x", "Open \"too\",nobody", "last"]);
}

#[test]
fn an_error_says_its_cause_once() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(b"email\na@b.test\n").unwrap();
    let mut packed = packed.finish().unwrap();
    packed.truncate(packed.len() - 10);
    std::fs::write(folder.path().join("list.csv.gz"), packed).unwrap();
    let output = presend(folder.path(), &["verify", "list.csv.gz", "--offline"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert_eq!(errors.matches("deflate").count(), 1, "{errors}");
}

#[test]
fn a_host_that_denies_our_own_domain_speaks_of_us_and_rejects_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let world = "[[host]]\nname = \"mx.garden.test\"\nsays = { no_such_user = \"550 5.1.1 Domain shop.example not found\" }\n\
                 [[domain]]\nname = \"garden.test\"\nmx = [\"mx.garden.test\"]\nmailboxes = [\"anna\"]\n";
    std::fs::write(folder.path().join("world.toml"), world).unwrap();
    let path = folder.path().join("world.toml");
    // Our name of another domain: only the sender's tells that the host speaks of us.
    let run = Run::verify(
        b"email\nanna@garden.test\nbert@garden.test\n",
        &[
            "--world",
            path.to_str().unwrap(),
            "--helo",
            "mx.other.example",
            "--mail-from",
            "verify@shop.example",
        ],
    );
    assert_eq!(run.code(), 0, "{}", run.errors());
    let review = run.list("review.csv");
    assert!(
        review.contains("bert@garden.test,unknown,sender_refused,"),
        "{review}"
    );
    assert_eq!(run.list("rejected.csv").lines().count(), 1);
}
