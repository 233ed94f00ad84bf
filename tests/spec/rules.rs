//! The rules of weighing that are about texts, as properties. Those about evidence stand beside the function itself.

use presend::bounce::explain::{self, AddressAction, ExplainedRecipient, Hints, Knowledge};
use presend::bounce::import::{self as bounces, BounceEvent, Kind, Understood};
use presend::model::reason::Reason;
use proptest::prelude::*;

use crate::happening::{ROSA, report};

/// What a report with these fields comes to for its one recipient.
fn told(status: &str, action: &str, diagnostic: Option<&str>) -> ExplainedRecipient {
    let diagnostic = diagnostic.map_or_else(String::new, |diagnostic| {
        format!("\nDiagnostic-Code: {diagnostic}")
    });
    let message = report(&format!(
        "Final-Recipient: rfc822; {ROSA}\nAction: {action}\nStatus: {status}{diagnostic}"
    ));
    let knowledge = Knowledge::built_in();
    let explained = explain::explain(message.as_bytes(), Hints::default(), knowledge);
    assert_eq!(explained.recipients.len(), 1, "{message}");
    explained.recipients[0].clone()
}

/// What matters of it.
fn comes_to(one: &ExplainedRecipient) -> (Option<Reason>, bool, bool, AddressAction) {
    (
        one.verdict.reason,
        one.verdict.permanent,
        one.verdict.condemns,
        one.address_action,
    )
}

/// Refusals that condemn.
const REFUSALS: [&str; 7] = [
    "550 5.1.1 User unknown",
    "550 No such user here",
    "553 5.1.1 The mailbox does not exist",
    "550 5.2.1 This account is disabled",
    "554 5.1.1 Recipient address rejected: User unknown in virtual mailbox table",
    "550 5.1.1 Der Empfänger ist unbekannt",
    "550 unrouteable address: no such user",
];

/// Words that make a refusal one for now.
const FOR_NOW: [&str; 8] = [
    "temporarily",
    "try again later",
    "please try later",
    "vorübergehend",
    "temporalmente",
    "suspended due to migration",
    "under maintenance",
    "please retry",
];

#[test]
fn the_refusals_of_these_rules_condemn_by_themselves() {
    for refusal in REFUSALS {
        let one = told("5.0.0", "failed", Some(&format!("smtp; {refusal}")));
        assert!(one.verdict.condemns, "{refusal}: {:?}", one.verdict);
    }
}

/// One line of words of a host.
fn words() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-z]{2,9}", 1..7).prop_map(|words| words.join(" "))
}

/// Pieces of which reports of success, greetings and refusals are made.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "250 2.0.0 OK",
            "220-mx.garden.example ESMTP",
            "220 ready",
            "relayed 2.0.0",
            "relayed",
            "2.1.5",
            "200",
            "250",
            "OK queued as 12345",
            "421 4.2.1 busy",
            "550 5.1.1 user unknown",
            "accepted",
        ])
        .prop_map(str::to_owned),
        words(),
    ];
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Rule 3: a status that an MTA derives from the code counts no more than the code.
    #[test]
    fn a_status_derived_from_the_code_counts_no_more_than_the_code(
        code in prop::sample::select(vec![550, 551, 552, 553, 554]),
        status in prop::sample::select(vec!["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.2.1", "5.2.2", "5.5.0"]),
        words in words(),
    ) {
        let diagnostic = format!("smtp; {code} {words}");
        let with = told(status, "failed", Some(&diagnostic));
        let without = told("5.0.0", "failed", Some(&diagnostic));
        prop_assert_eq!(comes_to(&with), comes_to(&without));
    }

    /// Rule 3: "for now" beside a permanent code is for now, wherever it stands.
    #[test]
    fn for_now_beside_a_permanent_code_is_for_now(
        refusal in prop::sample::select(REFUSALS.to_vec()),
        for_now in prop::sample::select(FOR_NOW.to_vec()),
        first in any::<bool>(),
        status in prop::sample::select(vec!["5.1.1", "5.2.1", "5.0.0"]),
    ) {
        let (code, rest) = refusal.split_once(' ').unwrap();
        let text = if first { format!("{code} {for_now}: {rest}") } else { format!("{refusal}, {for_now}") };
        let one = told(status, "failed", Some(&format!("smtp; {text}")));
        prop_assert!(!one.verdict.condemns, "{}: {:?}", text, one.verdict);
        prop_assert!(!one.verdict.permanent, "{}: {:?}", text, one.verdict);
    }

    /// Rule 7: whatever a report of a failure quotes, the message was not accepted.
    #[test]
    fn a_bounce_is_never_called_accepted(
        kind in prop::sample::select(vec!["smtp", "X-Unix", "x-postfix", "X-Relay"]),
        status in prop::sample::select(vec!["2.0.0", "4.4.1", "5.0.0", "5.1.1"]),
        action in prop::sample::select(vec!["failed", "delayed"]),
        text in pieces(),
    ) {
        let one = told(status, action, Some(&format!("{kind}; {text}")));
        let yes = [
            Reason::Accepted, Reason::AcceptedProvider, Reason::CatchAll, Reason::CatchAllUntested,
        ];
        for reading in &one.verdict.readings {
            prop_assert!(!yes.contains(&reading.reading.reason), "{:?}", one.verdict);
        }
        prop_assert!(action != "delayed" || !one.verdict.condemns);
    }

    /// Rule 7: the exit code of a program is no reply of a host.
    #[test]
    fn the_exit_code_of_a_program_says_nothing(
        code in 0_u16..600,
        status in prop::sample::select(vec!["4.4.1", "5.0.0", "5.1.1", "5.2.2", "5.4.4"]),
    ) {
        let with = told(status, "failed", Some(&format!("X-Unix; {code}")));
        let without = told(status, "failed", None);
        prop_assert_eq!(comes_to(&with), comes_to(&without));
    }

    /// Rule 8: what is not understood is counted as that.
    #[test]
    fn what_is_not_understood_is_never_silently_other(
        named in any::<bool>(),
        fields in prop::collection::vec(("zz[a-z]{2,6}", "zz[a-z0-9 ]{0,12}"), 1..4),
        as_table in any::<bool>(),
    ) {
        let mut fields = fields;
        fields.insert(0, ("email".to_owned(), if named { ROSA.to_owned() } else { "zz".to_owned() }));
        let (name, text) = if as_table {
            let column = |part: fn(&(String, String)) -> String| -> String {
                fields.iter().map(part).collect::<Vec<_>>().join(",")
            };
            let (header, row) = (column(|field| field.0.clone()), column(|field| field.1.clone()));
            ("export.csv", format!("{header}\n{row}\n"))
        } else {
            let object: serde_json::Map<String, serde_json::Value> =
                fields.into_iter().map(|(name, value)| (name, value.into())).collect();
            ("export.json", serde_json::Value::from(object).to_string())
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, &text).unwrap();
        let all = bounces::read(&path).unwrap();
        prop_assert_eq!(all.len(), 1, "{}", text);
        let silent = |one: &BounceEvent| one.kind == Kind::Other && one.understood == Understood::Yes;
        prop_assert!(!all.iter().any(silent), "{}: {:?}", text, all);
        prop_assert!(!all.iter().any(BounceEvent::suppresses), "{}", text);
    }
}
