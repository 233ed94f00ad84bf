//! `presend config`, and where options may come from.

use std::process::Output;

use crate::list::presend_with;

/// The program in a folder with `settings` and a list, under `variables`.
fn run(settings: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.csv"), "email\na@b.test\n").unwrap();
    let place = folder.path().join("config/presend");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("config.toml"), settings).unwrap();
    presend_with(folder.path(), arguments, variables)
}

fn in_force(settings: &str, variables: &[(&str, &str)], name: &str) -> (String, String) {
    let output = run(settings, variables, &["config", "--json"]);
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = all["settings"].as_array().unwrap();
    let one = all.iter().find(|setting| setting["name"] == name).unwrap();
    let value = one["values"][0].as_str().unwrap_or_default();
    (value.to_owned(), one["from"].as_str().unwrap().to_owned())
}

#[test]
fn the_environment_overrules_the_file_and_the_file_the_default() {
    let (value, from) = in_force("", &[], "host-rate");
    assert_eq!((value.as_str(), from.as_str()), ("10/s", "default"));
    let file = "\nhost-rate = \"5/s\"\n";
    let (value, from) = in_force(file, &[], "host-rate");
    assert_eq!(value, "5/s");
    assert!(from.ends_with("config.toml, line 2"), "{from}");
    let (value, from) = in_force(file, &[("PRESEND_HOST_RATE", "3/s")], "host-rate");
    assert_eq!(
        (value.as_str(), from.as_str()),
        ("3/s", "the environment: PRESEND_HOST_RATE")
    );
}

#[test]
fn a_kept_option_is_in_force_for_a_run() {
    let output = run("offline = true\n", &[], &["verify", "list.csv"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_wrong_setting_stops_the_program_with_file_and_line() {
    for (settings, wanted) in [
        (
            "\nmailfrom = \"a@b.test\"",
            "line 2: there is no setting `mailfrom`; did you mean `mail-from`?",
        ),
        (
            "host-rate = \"fast\"",
            "line 1: `host-rate`: `fast` is no rate",
        ),
        ("no-smtp = 3", "line 1: `no-smtp`: is true or false"),
        (
            "mail-from = \"nobody\"",
            "line 1: `mail-from`: `nobody` is no address",
        ),
        ("wait = \"soon\"", "line 1: `wait`: `soon` is no duration"),
    ] {
        let output = run(settings, &[], &["verify", "list.csv"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(wanted), "{errors}");
    }
}

#[test]
fn the_password_of_a_proxy_is_on_no_screen() {
    const URL: &str = "socks5://alice:s3cr@t@127.0.0.1:1080";
    const WRONG: &str = "socks5://alice:s3cr@t@127.0.0.1:nowhere";
    let file = |url: &str| format!("proxy = \"{url}\"\n");
    let outputs = [
        run(&file(URL), &[], &["config"]),
        run(&file(URL), &[], &["config", "--json"]),
        run(&file(URL), &[], &["verify", "--help"]),
        run(&file(WRONG), &[], &["verify", "list.csv"]),
        run("", &[("PRESEND_PROXY", URL)], &["config"]),
        run("", &[("PRESEND_PROXY", WRONG)], &["config"]),
        run("", &[("PRESEND_PROXY", WRONG)], &["verify", "list.csv"]),
        run("", &[], &["verify", "list.csv", "--proxy", WRONG]),
        run(
            "",
            &[],
            &["verify", "list.csv", &format!("--proxy={WRONG}")],
        ),
        run("", &[], &["verify", "list.csv", "--proxi", WRONG]),
        run("", &[], &["verify", "list.csv", "extra", URL]),
    ];
    for output in outputs {
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8_lossy(&shown);
        assert!(!shown.is_empty() && !shown.contains("s3cr"), "{shown}");
    }
}
