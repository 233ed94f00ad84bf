//! A newer list of throw-away domains.

use crate::list::presend;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_taken_list_flags_from_then_on_and_tells_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    std::fs::write(
        home.join("list.csv"),
        "email\nanna@brand-new-throwaway.test\nbert@mozmail.com\n",
    )
    .unwrap();
    let flags = || {
        presend(
            home,
            &["verify", "list.csv", "--offline", "--ledger", "x.db"],
        );
        let review = std::fs::read_to_string(home.join("list.csv.presend/review.csv")).unwrap();
        let disposable = |line: &&str| line.contains("disposable");
        review
            .lines()
            .filter(disposable)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(flags().is_empty());

    let status = text(&presend(home, &["lists"]).stdout);
    assert!(
        status.contains("built in") && status.contains("nothing newer"),
        "{status}"
    );

    let published = "# kept by volunteers\n*.brand-new-throwaway.test\nmozmail.com\ngmail.com\n";
    std::fs::write(home.join("domains.txt"), published.repeat(5)).unwrap();
    let update = presend(home, &["lists", "update", "domains.txt"]);
    let said = text(&update.stdout);
    assert_eq!(update.status.code(), Some(0), "{}", text(&update.stderr));
    assert!(
        said.contains("took 2 throw-away domains from domains.txt"),
        "{said}"
    );
    assert!(said.contains("gmail.com"), "{said}");

    // A privacy relay is nobody's throw-away address, whatever a list says.
    let flagged = flags();
    assert_eq!(flagged.len(), 1, "{flagged:?}");
    assert!(
        flagged[0].contains("brand-new-throwaway.test"),
        "{flagged:?}"
    );
    let status = text(&presend(home, &["lists"]).stdout);
    assert!(
        status.contains("and 2 domains from domains.txt") && status.contains("(today)"),
        "{status}"
    );
}

#[test]
fn what_is_no_list_of_domains_is_refused_and_keeps_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    std::fs::write(home.join("good.txt"), "a.test\nb.test\n").unwrap();
    std::fs::write(
        home.join("prose.txt"),
        "Dear all,\nplease find attached\nthe list\n",
    )
    .unwrap();
    assert_eq!(
        presend(home, &["lists", "update", "good.txt"])
            .status
            .code(),
        Some(0)
    );
    for (file, words) in [
        ("prose.txt", "is no list of domains"),
        ("missing.txt", "cannot read the list missing.txt"),
    ] {
        let refused = presend(home, &["lists", "update", file]);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
    let status = text(&presend(home, &["lists"]).stdout);
    assert!(status.contains("2 domains from good.txt"), "{status}");
}
