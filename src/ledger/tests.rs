use std::path::PathBuf;

use super::*;
use crate::model::reading::Reading;
use crate::model::stage::Stage;
use crate::model::verdict::{Exchange, Finding, Whom};
use crate::probe::{
    ASKED_AFRESH, Asked, CatchAllState, KnownDomain, KnownHost, LastWord, MAY_BE_ANOTHERS, Waiting,
};

fn asked(whom: Whom, reason: Reason, permanent: bool, at: u64) -> Fact {
    let (code, reply) = if permanent {
        (550, "550 no")
    } else {
        (250, "250 ok")
    };
    Fact {
        at: Timestamp::from_millis(at),
        finding: Finding::Asked {
            whom,
            exchange: Exchange {
                stage: Stage::Rcpt,
                host: "mx.acme.test".to_owned(),
                code: Some(code),
                reply: reply.to_owned(),
            },
            reading: Reading {
                reason,
                permanent,
                rule: "test".to_owned(),
            },
        },
    }
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/ledger.db");
    (folder, path)
}

fn open(path: &Path, now: u64) -> Ledger {
    Ledger::open(
        path,
        &Realm::Real,
        Lifetimes::default(),
        Timestamp::from_millis(now),
    )
    .unwrap()
}

/// The verdict that settles an address in acme.test, if one does.
fn settled_by(ledger: &mut Ledger, key: &str) -> Option<String> {
    match ledger.todo(key, "acme.test").unwrap() {
        Todo::Settled(verdict) => Some(verdict.to_string()),
        Todo::Left | Todo::Owed(_) | Todo::Ask { .. } => None,
    }
}

const DAY: u64 = 24 * 3600 * 1000;

#[test]
fn what_was_learned_settles_the_next_run_until_it_is_stale() {
    let (_folder, path) = place();
    let mut writer = open(&path, 0).writer().unwrap();
    writer
        .domain(
            "acme.test".to_owned(),
            asked(Whom::Decoy, Reason::NoSuchMailbox, true, 1),
        )
        .unwrap();
    writer
        .address(
            "anna@acme.test".to_owned(),
            asked(Whom::Subject, Reason::Accepted, false, 1),
        )
        .unwrap();
    writer
        .address(
            "bert@acme.test".to_owned(),
            asked(Whom::Subject, Reason::NoSuchMailbox, true, 1),
        )
        .unwrap();
    writer
        .address(
            "carl@acme.test".to_owned(),
            asked(Whom::Subject, Reason::Greylisted, false, 1),
        )
        .unwrap();
    writer.finish().unwrap();

    let settled = |days: u64, key: &str| {
        let now = Timestamp::from_millis(days * DAY + 2);
        settled_by(&mut open(&path, now.as_millis()), key)
    };
    assert_eq!(
        settled(1, "anna@acme.test").as_deref(),
        Some("deliverable/accepted")
    );
    assert_eq!(
        settled(1, "bert@acme.test").as_deref(),
        Some("undeliverable/no_such_mailbox")
    );
    assert_eq!(
        settled(1, "carl@acme.test"),
        None,
        "what settles nothing is asked again"
    );
    assert_eq!(settled(4, "bert@acme.test"), None);
    assert_eq!(settled(8, "anna@acme.test"), None);
    assert_eq!(settled(1, "dora@acme.test"), None);
}

#[test]
fn the_last_word_on_an_address_outlives_its_fact() {
    let (_folder, path) = place();
    let mut writer = open(&path, 0).writer().unwrap();
    for (key, reason, permanent, at) in [
        ("anna@acme.test", Reason::NoSuchMailbox, true, 1),
        ("anna@acme.test", Reason::Accepted, false, 2),
        ("bert@acme.test", Reason::NoSuchMailbox, true, 1),
        ("carl@acme.test", Reason::Greylisted, false, 1),
        ("dora@acme.test", Reason::SenderBlocked, true, 1),
    ] {
        writer
            .address(key.to_owned(), asked(Whom::Subject, reason, permanent, at))
            .unwrap();
    }
    writer.finish().unwrap();

    let mut ledger = open(&path, 400 * DAY);
    for (key, wanted) in [
        ("anna@acme.test", LastWord::Accepted),
        ("bert@acme.test", LastWord::Refused),
        ("carl@acme.test", LastWord::Nothing),
        ("dora@acme.test", LastWord::Nothing),
        ("emil@acme.test", LastWord::Nothing),
    ] {
        assert_eq!(ledger.last_word(key).unwrap(), wanted, "{key}");
    }
    ledger.recall(Memory::Refresh);
    assert_eq!(
        ledger.last_word("bert@acme.test").unwrap(),
        LastWord::Nothing
    );
}

#[test]
fn facts_of_one_run_add_up_and_give_way_to_the_next() {
    let (_folder, path) = place();
    let run = |began: u64, facts: Vec<Fact>| {
        let mut ledger = open(&path, began);
        let mut writer = ledger.writer().unwrap();
        for fact in facts {
            writer.address("anna@acme.test".to_owned(), fact).unwrap();
        }
        writer.finish().unwrap();
        ledger.refresh();
        ledger
            .evidence("anna@acme.test", "acme.test")
            .unwrap()
            .facts
            .len()
    };
    let greylisted = |at| asked(Whom::Subject, Reason::Greylisted, false, at);
    assert_eq!(
        run(
            100,
            vec![
                greylisted(101),
                asked(Whom::Subject, Reason::Accepted, false, 102)
            ]
        ),
        2
    );
    assert_eq!(
        run(
            200,
            vec![asked(Whom::Subject, Reason::NoSuchMailbox, true, 201)]
        ),
        1
    );
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone_with_a_clear_error() {
    let (folder, _) = place();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "a".repeat(5000)).unwrap();
    let error = Ledger::open(
        &path,
        &Realm::Real,
        Lifetimes::default(),
        Timestamp::default(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("is not a ledger"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a".repeat(5000));
}

#[test]
fn a_newer_ledger_and_another_worlds_are_refused() {
    let (_folder, path) = place();
    drop(open(&path, 0));
    let realm = Realm::Simulated("world.toml".to_owned());
    let error =
        Ledger::open(&path, &realm, Lifetimes::default(), Timestamp::default()).unwrap_err();
    assert!(error.to_string().contains("another world"), "{error}");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = Ledger::open(
        &path,
        &Realm::Real,
        Lifetimes::default(),
        Timestamp::default(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("newer presend"), "{error}");
}

#[test]
fn the_ledger_with_all_that_stands_beside_it_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = place();
    let ledger = open(&path, 0);
    let mut writer = ledger.writer().unwrap();
    let fact = asked(Whom::Subject, Reason::Accepted, false, 1);
    writer.address("anna@acme.test".to_owned(), fact).unwrap();
    writer.finish().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = path.parent().unwrap();
    assert_eq!(mode(folder), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        names.push(file.file_name().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "ledger.db",
            "ledger.db-shm",
            "ledger.db-wal",
            "ledger.db.lock"
        ]
    );
}

/// Facts of all kinds that decide differently, some of them stale where the test looks.
fn telling_facts(at: u64) -> Vec<Fact> {
    use Reason::{
        Accepted, AcceptedProvider, Greylisted, MailboxDisabled, MailboxFull, NoSuchMailbox,
        ProviderAnomaly,
    };
    let asked_about = |whom| {
        [
            (Accepted, false),
            (AcceptedProvider, false),
            (NoSuchMailbox, true),
            (MailboxDisabled, true),
            (MailboxFull, false),
            (Greylisted, false),
            (ProviderAnomaly, true),
        ]
        .map(|(reason, permanent)| asked(whom, reason, permanent, at))
    };
    let dns = [Reason::NullMx, Reason::DnsTrouble].map(|reason| Fact {
        at: Timestamp::from_millis(at),
        finding: Finding::Domain {
            reason,
            detail: "what DNS said".to_owned(),
        },
    });
    let asked = [asked_about(Whom::Subject), asked_about(Whom::Decoy)].concat();
    asked.into_iter().chain(dns).collect()
}

#[test]
fn one_pass_finds_settled_whom_look_ups_find_settled() {
    let (_folder, path) = place();
    // Each address has up to two facts of two runs, its domain one or none.
    let facts = telling_facts(1);
    let mut addresses = Vec::new();
    for (began, first) in [(0, true), (4 * DAY, false)] {
        let mut writer = open(&path, began).writer().unwrap();
        for (n, of_domain) in facts.iter().map(Some).chain([None]).enumerate() {
            let domain = format!("d{n}.test");
            if let Some(fact) = of_domain
                && matches!(
                    &fact.finding,
                    Finding::Domain { .. }
                        | Finding::Asked {
                            whom: Whom::Decoy,
                            ..
                        }
                )
                && first
            {
                writer.domain(domain.clone(), fact.clone()).unwrap();
            }
            for (a, one) in facts.iter().enumerate() {
                for (b, other) in facts.iter().enumerate() {
                    let key = format!("{a}.{b}@{domain}");
                    let fact = if first {
                        one.clone()
                    } else {
                        Fact {
                            at: Timestamp::from_millis(began + 1),
                            ..other.clone()
                        }
                    };
                    if first {
                        addresses.push((key.clone(), domain.clone()));
                    }
                    if (first && a > 0) || (!first && b > 0) {
                        writer.address(key, fact).unwrap();
                    }
                }
            }
        }
        writer.finish().unwrap();
    }
    let returned = |key: &str| Bounce {
        key: key.to_owned(),
        id: key.to_owned(),
        at: Timestamp::from_millis(2),
        reason: Reason::NoSuchMailbox,
        permanent: true,
        status: None,
        reply: String::new(),
    };
    let bounces: Vec<Bounce> = addresses
        .iter()
        .step_by(97)
        .map(|(key, _)| returned(key))
        .collect();
    open(&path, 4 * DAY).add_bounces(&bounces).unwrap();
    let mark = |key: &str| {
        addresses
            .iter()
            .position(|(known, _)| known == key)
            .unwrap() as u64
    };
    // After six days refusals of the first run are stale, its acceptances are not; after twelve all of it is.
    for now in [1, 2 * DAY, 6 * DAY, 12 * DAY] {
        let mut ledger = open(&path, now);
        let settled = ledger.settled(mark).unwrap();
        let (mut yes, mut no) = (0, 0);
        for (n, (key, domain)) in addresses.iter().enumerate() {
            let has_own = !ledger.of_address(key).unwrap().is_empty();
            let todo = ledger.todo(key, domain).unwrap();
            let expected = has_own && matches!(todo, Todo::Settled(_));
            assert_eq!(
                settled.place(n as u64).is_some(),
                expected,
                "{now} {key}: {todo:?}"
            );
            *if expected { &mut yes } else { &mut no } += 1;
        }
        assert!(no > 100, "{now}: {yes} and {no} tell something");
        assert!(
            yes > 100 || now == 12 * DAY,
            "{now}: {yes} and {no} tell something"
        );
    }
}

#[test]
fn a_later_run_that_learns_nothing_takes_nothing_away() {
    let (_folder, path) = place();
    let learn = |began: u64, reason: Reason| {
        let mut writer = open(&path, began).writer().unwrap();
        let fact = asked(Whom::Subject, reason, false, began + 1);
        writer.address("anna@acme.test".to_owned(), fact).unwrap();
        writer.finish().unwrap();
    };
    learn(100, Reason::Accepted);
    learn(200, Reason::Greylisted);
    let known = |now: u64| -> Vec<u64> {
        let kept = open(&path, now).of_address("anna@acme.test").unwrap();
        kept.iter().map(|kept| kept.fact.at.as_millis()).collect()
    };
    assert_eq!(
        known(300),
        [101],
        "what settles nothing serves its own run only"
    );
    learn(300, Reason::Accepted);
    assert_eq!(
        known(400),
        [301],
        "newer knowledge takes the place of older"
    );
}

#[test]
fn what_dns_says_holds_as_long_as_dns_says() {
    let (_folder, path) = place();
    let mut writer = open(&path, 0).writer().unwrap();
    let fact = Fact {
        at: Timestamp::from_millis(1),
        finding: Finding::Domain {
            reason: Reason::NullMx,
            detail: "null MX".to_owned(),
        },
    };
    let kept = Kept {
        fact,
        until: Some(Timestamp::from_millis(5000)),
    };
    writer.domain("acme.test".to_owned(), kept).unwrap();
    writer.finish().unwrap();
    for (now, count) in [(4999, 1), (5000, 0)] {
        let mut ledger = open(&path, now);
        let known = ledger.of_domain("acme.test");
        assert_eq!(known.unwrap().len(), count, "{now}");
    }
}

#[test]
fn what_is_committed_at_once_can_be_read_before_the_writer_goes_on() {
    let (_folder, path) = place();
    let mut ledger = open(&path, 0);
    ledger.set_commit(Commit::AtOnce);
    let mut writer = ledger.writer().unwrap();
    for number in 0..20 {
        let key = format!("anna{number}@acme.test");
        let fact = asked(Whom::Subject, Reason::Accepted, false, 1);
        writer.address(key.clone(), fact).unwrap();
        let (said, is_said) = std::sync::mpsc::channel();
        writer.then(move || said.send(()).unwrap()).unwrap();
        assert_eq!(is_said.try_recv(), Ok(()), "{number}");
        let read = open(&path, 1);
        assert_eq!(read.of_address(&key).unwrap().len(), 1, "{number}");
    }
}

#[test]
fn a_clock_runs_until_the_address_is_answered() {
    let (_folder, path) = place();
    let clock = Clock {
        waiting: Waiting {
            tries: 1,
            since: Some(Timestamp::from_millis(5)),
        },
        again: Timestamp::from_millis(360_005),
    };
    let key = || "anna@acme.test".to_owned();
    let mut writer = open(&path, 0).writer().unwrap();
    writer
        .address(key(), asked(Whom::Subject, Reason::Greylisted, false, 5))
        .unwrap();
    writer.clock(key(), clock).unwrap();
    writer.finish().unwrap();
    assert_eq!(open(&path, 0).clock(&key()).unwrap(), Some(clock));
    assert_eq!(open(&path, 6).clock(&key()).unwrap(), None, "a new run");
    let mut writer = open(&path, 0).writer().unwrap();
    writer
        .address(key(), asked(Whom::Subject, Reason::Accepted, false, 7))
        .unwrap();
    writer.finish().unwrap();
    assert_eq!(open(&path, 0).clock(&key()).unwrap(), None);
}

#[test]
fn what_is_known_of_a_host_stays_known() {
    let (_folder, path) = place();
    let known = KnownHost {
        transaction_caps: [([127, 0, 0, 1].into(), 1)].into(),
        chokes: true,
        ..KnownHost::default()
    };
    let mut writer = open(&path, 0).writer().unwrap();
    writer
        .host("acme.test".to_owned(), known.clone(), Timestamp::default())
        .unwrap();
    writer.finish().unwrap();
    assert_eq!(open(&path, 1).host("acme.test").unwrap(), Some(known));
    assert_eq!(open(&path, 1).host("else.test").unwrap(), None);
}

fn begin(path: &Path, now: u64, memory: Memory) -> (Ledger, super::run::Begun) {
    let mut ledger = open(path, now);
    let job = Job {
        place: "/lists/leads.csv.presend",
        list: "leads.csv",
        seed: now,
    };
    ledger.recall(memory);
    let begun = ledger.begin(&job, Timestamp::from_millis(now)).unwrap();
    (ledger, begun)
}

#[test]
fn a_run_that_was_killed_is_continued_one_that_was_completed_is_not() {
    let (_folder, path) = place();
    let (ledger, begun) = begin(&path, 100, Memory::Use);
    assert_eq!((begun.seed, begun.continues), (100, None));
    let mut writer = ledger.writer().unwrap();
    let left = asked(Whom::Subject, Reason::Silent, false, 101);
    writer.address("anna@acme.test".to_owned(), left).unwrap();
    writer.finish().unwrap();

    let (ledger, begun) = begin(&path, 200, Memory::Use);
    assert_eq!(begun.seed, 100, "the same decoys");
    assert_eq!(begun.continues, Some(Timestamp::from_millis(100)));
    let known = |ledger: &Ledger| {
        let kept = ledger.of_address("anna@acme.test");
        kept.unwrap().len()
    };
    assert_eq!(known(&ledger), 1, "learned in this run");
    ledger
        .end("completed", "{}", Timestamp::from_millis(300))
        .unwrap();

    let (ledger, begun) = begin(&path, 400, Memory::Use);
    assert_eq!((begun.seed, begun.continues), (400, None));
    assert_eq!(known(&ledger), 0, "an unsettled address is asked again");
    let last = ledger
        .last_run("/lists/leads.csv.presend")
        .unwrap()
        .unwrap();
    assert_eq!(last.ended, Timestamp::from_millis(300));
}

#[test]
fn a_disk_that_takes_its_time_stalls_nobody_and_loses_nothing() {
    let (_folder, path) = place();
    let mut writer = open(&path, 0).writer().unwrap();
    let backlog = writer.backlog();
    // Nothing can be written meanwhile, as on a disk that hangs.
    let busy = rusqlite::Connection::open(&path).unwrap();
    busy.execute_batch("BEGIN IMMEDIATE").unwrap();
    let facts = limits::LEDGER_BATCH + 2 * limits::LEDGER_QUEUE;
    for n in 0..facts {
        let fact = asked(Whom::Subject, Reason::Accepted, false, 1);
        writer.address(format!("p{n}@acme.test"), fact).unwrap();
    }
    assert!(backlog.is_long(), "no further address is taken up");
    busy.execute_batch("COMMIT").unwrap();
    writer.finish().unwrap();
    assert!(!backlog.is_long());
    let count = "SELECT count(*) FROM address";
    let kept: i64 = busy.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(usize::try_from(kept), Ok(facts));
}

#[test]
fn a_run_that_goes_on_knows_which_answers_nothing_vouches_for() {
    let (_folder, path) = place();
    let (mut ledger, _) = begin(&path, 100, Memory::Use);
    assert!(ledger.machines().unwrap().is_empty(), "it continues none");
    let learn = |facts: &[(&str, Reason, u64)]| {
        let (ledger, _) = begin(&path, 100, Memory::Use);
        let mut writer = ledger.writer().unwrap();
        for &(key, reason, at) in facts {
            let permanent = reason == Reason::NoSuchMailbox;
            if key.contains('@') {
                let fact = asked(Whom::Subject, reason, permanent, at);
                writer.address(key.to_owned(), fact).unwrap();
            } else {
                let fact = asked(Whom::Decoy, reason, permanent, at);
                writer.domain(key.to_owned(), fact).unwrap();
            }
        }
        writer.finish().unwrap();
        let (mut ledger, begun) = begin(&path, 200, Memory::Use);
        assert!(begun.continues.is_some());
        ledger.machines().unwrap().remove("mx.acme.test").unwrap()
    };
    let names = |parties: &[Asked]| -> Vec<String> {
        let name = |asked: &Asked| match asked {
            Asked::Address(key) => key.to_string(),
            Asked::Decoy(domain) => format!("decoy of {domain}"),
        };
        parties.iter().map(name).collect()
    };
    let nobody: [&str; 0] = [];

    let known = learn(&[
        ("before@acme.test", Reason::Accepted, 101),
        ("xaver@acme.test", Reason::NoSuchMailbox, 102),
        ("acme.test", Reason::NoSuchMailbox, 103),
        ("bert@acme.test", Reason::Accepted, 105),
        ("anna@acme.test", Reason::Accepted, 104),
        // An acceptance that means nothing, one that was taken back, an answer that says nothing.
        ("all.test", Reason::Accepted, 106),
        ("dora@all.test", Reason::Accepted, 106),
        ("carl@acme.test", Reason::Accepted, 107),
        ("carl@acme.test", Reason::ProviderAnomaly, 108),
        ("emil@acme.test", Reason::Greylisted, 109),
    ]);
    assert_eq!(known.refusals, 2);
    assert_eq!(names(&known.accepted), ["anna@acme.test", "bert@acme.test"]);
    assert_eq!(names(&known.refused), nobody);
    let (known_good, domain) = known.known_good.unwrap();
    assert_eq!(known_good.key(), "bert@acme.test");
    assert_eq!(domain.catch_all, Some(CatchAllState::RefusesUnknown));

    let known = learn(&[
        ("yann@acme.test", Reason::NoSuchMailbox, 110),
        ("other.test", Reason::NoSuchMailbox, 111),
    ]);
    assert_eq!(known.refusals, 4);
    assert_eq!(names(&known.accepted), nobody);
    assert_eq!(
        names(&known.refused),
        ["yann@acme.test", "decoy of other.test"]
    );
    assert_eq!(known.known_good.unwrap().0.key(), "bert@acme.test");
}

#[test]
fn a_machine_out_of_step_is_not_caught_when_the_run_goes_on() {
    let (_folder, path) = place();
    let (ledger, _) = begin(&path, 100, Memory::Use);
    let mut writer = ledger.writer().unwrap();
    for (key, reason, at) in [
        ("bert@acme.test", Reason::Accepted, 101),
        ("anna@acme.test", Reason::Accepted, 102),
        ("xaver@acme.test", Reason::NoSuchMailbox, 103),
    ] {
        let fact = asked(Whom::Subject, reason, reason == Reason::NoSuchMailbox, at);
        writer.address(key.to_owned(), fact).unwrap();
    }
    let decoy = asked(Whom::Decoy, Reason::NoSuchMailbox, true, 104);
    writer.domain("acme.test".to_owned(), decoy).unwrap();
    for key in ["anna@acme.test", "xaver@acme.test"] {
        let reading = Reading {
            reason: Reason::ProviderAnomaly,
            permanent: false,
            rule: MAY_BE_ANOTHERS.to_owned(),
        };
        let asked = Asked::Address(key.into());
        writer
            .take_back(asked, reading, Timestamp::from_millis(105))
            .unwrap();
    }
    writer.finish().unwrap();
    let (mut ledger, _) = begin(&path, 200, Memory::Use);
    let known = ledger.machines().unwrap().remove("mx.acme.test").unwrap();
    assert!(
        !known.accepts_every_recipient && !known.refuses_every_recipient,
        "{known:?}"
    );
    assert_eq!(known.refused, [Asked::Decoy("acme.test".into())]);
    let (known_good, _) = known.known_good.unwrap();
    assert_eq!(known_good.key(), "bert@acme.test", "not who was taken back");
}

#[test]
fn an_address_to_be_asked_about_again_is_asked_about_when_the_run_goes_on() {
    let (_folder, path) = place();
    let (ledger, _) = begin(&path, 100, Memory::Use);
    let mut writer = ledger.writer().unwrap();
    let decoy = asked(Whom::Decoy, Reason::NoSuchMailbox, true, 100);
    writer.domain("acme.test".to_owned(), decoy).unwrap();
    for (name, rule) in [
        ("turned", ASKED_AFRESH),
        ("out-of-step", MAY_BE_ANOTHERS),
        ("caught", "held back"),
    ] {
        let key = format!("{name}@acme.test");
        let fact = asked(Whom::Subject, Reason::Accepted, false, 101);
        writer.address(key.clone(), fact).unwrap();
        let reading = Reading {
            reason: Reason::ProviderAnomaly,
            permanent: false,
            rule: rule.to_owned(),
        };
        let at = Timestamp::from_millis(102);
        writer
            .take_back(Asked::Address(key.into()), reading, at)
            .unwrap();
    }
    // It was killed before it wrote when they are due.
    writer.finish().unwrap();
    let (mut ledger, _) = begin(&path, 200, Memory::Use);
    let mut todo = |name: &str| {
        let key = format!("{name}@acme.test");
        ledger.todo(&key, "acme.test").unwrap()
    };
    let at_once = Todo::Ask {
        waiting: Waiting::default(),
        not_before: Timestamp::default(),
    };
    assert_eq!(todo("turned"), at_once);
    assert_eq!(todo("out-of-step"), at_once);
    assert_eq!(todo("caught"), Todo::Left, "its host is believed no more");
}

#[test]
fn what_is_taken_back_keeps_its_words() {
    let (_folder, path) = place();
    let mut writer = open(&path, 0).writer().unwrap();
    let anna = || "anna@acme.test".to_owned();
    writer
        .address(anna(), asked(Whom::Subject, Reason::NoSuchMailbox, true, 1))
        .unwrap();
    writer
        .domain(
            "acme.test".to_owned(),
            asked(Whom::Decoy, Reason::NoSuchMailbox, true, 1),
        )
        .unwrap();
    let reading = || Reading {
        reason: Reason::ProviderAnomaly,
        permanent: false,
        rule: "held back".to_owned(),
    };
    for asked in [
        Asked::Address(anna().into()),
        Asked::Decoy("acme.test".into()),
        Asked::Address("nobody@acme.test".into()),
    ] {
        writer
            .take_back(asked, reading(), Timestamp::from_millis(2))
            .unwrap();
    }
    writer.finish().unwrap();
    let mut ledger = open(&path, 3);
    let kept = ledger.of_address(&anna()).unwrap();
    let [.., last] = kept.as_slice() else {
        panic!("it is known")
    };
    let mut expected = asked(Whom::Subject, Reason::NoSuchMailbox, true, 2);
    if let Finding::Asked { reading: read, .. } = &mut expected.finding {
        *read = reading();
    }
    assert_eq!(last.fact, expected);
    assert_eq!(settled_by(&mut ledger, &anna()), None);
    assert!(
        matches!(ledger.todo(&anna(), "acme.test").unwrap(), Todo::Ask { .. }),
        "asked anew by a later run"
    );
    assert_eq!(ledger.catch_all("acme.test").unwrap().catch_all, None);
    assert!(ledger.of_address("nobody@acme.test").unwrap().is_empty());
}

#[test]
fn a_refreshing_run_that_was_killed_goes_on_refreshing() {
    let (_folder, path) = place();
    let learn = |ledger: &Ledger, key: &str, at: u64| {
        let mut writer = ledger.writer().unwrap();
        let fact = asked(Whom::Subject, Reason::NoSuchMailbox, true, at);
        writer.address(key.to_owned(), fact).unwrap();
        writer.finish().unwrap();
    };
    let (ledger, _) = begin(&path, 100, Memory::Use);
    learn(&ledger, "old@acme.test", 101);
    ledger
        .end("completed", "{}", Timestamp::from_millis(150))
        .unwrap();
    let (ledger, _) = begin(&path, 200, Memory::Refresh);
    learn(&ledger, "new@acme.test", 201);
    let (mut ledger, begun) = begin(&path, 300, Memory::Refresh);
    assert!(begun.continues.is_some());
    let mut settled = |key| settled_by(&mut ledger, key).is_some();
    assert!(!settled("old@acme.test"));
    assert!(settled("new@acme.test"));
}

#[test]
fn a_run_from_long_ago_is_not_continued() {
    let (_folder, path) = place();
    begin(&path, 100, Memory::Use);
    assert_eq!(begin(&path, 100 + DAY, Memory::Use).1.continues, None);
}

#[test]
fn the_same_bounce_counts_once() {
    let (_folder, path) = place();
    let ledger = open(&path, 0);
    let bounce = |id: &str| Bounce {
        key: "anna@acme.test".to_owned(),
        id: id.to_owned(),
        at: Timestamp::from_millis(7),
        reason: Reason::NoSuchMailbox,
        permanent: true,
        status: Some("5.1.1".to_owned()),
        reply: "550 no such user".to_owned(),
    };
    assert_eq!(ledger.add_bounces(&[bounce("a"), bounce("b")]).unwrap(), 2);
    assert_eq!(ledger.add_bounces(&[bounce("b"), bounce("c")]).unwrap(), 1);
    assert_eq!(ledger.bounces_of("anna@acme.test").unwrap().len(), 3);
    assert_eq!(ledger.bounces().unwrap()[0], bounce("a"));
    assert!(ledger.bounces_of("bert@acme.test").unwrap().is_empty());
}

#[test]
fn outcomes_add_up_until_they_are_reset() {
    let (_folder, path) = place();
    let ledger = open(&path, 0);
    let outcomes = |total, bounced, at| {
        let at = Timestamp::from_millis(at);
        let hard = bounced;
        vec![(
            "proven".to_owned(),
            Outcomes {
                total,
                bounced,
                hard,
                at,
            },
        )]
    };
    ledger.add_outcomes(&outcomes(100.0, 1.5, 1)).unwrap();
    ledger.add_outcomes(&outcomes(50.0, 0.5, 2)).unwrap();
    assert_eq!(ledger.outcomes().unwrap(), outcomes(150.0, 2.0, 2));
    ledger.reset_outcomes().unwrap();
    assert_eq!(ledger.outcomes().unwrap(), []);
}

/// A ledger as the first schema had it.
fn first_schema(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE address (key TEXT PRIMARY KEY, at INTEGER NOT NULL, facts TEXT NOT NULL) WITHOUT ROWID;
             CREATE TABLE domain (name TEXT PRIMARY KEY, at INTEGER NOT NULL, facts TEXT NOT NULL) WITHOUT ROWID;
             CREATE TABLE about (what TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
             PRAGMA application_id = 1884515940; PRAGMA user_version = 1;
             INSERT INTO about VALUES ('world', 'real');",
        )
        .unwrap();
    let text = |fact: &Fact| serde_json::to_string(fact).unwrap();
    let facts = [
        asked(Whom::Subject, Reason::Greylisted, false, 1),
        asked(Whom::Subject, Reason::Accepted, false, 2),
    ];
    connection
        .execute(
            "INSERT INTO address VALUES ('anna@acme.test', 2, ?1)",
            [facts.each_ref().map(text).join("\n")],
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO domain VALUES ('acme.test', 2, ?1)",
            [text(&asked(Whom::Decoy, Reason::NoSuchMailbox, true, 2))],
        )
        .unwrap();
}

#[test]
fn a_ledger_of_the_first_schema_is_brought_up_to_date() {
    let (_folder, path) = place();
    first_schema(&path);
    for _ in 0..2 {
        let verdict = settled_by(&mut open(&path, DAY), "anna@acme.test");
        assert_eq!(verdict.as_deref(), Some("deliverable/accepted"));
    }
    let version: i64 = Connection::open(&path)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, tables::VERSION);
}

#[test]
fn a_fact_comes_back_as_it_was_kept() {
    let (_folder, path) = place();
    let text = |detail: &str| detail.to_owned();
    let mut facts = vec![
        Finding::Domain {
            reason: Reason::DnsTrouble,
            detail: text("SERVFAIL"),
        },
        Finding::Withheld {
            reason: Reason::NotAsked,
            detail: text("no SMTPUTF8"),
        },
        Finding::Text { detail: text("?") },
    ];
    for stage in Stage::ALL {
        for whom in [Whom::Subject, Whom::Decoy] {
            let mut fact = asked(whom, Reason::MailboxFull, true, 0);
            if let Finding::Asked { exchange, .. } = &mut fact.finding {
                exchange.stage = stage;
                exchange.code = None;
            }
            facts.push(fact.finding);
        }
    }
    let facts: Vec<Fact> = (9..)
        .zip(facts)
        .map(|(at, finding)| Fact {
            at: Timestamp::from_millis(at),
            finding,
        })
        .collect();
    let mut writer = open(&path, 0).writer().unwrap();
    for fact in &facts {
        writer.address(text("a@b.test"), fact.clone()).unwrap();
    }
    writer.finish().unwrap();
    let kept = open(&path, 0).of_address("a@b.test").unwrap();
    let back: Vec<Fact> = kept.into_iter().map(|kept| kept.fact).collect();
    assert_eq!(back, facts);
}

#[test]
fn a_damaged_file_is_called_so_and_never_read_as_something_else() {
    use std::os::unix::fs::FileExt;
    let (_folder, path) = place();
    let keys: Vec<String> = (0..2000).map(|n| format!("a{n}@acme.test")).collect();
    let fact = asked(Whom::Subject, Reason::Accepted, false, 1);
    let mut writer = open(&path, 0).writer().unwrap();
    for key in &keys {
        writer.address(key.clone(), fact.clone()).unwrap();
    }
    writer.finish().unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    let garbage = [0x5a; 4096];
    file.write_all_at(&garbage, length / 2 / 4096 * 4096)
        .unwrap();
    // Damage that comes once it is open.
    let mut ledger = Ledger::read(&path, Lifetimes::default(), Timestamp::from_millis(2)).unwrap();
    let mut damaged = 0;
    for key in &keys {
        match ledger.evidence(key, "acme.test") {
            Ok(evidence) => assert_eq!(evidence.facts, std::slice::from_ref(&fact)),
            Err(error) => {
                damaged += 1;
                let text = error.to_string();
                assert!(
                    text.contains("damaged") && text.contains("ledger repair"),
                    "{text}"
                );
            }
        }
    }
    assert!((1..1000).contains(&damaged), "{damaged}");
    let error = ledger.settled(|_| 0).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
}

#[test]
fn a_disk_that_may_not_be_written_is_said_so() {
    let (_folder, path) = place();
    let error = Ledger::open(
        Path::new("/proc/ledger.db"),
        &Realm::Real,
        Lifetimes::default(),
        Timestamp::default(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("--ledger"), "{error}");
    let error = Ledger::find(&path, Timestamp::default()).unwrap_err();
    assert!(error.to_string().contains("there is no ledger"), "{error}");
    assert!(!path.exists(), "looking makes nothing");
}

#[test]
fn a_message_that_came_back_outranks_a_fresh_acceptance_for_a_year() {
    let (_folder, path) = place();
    let mut writer = open(&path, 0).writer().unwrap();
    for (whom, reason) in [
        (Whom::Subject, Reason::Accepted),
        (Whom::Decoy, Reason::NoSuchMailbox),
    ] {
        let fact = asked(whom, reason, whom == Whom::Decoy, 1);
        match whom {
            Whom::Subject => writer.address("anna@acme.test".to_owned(), fact).unwrap(),
            Whom::Decoy => writer.domain("acme.test".to_owned(), fact).unwrap(),
        }
    }
    writer.finish().unwrap();
    let verdict = |now: u64| {
        let now = Timestamp::from_millis(now);
        settled_by(&mut open(&path, now.as_millis()), "anna@acme.test")
    };
    assert_eq!(verdict(DAY).as_deref(), Some("deliverable/accepted"));
    let bounce = |reason, permanent, id: &str| Bounce {
        key: "anna@acme.test".to_owned(),
        id: id.to_owned(),
        at: Timestamp::from_millis(2),
        reason,
        permanent,
        status: None,
        reply: "550 no".to_owned(),
    };
    let ledger = open(&path, DAY);
    let idle = [
        bounce(Reason::MailboxFull, true, "1"),
        bounce(Reason::SenderBlocked, true, "2"),
        bounce(Reason::NoSuchMailbox, false, "3"),
    ];
    ledger.add_bounces(&idle).unwrap();
    assert_eq!(verdict(DAY).as_deref(), Some("deliverable/accepted"));
    ledger
        .add_bounces(&[bounce(Reason::NoSuchMailbox, true, "4")])
        .unwrap();
    assert_eq!(
        verdict(DAY).as_deref(),
        Some("undeliverable/no_such_mailbox")
    );
    assert_eq!(
        verdict(364 * DAY).as_deref(),
        Some("undeliverable/no_such_mailbox")
    );
    assert_eq!(verdict(366 * DAY + 3), None);
}

#[test]
fn what_is_left_to_do_about_an_address_goes_on_where_it_was() {
    let (_folder, path) = place();
    let (ledger, _) = begin(&path, 100, Memory::Use);
    let mut writer = ledger.writer().unwrap();
    let answers = [
        ("given-up", asked(Whom::Subject, Reason::Silent, false, 101)),
        (
            "told-to-wait",
            asked(Whom::Subject, Reason::Greylisted, false, 101),
        ),
        (
            "accepted",
            asked(Whom::Subject, Reason::Accepted, false, 101),
        ),
    ];
    for (name, fact) in answers {
        writer.address(format!("{name}@acme.test"), fact).unwrap();
    }
    let waiting = Waiting {
        tries: 1,
        since: Some(Timestamp::from_millis(101)),
    };
    let clock = Clock {
        waiting,
        again: Timestamp::from_millis(360_101),
    };
    writer
        .clock("told-to-wait@acme.test".to_owned(), clock)
        .unwrap();
    writer
        .catch_all(
            "slow.test".to_owned(),
            KnownDomain {
                decoy_due: Some(Timestamp::from_millis(9)),
                ..KnownDomain::default()
            },
        )
        .unwrap();
    writer.finish().unwrap();

    let todo = |ledger: &mut Ledger, name: &str| {
        ledger
            .todo(&format!("{name}@acme.test"), "acme.test")
            .unwrap()
    };
    let at_once = Todo::Ask {
        waiting: Waiting::default(),
        not_before: Timestamp::default(),
    };
    let due = |ledger: &mut Ledger| {
        let known = ledger.catch_all("slow.test");
        known.unwrap().decoy_due
    };
    let (mut ledger, _) = begin(&path, 900, Memory::Use);
    assert_eq!(todo(&mut ledger, "given-up"), Todo::Left);
    assert_eq!(
        todo(&mut ledger, "told-to-wait"),
        Todo::Ask {
            waiting,
            not_before: clock.again
        }
    );
    assert!(matches!(todo(&mut ledger, "accepted"), Todo::Owed(_)));
    assert_eq!(todo(&mut ledger, "never-asked"), at_once);
    assert_eq!(due(&mut ledger), Some(Timestamp::from_millis(9)));

    ledger
        .end("completed", "{}", Timestamp::from_millis(950))
        .unwrap();
    let (mut ledger, _) = begin(&path, 960, Memory::Use);
    for name in ["given-up", "told-to-wait"] {
        assert_eq!(
            todo(&mut ledger, name),
            at_once,
            "{name}: a new run asks anew"
        );
    }
    assert!(matches!(todo(&mut ledger, "accepted"), Todo::Owed(_)));
    assert_eq!(due(&mut ledger), None, "a new run asks its own decoys");
}

/// Every file of a ledger, its bytes together.
fn bytes_beside(path: &Path) -> Vec<u8> {
    std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

fn holds(bytes: &[u8], name: &str) -> bool {
    let lower = bytes.to_ascii_lowercase();
    lower
        .windows(name.len())
        .any(|part| part == name.as_bytes())
}

/// A ledger in which an address is known in every way there is.
fn address_known_in_every_way(path: &Path) {
    let (ledger, _) = begin(path, 100, Memory::Use);
    let mut writer = ledger.writer().unwrap();
    let named = |to: &str| {
        let mut fact = asked(Whom::Subject, Reason::SenderBlocked, true, 101);
        if let Finding::Asked { exchange, .. } = &mut fact.finding {
            exchange.reply = format!("554 <{to}>: blocked");
            exchange.host = "mx.hosting.test".to_owned();
        }
        fact
    };
    for other in ["Bert@Acme.test", "carl@other.test"] {
        let key = other.to_ascii_lowercase();
        writer
            .address(key, named("Anna.Albrecht@Acme.test"))
            .unwrap();
    }
    let mut hosted = named("postmaster@elsewhere.test");
    if let Finding::Asked { exchange, .. } = &mut hosted.finding {
        exchange.host = "mx2.acme.test".to_owned();
        exchange.reply = "550 not for ACME.test, see https://x.test/?to=jo%40acme.test".to_owned();
    }
    writer
        .address("dora@other.test".to_owned(), hosted)
        .unwrap();
    for n in 0..2000 {
        // Enough that pages split and old ones are freed.
        writer
            .address(format!("filler{n}@filler.test"), named("nobody"))
            .unwrap();
    }
    let key = || "anna.albrecht@acme.test".to_owned();
    writer
        .address(key(), named("anna.albrecht@acme.test"))
        .unwrap();
    let clock = Clock {
        waiting: Waiting::default(),
        again: Timestamp::from_millis(500),
    };
    writer.clock(key(), clock).unwrap();
    writer
        .domain("acme.test".to_owned(), named("decoy@acme.test"))
        .unwrap();
    writer
        .catch_all("acme.test".to_owned(), KnownDomain::default())
        .unwrap();
    let Finding::Asked {
        exchange, reading, ..
    } = named("anna.albrecht@acme.test").finding
    else {
        unreachable!()
    };
    let blocked = crate::probe::Block {
        until: Timestamp::from_millis(9),
        exchange,
        reading,
    };
    let known = KnownHost {
        blocked: Some(Box::new(blocked)),
        ..KnownHost::default()
    };
    writer
        .host(
            "hosting.test".to_owned(),
            known,
            Timestamp::from_millis(101),
        )
        .unwrap();
    writer.finish().unwrap();
    let bounce = Bounce {
        key: key(),
        id: "1".to_owned(),
        at: Timestamp::from_millis(102),
        reason: Reason::NoSuchMailbox,
        permanent: true,
        status: None,
        reply: "550 anna.albrecht@acme.test".to_owned(),
    };
    ledger.add_bounces(&[bounce]).unwrap();
    let outcomes = Outcomes::default();
    ledger
        .add_outcomes(&[("catch_all@none/acme.test".to_owned(), outcomes)])
        .unwrap();
    let report = "{\"unread\": \"what? anna.albrecht@acme.test\"}";
    ledger
        .end("completed", report, Timestamp::from_millis(300))
        .unwrap();
}

#[test]
fn nothing_of_a_forgotten_address_is_left_in_the_files() {
    let (_folder, path) = place();
    address_known_in_every_way(&path);
    assert!(holds(&bytes_beside(&path), "anna.albrecht@acme.test"));
    let target = Target::Address("anna.albrecht@acme.test".to_owned());
    let forgotten = forget(&path, &[target]).unwrap();
    assert_eq!(
        forgotten,
        Forgotten {
            rows: 3,
            mentions: 4
        }
    );
    let left = bytes_beside(&path);
    assert!(!holds(&left, "anna.albrecht"), "a trace is left");
    assert!(holds(&left, "bert@acme.test") && holds(&left, "decoy@acme.test"));
    let verdict = open(&path, 400).of_address("bert@acme.test");
    assert!(verdict.is_ok(), "the ledger is sound");
}

#[test]
fn nothing_of_a_forgotten_domain_is_left_in_the_files() {
    let (_folder, path) = place();
    address_known_in_every_way(&path);
    let forgotten = forget(&path, &[Target::Domain("acme.test".to_owned())]).unwrap();
    assert!(forgotten.rows >= 6, "{forgotten:?}");
    let left = bytes_beside(&path);
    assert!(!holds(&left, "acme.test"), "a trace is left");
    assert!(holds(&left, "carl@other.test"));
}

#[test]
fn what_is_old_can_be_forgotten_at_once() {
    let (_folder, path) = place();
    address_known_in_every_way(&path);
    forget(&path, &[Target::Before(Timestamp::from_millis(1000))]).unwrap();
    assert!(!holds(&bytes_beside(&path), ".test"));
}

#[test]
fn a_ledger_in_use_is_not_rewritten_and_its_user_is_named() {
    let (_folder, path) = place();
    let (_ledger, _) = begin(&path, 100, Memory::Use);
    let error = forget(&path, &[]).unwrap_err().to_string();
    let process = format!("process {}", std::process::id());
    assert!(
        error.contains(&process) && error.contains("leads.csv"),
        "{error}"
    );
}

#[test]
fn outcomes_count_half_after_their_half_life() {
    let outcomes = Outcomes {
        total: 100.0,
        bounced: 8.0,
        hard: 4.0,
        at: Timestamp::from_millis(0),
    };
    let life = crate::model::limits::CALIBRATION_HALF_LIFE;
    let close = |one: f64, other: f64| (one - other).abs() < 1e-9;
    let half = outcomes.faded(Timestamp::from_millis(0) + life);
    assert!(close(half.total, 50.0) && close(half.bounced, 4.0) && close(half.hard, 2.0));
    let quarter = outcomes.faded(Timestamp::from_millis(0) + life * 2);
    assert!(close(quarter.total, 25.0));
    assert_eq!(outcomes.faded(Timestamp::from_millis(0)), outcomes);
}

/// The names of the files of a ledger.
fn names_beside(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_ledger_is_one_file_when_nobody_uses_it() {
    let (_folder, path) = place();
    let (ledger, _) = begin(&path, 100, Memory::Use);
    let others = ledger.others(2).unwrap();
    let mut writer = ledger.writer().unwrap();
    writer
        .address(
            "anna@acme.test".to_owned(),
            asked(Whom::Subject, Reason::Accepted, false, 101),
        )
        .unwrap();
    writer.finish().unwrap();
    drop(others);
    assert!(path.with_file_name("ledger.db-wal").exists());
    drop(ledger);
    assert_eq!(names_beside(&path), ["ledger.db", "ledger.db.lock"]);
    let stats = Ledger::find(&path, Timestamp::from_millis(200))
        .unwrap()
        .stats()
        .unwrap();
    assert_eq!(stats.addresses, 1);
    assert_eq!(names_beside(&path), ["ledger.db", "ledger.db.lock"]);
}

/// Whether a ledger says that its log is needed.
fn is_marked(path: &Path) -> bool {
    let connection = Connection::open(path).unwrap();
    connection
        .query_row("SELECT count(*) FROM about WHERE what = 'log'", [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap()
        > 0
}

#[test]
fn a_copy_without_its_log_is_known_for_what_it_is_once() {
    let (folder, path) = place();
    let (ledger, _) = begin(&path, 100, Memory::Use);
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    assert!(is_marked(&copy), "the mark is in the ledger itself");
    drop(ledger);
    assert!(!is_marked(&path), "a run that ended needs no log");
    // Opening tells, and takes the mark away.
    drop(Ledger::find(&copy, Timestamp::from_millis(200)).unwrap());
    assert!(!is_marked(&copy));
}

#[test]
fn a_damaged_page_is_found_at_opening_and_the_rest_can_be_repaired() {
    let (folder, path) = place();
    let mut writer = open(&path, 0).writer().unwrap();
    for n in 0..3000 {
        let fact = asked(Whom::Subject, Reason::Accepted, false, n);
        writer
            .address(format!("somebody{n:05}@acme.test"), fact)
            .unwrap();
    }
    writer.finish().unwrap();
    drop(open(&path, 1));
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xee);
    std::fs::write(&path, bytes).unwrap();
    let error = Ledger::find(&path, Timestamp::from_millis(2)).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("presend ledger repair"));
    let to = folder.path().join("new.db");
    let repaired = repair(&path, &to).unwrap();
    assert_eq!(repaired.torn, ["address"]);
    assert!((2500..3000).contains(&repaired.rows), "{repaired:?}");
    let ledger = Ledger::find(&to, Timestamp::from_millis(2)).unwrap();
    for n in [0, 2999] {
        let key = format!("somebody{n:05}@acme.test");
        assert_eq!(ledger.of_address(&key).unwrap().len(), 1, "{key}");
    }
    assert!(matches!(
        repair(&path, &to),
        Err(LedgerError::InTheWay { .. })
    ));
}

#[test]
fn a_ledger_that_was_tampered_with_gives_an_error_or_nothing_but_never_a_panic() {
    for change in [
        "UPDATE address SET at = 9223372036854775807, until = 9223372036854775807",
        "UPDATE address SET at = -5",
        "UPDATE address SET at = 'yesterday'",
        "UPDATE address SET kind = 7, reason = 8, stage = x'ff', host = 1.5",
        "UPDATE address SET reply = x'ff00'",
        "UPDATE address SET code = 99999999999",
        "UPDATE address SET run = 'x'",
        "UPDATE run SET began = 9223372036854775807, ended = 9223372036854775807, place = x'1b'",
        "UPDATE run SET seed = 'x', attempt = 'y', report = 5",
        "UPDATE host SET known = '[]'",
        "UPDATE host SET known = 5, at = 'x'",
        "UPDATE standing SET entries = 'short', at = 'x'",
        "UPDATE bounce SET at = 9223372036854775807, permanent = 'x', reply = x'ff'",
        "UPDATE calibration SET total = 'much', at = 9223372036854775807",
        "UPDATE about SET value = x'1b5b'",
        "DELETE FROM about",
        "DROP TABLE bounce",
    ] {
        let (folder, path) = place();
        address_known_in_every_way(&path);
        Connection::open(&path)
            .unwrap()
            .execute_batch(change)
            .unwrap();
        let now = Timestamp::from_millis(400);
        if let Ok(mut ledger) = Ledger::find(&path, now) {
            let _ = ledger.stats().map(|stats| serde_json::to_string(&stats));
            let _ = ledger.export(|row| {
                drop(serde_json::to_string(&row));
                drop(row.at.to_string());
                Ok::<(), LedgerError>(())
            });
            let _ = ledger.todo("bert@acme.test", "acme.test");
            let _ = ledger.host("hosting.test");
            let _ = ledger.outcomes();
            let _ = ledger.settled(|_| 1);
            let _ = ledger.machines();
            let job = Job {
                place: "/somewhere/leads.csv.presend",
                list: "leads.csv",
                seed: 1,
            };
            let _ = ledger.begin(&job, now);
            let _ = ledger.register(10);
        }
        let _ = forget(&path, &[Target::Domain("acme.test".to_owned())]);
        let _ = repair(&path, &folder.path().join("new.db"));
    }
}
