//! A simulated season: verify, send, let bounce, import, verify again. What was learned from one half of a list makes
//! the projection of the other half better.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use presend::bounce::import::run::{Comparison, Run};
use presend::bounce::import::{self as bounces, Kind};
use presend::input::address::Address;
use presend::input::list::ColumnChoice;
use presend::ledger::{Bounce, Ledger, Lifetimes, Realm};
use presend::model::provider::Providers;
use presend::model::reason::Reason;
use presend::model::timestamp::Timestamp;
use presend::model::verdict::Disposition;
use presend::sim::score::{Courtesy, Creation, Until, create, in_simulated_time, run, tools};

/// Every other row of a creation's list, from the one with that place on.
fn half(creation: &Creation, first: usize) -> Creation {
    let mut half = creation.clone();
    let mine = |place: &usize| place % 2 == first;
    half.list.rows = (0..creation.list.rows.len())
        .filter(mine)
        .map(|place| creation.list.rows[place].clone())
        .collect();
    half.rows = (0..creation.rows.len())
        .filter(mine)
        .map(|place| creation.rows[place].clone())
        .collect();
    half.list.ends_well = true;
    half
}

/// Verifies in `folder`, as the program does, and writes the report beside the lists.
fn verify(creation: &Creation, folder: &Path) -> Timestamp {
    let outcome = in_simulated_time(async {
        let simulation = creation.internet.start(creation.seed);
        run(
            creation,
            &simulation,
            &tools(),
            &Courtesy::default(),
            folder,
            Until::Done,
        )
        .await
        .unwrap()
    })
    .unwrap();
    std::fs::write(folder.join("lists/report.json"), outcome.report.to_json()).unwrap();
    outcome.began
}

/// What the mail hosts send back when every address on the list is written to a day later: an mbox.
fn mail_back(creation: &Creation, began: Timestamp) -> String {
    let date = began + Duration::from_secs(24 * 3600);
    let day = date.to_string();
    let mut mbox = String::new();
    for (number, row) in creation.rows.iter().enumerate() {
        let (true, Some(address)) = (row.bounces, &row.address) else {
            continue;
        };
        let _ = write!(
            mbox,
            "From MAILER-DAEMON Tue Mar  3 06:00:00 2026\nFrom: MAILER-DAEMON@out.shop.example\nReturn-Path: <>\n\
             Subject: Undelivered Mail Returned to Sender\nDate: Tue, {} Mar {} 06:00:00 +0000\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
             --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; out.shop.example\n\n\
             Final-Recipient: rfc822; {address}\nAction: failed\nStatus: 5.1.1\n\
             Diagnostic-Code: smtp; 550 5.1.1 <{address}>: User unknown\n\n\
             --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <offer-{number}@shop.example>\n\n--b--\n\n",
            &day[8..10],
            &day[..4],
        );
    }
    mbox
}

/// Reads the mail back into a ledger; returns how many bounces it had.
fn import(mbox: &str, folder: &Path, ledger: &Ledger) -> usize {
    let path = folder.join("bounces.mbox");
    std::fs::write(&path, mbox).unwrap();
    let happenings = bounces::read(&path).unwrap().into_iter();
    let bounces: Vec<Bounce> = happenings
        .map(|happening| {
            assert_eq!(happening.kind, Kind::Bounce);
            assert!(happening.is_hard(), "{happening:?}");
            let address = Address::parse(happening.listed().unwrap()).unwrap();
            Bounce {
                key: address.key().into_owned(),
                id: happening.id,
                at: happening.at.unwrap(),
                reason: happening.reason.unwrap_or(Reason::Unread),
                permanent: happening.permanent,
                status: happening.status,
                reply: happening.diagnostic.unwrap_or_default(),
            }
        })
        .collect();
    ledger.add_bounces(&bounces).unwrap();
    bounces.len()
}

fn ledger(path: &Path, creation: &Creation, now: Timestamp) -> Ledger {
    let realm = Realm::Simulated(format!("seed {}", creation.seed));
    Ledger::open(path, &realm, Lifetimes::default(), now).unwrap()
}

/// What was projected for every address that a sender might write to, beside what bounced.
fn compare(folder: &Path, ledger: &Ledger) -> Comparison {
    Run::open(&folder.join("lists"))
        .unwrap()
        .compare(
            &[Disposition::Verified, Disposition::Review],
            &ColumnChoice::Named("email".to_owned()),
            ledger,
            &Providers::built_in(),
        )
        .unwrap()
}

/// The error of the projection for the second half of a world's list: without and with what the first half taught.
fn season(seed: u64, addresses: usize) -> (f64, f64) {
    let whole = create(seed, addresses);
    let (first, second) = (half(&whole, 0), half(&whole, 1));
    let (learned, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

    let began = verify(&first, learned.path());
    let mail = mail_back(&first, began);
    let memory = ledger(&learned.path().join("ledger.db"), &whole, began);
    assert!(import(&mail, learned.path(), &memory) > 0);
    let comparison = compare(learned.path(), &memory);
    Run::open(&learned.path().join("lists"))
        .unwrap()
        .calibrate(&comparison, &memory, began)
        .unwrap();
    assert!(!memory.outcomes().unwrap().is_empty());
    drop(memory);

    verify(&second, fresh.path());
    verify(&second, learned.path());
    // The truth about the second half is kept apart from both.
    let truth = ledger(&fresh.path().join("truth.db"), &whole, began);
    import(&mail_back(&second, began), fresh.path(), &truth);
    let error = |folder: &Path| {
        let total = compare(folder, &truth).total;
        (total.expected_rate - total.rate).abs()
    };
    (error(fresh.path()), error(learned.path()))
}

#[test]
fn real_bounces_make_the_next_projection_better() {
    let errors: Vec<(f64, f64)> = (0..4).map(|seed| season(seed, 400)).collect();
    let sum = |of: fn(&(f64, f64)) -> f64| errors.iter().map(of).sum::<f64>();
    let (before, after) = (sum(|error| error.0), sum(|error| error.1));
    assert!(
        after < 0.8 * before,
        "mean error {before:.4} before, {after:.4} after: {errors:.4?}"
    );
}
