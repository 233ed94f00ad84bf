//! `presend preflight` as a user runs it: each broken thing is named with its fix, and nothing else is.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use serde::Deserialize;
use serde_json::Value;

use crate::list::{presend, repository};
use crate::nameserver::NameServer;

/// The command line for `sound.toml`.
const ARGS: &str = "example.org --ip 192.0.2.10 --selector s1 --helo out.example.org";

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    what: String,
    args: Option<String>,
    #[serde(default)]
    more: Vec<String>,
    #[serde(default)]
    replace: Vec<(String, String)>,
    #[serde(default)]
    add: String,
    #[serde(default)]
    fails: Vec<String>,
    #[serde(default)]
    unknown: Vec<String>,
    exit: i32,
    #[serde(default)]
    fix: BTreeMap<String, String>,
}

fn read(name: &str) -> String {
    std::fs::read_to_string(repository(&format!("tests/scenarios/preflight/{name}"))).unwrap()
}

fn preflight(folder: &Path, arguments: &[&str]) -> Output {
    let mut words = vec!["preflight"];
    words.extend(arguments);
    presend(folder, &words)
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The names of checks with a status, each once, sorted.
fn with_status(report: &Value, status: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    let mut ids: Vec<String> = checks
        .filter(|check| check["status"] == status)
        .map(|check| check["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Case {
    /// What is wrong with how the program judged this world; empty when nothing is.
    fn judge(&self, sound: &str, folder: &Path) -> Vec<String> {
        let mut world = sound.to_owned();
        for (from, to) in &self.replace {
            assert!(world.contains(from), "{}: no {from}", self.what);
            world = world.replace(from, to);
        }
        world = format!("{world}\n{}", self.add);
        std::fs::write(folder.join("world.toml"), world).unwrap();
        let line = self.args.as_deref().unwrap_or(ARGS);
        let mut arguments: Vec<&str> = line.split(' ').collect();
        arguments.extend(self.more.iter().map(String::as_str));
        arguments.extend(["--world", "world.toml", "--json"]);
        let output = preflight(folder, &arguments);
        let report = json(&output);
        let mut wrong = Vec::new();
        let mut expect = |what: &str,
                          expected: &dyn std::fmt::Debug,
                          found: &dyn std::fmt::Debug,
                          same: bool| {
            if !same {
                wrong.push(format!(
                    "{}: {what}: expected {expected:?}, found {found:?}",
                    self.what
                ));
            }
        };
        let failed = with_status(&report, "fail");
        expect("fails", &self.fails, &failed, failed == self.fails);
        let unknown = with_status(&report, "unknown");
        expect(
            "unknown",
            &self.unknown,
            &unknown,
            self.unknown.iter().all(|id| unknown.contains(id)),
        );
        let code = output.status.code();
        expect("exit code", &self.exit, &code, code == Some(self.exit));
        let checks = report["checks"].as_array().unwrap();
        for check in checks.iter().filter(|check| check["status"] == "fail") {
            let id = check["id"].as_str().unwrap();
            let fix = check["fix"].as_str().unwrap_or_default();
            expect("a fix for", &id, &fix, !fix.is_empty());
        }
        for (id, words) in &self.fix {
            let fixes: Vec<&str> = checks
                .iter()
                .filter(|check| check["id"] == id.as_str() && check["status"] == "fail")
                .filter_map(|check| check["fix"].as_str())
                .collect();
            expect(
                id,
                words,
                &fixes,
                fixes.iter().any(|fix| fix.contains(words)),
            );
        }
        wrong
    }
}

#[test]
fn each_broken_thing_in_a_world_file_is_named_with_its_fix_and_nothing_else_is() {
    let sound = read("sound.toml");
    let cases: Cases = toml::from_str(&read("cases.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let wrong: Vec<String> = cases
        .case
        .iter()
        .flat_map(|case| case.judge(&sound, folder.path()))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

// ── Over real DNS ───────────────────────────────────────────────────────────────────────────────────────────────────

/// Judges `sender` sending from `ip`, asking a name server with these zones.
fn over_dns(zones: &str, ip: &str, sender: &str) -> Value {
    let names = NameServer::serving(zones);
    let folder = tempfile::tempdir().unwrap();
    let domain = sender.rsplit('@').next().unwrap();
    let dns = names.address();
    let output = preflight(
        folder.path(),
        &[
            domain,
            "--ip",
            ip,
            "--from",
            sender,
            "--helo",
            "mail.example.org",
            "--dns",
            &dns,
            "--json",
            "--sender-only",
        ],
    );
    json(&output)
}

#[test]
fn spf_over_real_dns_comes_to_each_of_the_seven_results() {
    let zones = "
        pass.test TXT v=spf1 a:mail.pass.test mx -all
        mail.pass.test A 192.0.2.10
        alias.test CNAME pass.test
        fail.test TXT v=spf1 -all exp=why.fail.test
        why.fail.test TXT %{i} is none of ours
        softfail.test TXT v=spf1 ~all
        neutral.test TXT v=spf1 ?all
        empty.test TXT v=spf1
        joined.test TXT v=spf1 ip4:192 | .0.2.10 -all
        none.test A 192.0.2.1
        twice.test TXT v=spf1 -all
        twice.test TXT v=spf1 +all
        odd.test TXT v=spf1 a:foo:bar/baz.odd.test -all
        foo:bar/baz.odd.test A 192.0.2.10
        mx.test TXT v=spf1 mx -all
        mx.test MX 10 mx/1.mx.test
        mx/1.mx.test A 192.0.2.10
        ptr.test TXT v=spf1 ptr -all
        10.2.0.192.in-addr.arpa PTR host.ptr.test
        host.ptr.test A 192.0.2.10
        six.test TXT v=spf1 a:host.six.test -all
        host.six.test AAAA 2001:db8::7
        broken.test SERVFAIL
        behind.test TXT v=spf1 include:broken.test -all
        ";
    for (ip, sender, result) in [
        ("192.0.2.10", "a@pass.test", "pass"),
        ("192.0.2.10", "a@alias.test", "pass"),
        ("::ffff:192.0.2.10", "a@pass.test", "pass"),
        ("192.0.2.10", "-odd-@pass.test", "pass"),
        ("192.0.2.11", "a@pass.test", "fail"),
        ("192.0.2.10", "a@fail.test", "fail"),
        ("192.0.2.10", "a@softfail.test", "softfail"),
        ("192.0.2.10", "a@neutral.test", "neutral"),
        ("192.0.2.10", "a@empty.test", "neutral"),
        ("192.0.2.10", "a@joined.test", "pass"),
        ("192.0.2.10", "a@none.test", "none"),
        ("192.0.2.10", "a@nowhere.test", "none"),
        ("192.0.2.10", "a@b..test", "none"),
        ("192.0.2.10", "a@twice.test", "permerror"),
        ("192.0.2.10", "a@odd.test", "pass"),
        ("192.0.2.10", "a@mx.test", "pass"),
        ("192.0.2.10", "a@ptr.test", "pass"),
        ("2001:db8::7", "a@six.test", "pass"),
        ("192.0.2.10", "a@broken.test", "temperror"),
        ("192.0.2.10", "a@behind.test", "temperror"),
    ] {
        let report = over_dns(zones, ip, sender);
        assert_eq!(
            report["spf"]["result"], result,
            "{ip} {sender}: {}",
            report["spf"]
        );
    }
    let report = over_dns(zones, "192.0.2.10", "a@fail.test");
    assert_eq!(
        report["spf"]["addresses"][0]["explanation"],
        "192.0.2.10 is none of ours"
    );
}

#[test]
fn hostile_dns_ends_in_a_finding_soon() {
    let strings = vec!["x".repeat(60); 1000].join(" | ");
    let records = "many.test TXT v=spf1 -all\n".repeat(1500);
    let each = |count: usize, line: &dyn Fn(usize) -> String| -> String {
        (0..count).map(line).collect::<Vec<_>>().concat()
    };
    let include = each(60, &|n| format!("include:i{n}.bomb.test "));
    let bombs = each(60, &|n| {
        format!("i{n}.bomb.test TXT v=spf1 {}\n", halves(&include))
    });
    let chain = each(40, &|n| format!("c{n}.test CNAME c{}.test\n", n + 1));
    let zones = format!(
        "long.test TXT v=spf1 | {strings}
        {records}
        loop.test CNAME loop.test
        {chain}c40.test TXT v=spf1 +all
        bomb.test TXT v=spf1 {}
        {bombs}
        macro.test TXT v=spf1 exists:{} -all
        self.test TXT v=spf1 redirect=self.test
        _dmarc.long.test TXT v=DMARC1; p=none; rua= | {strings}
        s1._domainkey.long.test TXT v=DKIM1; p= | {strings}",
        halves(&include),
        halves(&"%{l1r-}.%{d}%{h}".repeat(30)),
    );
    for (sender, results) in [
        ("a@long.test", &["none"][..]),
        ("a@many.test", &["permerror"]),
        // Resolvers give up on aliases at different lengths.
        ("a@loop.test", &["none", "temperror"]),
        ("a@c0.test", &["none", "temperror", "pass"]),
        ("a@bomb.test", &["permerror"]),
        ("a-b-c@macro.test", &["fail", "permerror"]),
        ("a@self.test", &["permerror"]),
    ] {
        let started = std::time::Instant::now();
        let report = over_dns(&zones, "192.0.2.10", sender);
        let result = report["spf"]["result"].as_str().unwrap();
        assert!(results.contains(&result), "{sender}: {}", report["spf"]);
        assert!(
            started.elapsed().as_secs() < 10,
            "{sender}: {:?}",
            started.elapsed()
        );
        assert!(!with_status(&report, "pass").is_empty(), "{sender}");
    }
}

/// Text as character strings that are short enough.
fn halves(text: &str) -> String {
    let bytes = text.as_bytes();
    let parts = bytes
        .chunks(200)
        .map(|part| String::from_utf8_lossy(part).into_owned());
    parts.collect::<Vec<_>>().join(" | ")
}

// ── What comes out ──────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_plan_is_spread_over_who_runs_the_mailboxes_of_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let world = repository("tests/scenarios/preflight/sound.toml");
    let list =
        "email\na@gmail.com\nb@gmail.com\nc@gmail.com\nd@outlook.com\ne@example.org\nnobody\n";
    std::fs::write(folder.path().join("list.csv"), list).unwrap();
    let mut arguments: Vec<&str> = ARGS.split(' ').collect();
    arguments.extend([
        "--world", &world, "--list", "list.csv", "--volume", "1000/day", "--json",
    ]);
    let report = json(&preflight(folder.path(), &arguments));
    let audience = &report["audience"];
    assert_eq!(audience["addresses"], 5);
    assert_eq!(audience["not_looked_up"], 0);
    assert_eq!(
        audience["shares"][0],
        serde_json::json!({"provider": "Google", "addresses": 3})
    );
    assert_eq!(report["warm_up"][0]["messages"], 50);
    arguments.pop();
    let output = preflight(folder.path(), &arguments);
    let screen = String::from_utf8(output.stdout).unwrap();
    assert!(
        screen.contains("    1           50          30"),
        "{screen}"
    );
}

#[test]
fn the_screen_fits_80_columns_but_for_what_is_to_be_copied_and_has_no_codes_when_piped() {
    let folder = tempfile::tempdir().unwrap();
    let world = repository("sample_lists/world.toml");
    let list = repository("sample_lists/leads.csv");
    let arguments = [
        "nordlicht.test",
        "--world",
        &world,
        "--list",
        &list,
        "--volume",
        "20000",
    ];
    let output = preflight(folder.path(), &arguments);
    let screen = String::from_utf8(output.stdout).unwrap();
    assert!(!screen.contains('\u{1b}'));
    for line in screen
        .lines()
        .filter(|line| !line.trim_start().starts_with("v="))
    {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(screen.contains("Not fit yet"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_page_is_written_beside_what_is_printed_and_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let world = repository("tests/scenarios/preflight/sound.toml");
    let mut arguments: Vec<&str> = ARGS.split(' ').collect();
    arguments.extend(["--world", &world, "--html", "page.html", "--volume", "5000"]);
    let output = preflight(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0));
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    for words in [
        "Preflight of example.org",
        "Rules in force for 5000",
        "Warm-up",
        "Fit to send: every check",
    ] {
        assert!(page.contains(words), "{words}");
    }
    for outside in ["src=", "@import", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let inside = page.matches("href=\"#").count();
    assert_eq!(
        page.matches("href=").count(),
        inside,
        "links stay on the page"
    );
}

#[test]
fn a_page_replaces_neither_the_list_nor_a_foreign_file() {
    let folder = tempfile::tempdir().unwrap();
    let world = repository("tests/scenarios/preflight/sound.toml");
    let here = |name: &str| folder.path().join(name);
    std::fs::write(here("list.csv"), "email\nlena@tolk.test\n").unwrap();
    std::fs::write(here("index.html"), "<p>mine</p>").unwrap();
    for (page, words) in [
        ("list.csv", "is the list itself"),
        ("./list.csv", "is the list itself"),
        ("index.html", "was not written by presend"),
    ] {
        let before = std::fs::read(here(page)).unwrap();
        let mut arguments: Vec<&str> = ARGS.split(' ').collect();
        arguments.extend(["--world", &world, "--list", "list.csv", "--html", page]);
        let output = preflight(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{page}");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            errors.contains(words) && errors.contains("--html"),
            "{errors}"
        );
        assert_eq!(std::fs::read(here(page)).unwrap(), before, "{page} stays");
    }
    // A page of its own it may replace.
    for _ in 0..2 {
        let mut arguments: Vec<&str> = ARGS.split(' ').collect();
        arguments.extend(["--world", &world, "--html", "page.html"]);
        assert_eq!(preflight(folder.path(), &arguments).status.code(), Some(0));
    }
}

#[test]
fn what_cannot_be_read_is_told_with_the_exit_code_of_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let world = repository("tests/scenarios/preflight/sound.toml");
    for (arguments, code) in [
        (&["example.org", "--ip", "nonsense"][..], 2),
        (&["example.org", "--volume", "many", "--world", &world], 2),
        (&["--sender-only"], 2),
        (&["example.org", "--world", "nowhere.toml"], 2),
        (
            &["example.org", "--world", &world, "--list", "nowhere.csv"],
            3,
        ),
    ] {
        let output = preflight(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(
            !output.stderr.is_empty() && output.stdout.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_name_that_breaks_out_of_its_line_is_no_name_for_ehlo() {
    let folder = tempfile::tempdir().unwrap();
    let output = preflight(
        folder.path(),
        &["example.org", "--sender-helo", "mail.example.org\r\nDATA"],
    );
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("is not a host name for EHLO"), "{words}");
}
