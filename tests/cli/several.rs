//! Several lists in one run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::list::{presend, repository};

/// A folder with three lists of people at tolk.test, each written in a way of its own, two of them by one name.
struct Lists {
    folder: TempDir,
}

const NAMES: [&str; 3] = ["jan/people.csv", "feb/people.csv", "guests.txt"];

impl Lists {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lists = Lists { folder };
        lists.write(
            NAMES[0],
            "Name,Email\nLena,lena@tolk.test\nNobody,gone@tolk.test\n,\n",
        );
        lists.write(
            NAMES[1],
            "id;Mail;Note\r\n1;omar@tolk.test;\"x;y\"\r\n2;LENA@tolk.test;\r\n3;pia@tolk.test;z;more\r\n",
        );
        lists.write(NAMES[2], "suri@tolk.test\ninfo@tolk.test\nomar@tolk.test\n");
        lists
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Verifies `lists` in the world of tolk.test.
    fn verify(&self, lists: &[&str], arguments: &[&str]) -> Output {
        let world = repository("tests/fixtures/lists/tolk.toml");
        let mut words = vec!["verify", "--world", &world, "--ledger", "ledger.db"];
        words.extend(lists);
        words.extend(arguments);
        presend(self.folder.path(), &words)
    }

    fn verified(&self, lists: &[&str], arguments: &[&str]) -> Output {
        let output = self.verify(lists, arguments);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        output
    }

    fn report(&self, folder: &str) -> Value {
        serde_json::from_str(&self.read(&format!("{folder}/report.json"))).unwrap()
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn rows(list: &str) -> usize {
    list.lines().count() - 1
}

/// The names of all files and folders in a folder, and in those of it.
fn names(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            names.extend(
                self::names(&path)
                    .iter()
                    .map(|inner| format!("{name}/{inner}")),
            );
        } else {
            names.insert(name);
        }
    }
    names
}

#[test]
fn each_list_gets_its_own_three_and_the_first_row_of_a_mailbox_stands() {
    let lists = Lists::new();
    lists.verified(&NAMES, &["--out", "out"]);
    let of = |list: &str, file: &str| lists.read(&format!("out/{list}.presend/{file}"));
    let verified = of("jan-people.csv", "verified.csv");
    assert!(
        verified.contains("\nLena,lena@tolk.test,lena@tolk.test,deliverable"),
        "{verified}"
    );
    assert_eq!(rows(&verified), 1);
    // Their bytes stay as they are, and the second list knows of the first.
    let verified = of("feb-people.csv", "verified.csv");
    assert!(
        verified.contains("\r\n1;omar@tolk.test;\"x;y\";omar@tolk.test;deliverable"),
        "{verified}"
    );
    assert!(
        verified.contains("\r\n3;pia@tolk.test;z;more;pia@tolk.test;"),
        "{verified}"
    );
    let rejected = of("feb-people.csv", "rejected.csv");
    assert_eq!(rows(&rejected), 1);
    assert!(
        rejected.contains("2;LENA@tolk.test;") && rejected.contains("duplicate"),
        "{rejected}"
    );
    assert!(
        of("guests.txt", "rejected.csv")
            .contains("omar@tolk.test,omar@tolk.test,deliverable,accepted")
    );
    let report = lists.report("out");
    assert_eq!(report["list"]["rows"], 9);
    assert_eq!(report["list"]["duplicates"], 2);
    let of_lists: Vec<[u64; 4]> = report["lists"]
        .as_array()
        .unwrap()
        .iter()
        .map(|list| {
            ["rows", "verified", "review", "rejected"].map(|count| list[count].as_u64().unwrap())
        })
        .collect();
    assert_eq!(of_lists, [[3, 1, 0, 2], [3, 2, 0, 1], [3, 1, 0, 2]]);
    // One row of each kind is named, by its list.
    let flagged = report["flagged"].as_array().unwrap();
    let info = flagged
        .iter()
        .find(|line| line["example"] == "info@tolk.test")
        .unwrap();
    assert_eq!(
        (&info["first_row"], &info["first_list"]),
        (&2.into(), &"guests.txt".into())
    );
    let page = lists.read("out/report.html");
    assert!(
        page.contains("2 of guests.txt") && page.contains("feb-people.csv.presend"),
        "the page names lists"
    );
    assert!(
        lists
            .read("out/report.md")
            .contains("| feb\\-people.csv | 3 | 2 | 0 | 1 | 1 |")
    );
    // Nobody is asked twice: six mailboxes and a decoy.
    assert_eq!(report["traffic"]["rcpt"], 7);
}

#[test]
fn one_list_has_no_lists() {
    let lists = Lists::new();
    lists.verified(&NAMES[..1], &["--out", "out"]);
    let report = lists.report("out");
    assert_eq!(report["lists"], serde_json::json!([]));
    assert!(lists.path("out/verified.csv").exists());
}

#[test]
fn without_a_folder_named_there_is_one_after_all_lists() {
    let lists = Lists::new();
    lists.verified(&[NAMES[2], NAMES[0]], &[]);
    let folder = "guests.txt+people.csv.presend";
    let expected: BTreeSet<String> = ["guests.txt", "people.csv"]
        .iter()
        .flat_map(|list| {
            ["verified.csv", "review.csv", "rejected.csv"]
                .map(|file| format!("{list}.presend/{file}"))
        })
        .chain(["report.html", "report.json", "report.md"].map(str::to_owned))
        .collect();
    assert_eq!(names(&lists.path(folder)), expected);
}

#[test]
fn all_rows_go_to_one_file_with_the_columns_of_all() {
    let lists = Lists::new();
    lists.verified(&NAMES, &["--out", "out", "--all", "all.csv"]);
    let mut reader = csv::Reader::from_path(lists.path("all.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let theirs: Vec<&str> = header.iter().take(7).collect();
    assert_eq!(
        theirs,
        [
            "Name", "Email", "id", "Mail", "Note", "column_4", "column_1"
        ]
    );
    assert_eq!(header.iter().next_back(), Some("presend_list"));
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| header.iter().position(|known| known == name).unwrap();
    let field = |row: usize, name: &str| records[row][column(name)].to_owned();
    assert_eq!(records.len(), 9);
    assert_eq!(field(3, "Note"), "x;y");
    assert_eq!(field(5, "column_4"), "more");
    assert_eq!(
        field(4, "presend_flags").split(';').next(),
        Some("duplicate")
    );
    assert_eq!(field(5, "presend_list"), "feb-people.csv");
    assert_eq!(field(8, "presend_address"), "omar@tolk.test");
    // As JSON lines, on standard output.
    let output = lists.verified(&NAMES, &["--out", "out", "--all", "-", "--format", "jsonl"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let objects: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects.len(), 9);
    assert_eq!(objects[4]["presend_list"], "feb-people.csv");
    assert_eq!(objects[4]["id"], "2");
    // What was put together is a list like any other: its columns are replaced, not doubled.
    lists.verified(
        &["all.csv"],
        &["--column", "presend_address", "--all", "again.csv"],
    );
    let again = lists.read("again.csv");
    assert_eq!(
        again.lines().next().unwrap().matches("presend_").count(),
        10,
        "{again}"
    );
}

#[test]
fn the_largest_list_under_a_rate_is_cut_out_of_all() {
    let lists = Lists::new();
    lists.verified(&NAMES, &["--out", "out", "--target", "50%"]);
    let report = lists.report("out");
    let of = |list: &str| rows(&lists.read(&format!("out/{list}.presend/target.csv")));
    let cut = of("jan-people.csv") + of("feb-people.csv") + of("guests.txt");
    assert_eq!(report["target"]["projection"]["rows"], cut);
    assert!(cut >= 4, "{cut}");
    lists.verified(&NAMES, &["--out", "out"]);
    assert!(!lists.path("out/guests.txt.presend/target.csv").exists());
}

#[test]
fn a_second_run_asks_nobody_again_and_says_what_changed() {
    let lists = Lists::new();
    lists.verified(&NAMES, &["--out", "out"]);
    let verified = lists.read("out/feb-people.csv.presend/verified.csv");
    lists.write(NAMES[2], "suri@tolk.test\nremy@tolk.test\n");
    lists.verified(&NAMES, &["--out", "out"]);
    assert_eq!(
        lists.read("out/feb-people.csv.presend/verified.csv"),
        verified
    );
    let report = lists.report("out");
    assert_eq!(report["traffic"]["answered_from_ledger"], 5);
    let changes = lists.read("out/changes.csv");
    assert!(
        changes.contains("remy@tolk.test,new") && changes.contains("info@tolk.test,gone"),
        "{changes}"
    );
    assert_eq!(report["since"]["rows"], 9);
}

#[test]
fn the_summary_tells_moments_as_the_clocks_here_show_them() {
    let lists = Lists::new();
    lists.verified(&NAMES[..1], &["--out", "out"]);
    let finished = lists.report("out")["time"]["finished"].clone();
    let finished: jiff::Timestamp = finished.as_str().unwrap().parse().unwrap();
    let world = repository("tests/fixtures/lists/tolk.toml");
    let mut words = vec!["verify", "--world", &world, "--ledger", "ledger.db"];
    words.extend([NAMES[0], "--out", "out", "--verbose"]);
    let far = [("TZ", "FAR-5:30")];
    let output = crate::list::presend_with(lists.folder.path(), &words, &far);
    let screen = String::from_utf8_lossy(&output.stdout).into_owned();
    let offset = jiff::tz::Offset::from_seconds(5 * 3600 + 1800).unwrap();
    let here = offset.to_datetime(finished);
    let (day, hour, minute) = (here.date(), here.hour(), here.minute());
    let here = format!("{day}\u{a0}{hour:02}:{minute:02}\u{a0}UTC+5:30");
    assert!(
        screen.contains(&format!("since {here}:")),
        "{here}: {screen}"
    );
}

#[test]
fn many_lists_take_no_more_open_files_than_they_are_said_to() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..64).map(|n| format!("list{n}.csv")).collect();
    for (n, name) in names.iter().enumerate() {
        let list = format!("Email\nlena@tolk.test\nguest{n}@tolk.test\n");
        fs::write(folder.path().join(name), list).unwrap();
    }
    let world = repository("tests/fixtures/lists/tolk.toml");
    let verify = |files: u32| {
        let script = format!("ulimit -n {files} && exec \"$@\"");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_presend"), "verify"]);
        command.args(["--world", &world, "--out", "out", "--all", "all.csv"]);
        command
            .args(["--target", "50%", "--format", "csv"])
            .args(&names);
        crate::list::at_home(&mut command, folder.path())
            .output()
            .unwrap()
    };
    let refused = verify(189);
    let said = errors(&refused);
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(
        said.contains("it needs 190 at least for 64 lists") && said.contains("ulimit -n"),
        "{said}"
    );
    let done = verify(190);
    assert_eq!(done.status.code(), Some(0), "{}", errors(&done));
    let all = fs::read_to_string(folder.path().join("all.csv")).unwrap();
    assert_eq!(rows(&all), 128, "{all}");
}

#[test]
fn each_list_becomes_a_spreadsheet_of_its_own() {
    let lists = Lists::new();
    lists.verified(&NAMES, &["--out", "out", "--format", "xlsx"]);
    // A second run replaces them.
    lists.verified(&NAMES, &["--out", "out", "--format", "xlsx"]);
    for list in ["jan-people.csv", "feb-people.csv", "guests.txt"] {
        let path = lists.path(&format!("out/{list}.presend/lists.xlsx"));
        assert!(path.metadata().unwrap().len() > 0);
    }
}

#[test]
fn nothing_is_asked_where_one_of_the_lists_cannot_be_read() {
    let lists = Lists::new();
    lists.write("empty.csv", "");
    lists.write("prose.csv", "no column\nholds\nan address\n");
    fs::hard_link(lists.path("guests.txt"), lists.path("linked.txt")).unwrap();
    std::os::unix::fs::symlink("guests.txt", lists.path("soft.txt")).unwrap();
    for (more, code, word) in [
        ("missing.csv", 3, "missing.csv: no such file"),
        ("empty.csv", 3, "empty.csv"),
        ("prose.csv", 2, "prose.csv: no column looks like"),
        ("jan", 3, "jan: is a directory"),
        ("guests.txt", 2, "guests.txt is named twice"),
        ("soft.txt", 2, "guests.txt and soft.txt are the same list"),
        (
            "linked.txt",
            2,
            "guests.txt and linked.txt are the same list",
        ),
    ] {
        let output = lists.verify(&["guests.txt", more], &["--out", "out"]);
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(code), "{more}: {said}");
        assert!(said.contains(word), "{more}: {said}");
        assert!(!lists.path("out").exists(), "{more}");
        assert!(
            !lists.path("ledger.db").exists(),
            "{more}: nobody was asked"
        );
    }
}

#[test]
fn a_folder_goes_from_one_list_to_several_and_back_without_what_is_about_other_rows() {
    let lists = Lists::new();
    lists.verified(&NAMES[..1], &["--out", "out", "--target", "50%"]);
    lists.write("out/notes.txt", "mine");
    lists.verified(&NAMES, &["--out", "out"]);
    for gone in ["verified.csv", "review.csv", "rejected.csv", "target.csv"] {
        assert!(!lists.path(&format!("out/{gone}")).exists(), "{gone}");
    }
    assert_eq!(lists.read("out/notes.txt"), "mine");
    // A list that has had a run of its own there keeps no report about that one.
    lists.verified(&NAMES[2..], &[]);
    assert!(lists.path("guests.txt.presend/report.json").exists());
    lists.verified(&[NAMES[2], NAMES[0]], &["--out", "."]);
    assert!(!lists.path("guests.txt.presend/report.json").exists());
    assert!(lists.path("guests.txt.presend/verified.csv").exists());
    assert_eq!(
        lists.read(NAMES[2]).lines().count(),
        3,
        "the list itself is as it was"
    );
}

#[test]
fn outputs_of_a_list_are_for_no_more_people_than_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let lists = Lists::new();
    let strict = fs::Permissions::from_mode(0o600);
    fs::set_permissions(lists.path("guests.txt"), strict).unwrap();
    lists.verified(&NAMES, &["--out", "out", "--all", "all.csv"]);
    let mode = |name: &str| fs::metadata(lists.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("out/guests.txt.presend/verified.csv"), 0o600);
    assert_eq!(
        mode("out/jan-people.csv.presend/verified.csv") & 0o077,
        mode("jan/people.csv") & 0o044
    );
    // What holds rows of all lists is for those who may read each of them.
    assert_eq!((mode("all.csv"), mode("out/report.json")), (0o600, 0o600));
}

#[test]
fn what_came_of_sending_is_read_of_all_lists() {
    let lists = Lists::new();
    lists.verified(&NAMES, &["--out", "out"]);
    lists.write(
        "bounces.csv",
        "email,event,reason\npia@tolk.test,bounce,550 5.1.1 User unknown\n",
    );
    let output = presend(
        lists.folder.path(),
        &["bounces", "bounces.csv", "--run", "out", "--json"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["run"]["total"]["rows"], 4, "{found}");
    assert_eq!(found["run"]["total"]["bounced"], 1, "{found}");
}

#[test]
fn lists_are_estimated_together() {
    let lists = Lists::new();
    let world = repository("tests/fixtures/lists/tolk.toml");
    let mut words = vec!["estimate", "--world", &world, "--json"];
    words.extend(NAMES);
    let output = presend(lists.folder.path(), &words);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&found["rows"], &found["addresses"]),
        (&9.into(), &8.into())
    );
    assert_eq!(found["list"], "jan/people.csv and 2 more lists");
}
