//! The library as its users see it.

use std::path::{Path, PathBuf};

use presend::{
    Builder, Checked, Disposition, Ending, ErrorKind, Event, Flag, List, ListKind, Reason, Run,
    Standing, Status, Verifier,
};

const WORLD: &str = r#"
[[host]]
name = "mx.acme.test"
persona = "honest"

[[host]]
name = "mx.slow.test"
persona = "silent"

[[domain]]
name = "acme.test"
mx = ["mx.acme.test"]
mailboxes = ["anna", "bert"]

[[domain]]
name = "slow.test"
mx = ["mx.slow.test"]
mailboxes = ["anna"]
"#;

fn world() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.toml");
    std::fs::write(&file, WORLD).unwrap();
    (folder, file)
}

fn verifier() -> (tempfile::TempDir, Verifier) {
    let (folder, file) = world();
    let verifier = Verifier::builder().world(file).build().unwrap();
    (folder, verifier)
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(work)
}

/// The rows of a run, with how it ended.
async fn rows_of(mut run: Run) -> (Vec<Checked>, Ending) {
    let mut rows = Vec::new();
    loop {
        match run.next().await.expect("a run says how it ended").unwrap() {
            Event::Row(row) => rows.push(*row),
            Event::Ended(ending) => {
                assert!(run.next().await.is_none());
                return (rows, ending);
            }
            _ => {}
        }
    }
}

#[test]
fn real_hosts_are_asked_in_nobodys_name_never() {
    let error = Verifier::builder().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings);
    assert!(error.to_string().contains("mail_from("), "{error}");
    let error = Verifier::builder().mail_from("anna").build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`anna` is no address: write `verify@your-domain.example`"
    );
    // The password of a proxy is told to nobody.
    let builder = Verifier::builder().mail_from("a@b.example");
    let builder = builder.proxy("socks4://anna:secret@proxy.test:1080");
    assert!(!format!("{builder:?}").contains("secret"), "{builder:?}");
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings);
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(Verifier::builder().offline().build().is_ok());
    assert!(Verifier::builder().names_only().build().is_ok());
}

/// A verifier of the world with files of the operator's own.
fn verifier_with(
    files: &[(&str, &str)],
    set: fn(Builder, &Path) -> Builder,
) -> Result<Verifier, presend::Error> {
    let (folder, world) = world();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    set(Verifier::builder().world(world), folder.path()).build()
}

#[test]
fn an_operators_own_files_count() {
    let files = [
        ("people.txt", "bert\n"),
        (
            "own.toml",
            "deliverable = \"verified\"\nrisky = \"review\"\nunknown = \"review\"\n\
             undeliverable = \"rejected\"\n[flags]\nrole = \"rejected\"\n",
        ),
        (
            "rules.toml",
            "[[rule]]\nid = \"away\"\nreason = \"mailbox_full\"\nwhy = \"Ours is full.\"\nstage = [\"rcpt\"]\n\
             code = [\"550\"]\nexample = \"550 5.1.1 no\"\nsource = \"our own host\"\n",
        ),
    ];
    let verifier = verifier_with(&files, |builder, folder| {
        let builder = builder.own_list(ListKind::Role, folder.join("people.txt"));
        builder.policy_file(folder.join("own.toml"))
    });
    let list = List::of(["anna@acme.test", "bert@acme.test"]);
    let (rows, _) = wait_for(rows_of(verifier.unwrap().verify(list)));
    let lists: Vec<_> = rows.iter().map(|row| row.disposition).collect();
    assert_eq!(
        lists,
        [Disposition::Verified, Disposition::Rejected],
        "the list makes a role of bert, the policy rejects roles"
    );
    let verifier = verifier_with(&files, |builder, folder| {
        builder.rules(folder.join("rules.toml"))
    });
    let carl = wait_for(verifier.unwrap().check("carl@acme.test")).unwrap();
    assert_eq!(carl.verdict.reason, Reason::MailboxFull);
}

#[test]
fn a_file_of_the_operators_that_is_amiss_is_told_with_its_name() {
    type Set = fn(Builder, &Path) -> Builder;
    let missing: [Set; 3] = [
        |builder, folder| builder.rules(folder.join("gone.toml")),
        |builder, folder| builder.policy_file(folder.join("gone.toml")),
        |builder, folder| builder.own_list(ListKind::Trap, folder.join("gone.toml")),
    ];
    let broken: [Set; 3] = [
        |builder, folder| builder.rules(folder.join("odd.toml")),
        |builder, folder| builder.policy_file(folder.join("odd.toml")),
        |builder, folder| builder.own_list(ListKind::Trap, folder.join("odd.toml")),
    ];
    let told = |set| {
        let error = verifier_with(&[("odd.toml", "reason = [\n@@\n")], set).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Settings, "{error}");
        error.to_string()
    };
    for set in missing {
        let error = told(set);
        assert!(error.contains("gone.toml"), "{error}");
    }
    for set in broken {
        let error = told(set);
        assert!(error.contains("odd.toml"), "{error}");
    }
}

#[test]
fn rows_come_in_their_order_each_once() {
    let (_folder, verifier) = verifier();
    let texts = [
        "bert@acme.test",
        "Anna <anna@acme.test>",
        "nobody",
        "BERT@acme.test",
        "carl@acme.test",
    ];
    let (rows, ending) = wait_for(rows_of(verifier.verify(List::of(texts))));
    assert_eq!(ending, Ending::Completed);
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.row, row.text.as_str(), row.verdict.reason))
        .collect();
    assert_eq!(
        told,
        [
            (1, texts[0], Reason::Accepted),
            (2, texts[1], Reason::Accepted),
            (3, texts[2], Reason::BadSyntax),
            (4, texts[3], Reason::Accepted),
            (5, texts[4], Reason::NoSuchMailbox),
        ]
    );
    assert_eq!(
        rows[1].address.as_ref().unwrap().to_string(),
        "anna@acme.test"
    );
    assert_eq!(rows[2].address, None);
    let again: Vec<bool> = rows
        .iter()
        .map(|row| row.flags.contains(&Flag::Duplicate))
        .collect();
    assert_eq!(again, [false, false, false, true, false]);
    assert!(
        rows.iter()
            .all(|row| row.verdict == presend::decide(&row.evidence))
    );
}

#[test]
fn a_file_is_read_as_the_program_reads_it() {
    let (folder, verifier) = verifier();
    let file = folder.path().join("list.csv");
    std::fs::write(
        &file,
        "name,email,other\nAnna,anna@acme.test,x@acme.test\nB,,\n",
    )
    .unwrap();
    let list = List::file(&file).unwrap().column("email");
    let (rows, _) = wait_for(rows_of(verifier.verify(list)));
    let reasons: Vec<_> = rows.iter().map(|row| row.verdict.reason).collect();
    assert_eq!(reasons, [Reason::Accepted, Reason::NoAddress]);
    let list = List::file(&file).unwrap().column("mail");
    let mut run = verifier.verify(list);
    let error = wait_for(run.next()).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::List);
    assert!(wait_for(run.next()).is_none());
    assert!(List::file("/nowhere/list.csv").is_err());
}

#[test]
fn a_run_that_is_dropped_ends_and_the_next_has_its_turn() {
    let (_folder, verifier) = verifier();
    let many = (0..1000).map(|number| format!("a{number}@acme.test"));
    drop(verifier.verify(List::of(many)));
    let waiting = verifier.verify(List::of(["anna@slow.test"]));
    wait_for(async {
        let (anna, bert) = tokio::join!(
            verifier.check("anna@acme.test"),
            verifier.check("bert@acme.test")
        );
        assert_eq!(anna.unwrap().verdict.standing, Standing::Deliverable);
        assert_eq!(bert.unwrap().verdict.standing, Standing::Deliverable);
    });
    let (rows, ending) = wait_for(rows_of(waiting));
    assert_eq!(ending, Ending::Completed);
    assert_eq!(rows[0].verdict.standing, Standing::Unknown);
    // The last handle may go before the run.
    let run = verifier.verify(List::of(["anna@acme.test"]));
    drop(verifier);
    assert_eq!(wait_for(rows_of(run)).0.len(), 1);
}

#[test]
fn what_was_learned_is_kept_where_a_file_is_named() {
    let (folder, file) = world();
    let ledger = folder.path().join("ledger.db");
    let check = || {
        let builder = Verifier::builder().world(&file).ledger(&ledger);
        wait_for(async {
            builder
                .build()
                .unwrap()
                .check("anna@acme.test")
                .await
                .unwrap()
        })
    };
    let (first, second) = (check(), check());
    assert!(first.checked_at.is_some());
    assert_eq!(first.evidence, second.evidence);
}

#[test]
fn a_domain_is_looked_at() {
    let (_folder, verifier) = verifier();
    let preflight = wait_for(verifier.preflight("acme.test")).unwrap();
    let mended = |check: &&presend::Check| check.status == Status::Fail;
    let failed = preflight.checks.iter().filter(mended);
    assert!(failed.clone().any(|check| check.id.starts_with("spf")));
    assert!(failed.into_iter().all(|check| check.fix.is_some()));
}

/// The examples see the crate with all its rooms open, unlike its users.
#[test]
fn examples_name_only_what_is_public() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let library = std::fs::read_to_string(root.join("lib.rs")).unwrap();
    let public: String = library
        .split(';')
        .filter(|item| item.trim_start().starts_with("pub use") || item.contains("\npub use "))
        .collect();
    let mut files = vec![root.join("lib.rs"), root.join("model/verdict/decide.rs")];
    let verifier = std::fs::read_dir(root.join("verifier")).unwrap();
    let files_there = verifier.map(|entry| entry.unwrap().path());
    files.extend(files_there.filter(|path| path.is_file()));
    let mut named = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("/// "))
        {
            let Some((_, names)) = line.split_once("presend::") else {
                continue;
            };
            for name in names.split(|c: char| !c.is_alphanumeric() && c != '_') {
                let is_name = !name.is_empty() && names.starts_with('{') || names.starts_with(name);
                if is_name && !name.is_empty() {
                    named += 1;
                    assert!(public.contains(name), "{name} in {}", file.display());
                    if !names.starts_with('{') {
                        break;
                    }
                }
            }
        }
    }
    assert!(named > 5, "the examples are found");
}
