//! Machines met before an interruption.

use super::*;
use crate::probe::KnownMachine;

/// A run that goes on where every address is settled: what its one host answered before, how it answers now.
fn goes_on(known: KnownMachine, answer: fn(Question<'_>) -> Reply) -> Harness {
    let habits = Habits {
        answer,
        ..Habits::default()
    };
    let served = [("d.test", 0), ("all.test", 0)];
    let mut harness = Harness::new(limits(), vec![habits], &served, &[]);
    harness
        .scheduler
        .know_machines([("mx0.test".to_owned(), known)].into());
    harness.run();
    harness
}

/// What a machine answered that has refused so many.
fn machine(refusals: u32) -> KnownMachine {
    let known_good = "anna@d.test".parse().unwrap();
    let domain = KnownDomain {
        catch_all: Some(CatchAllState::RefusesUnknown),
        decoys_asked: 1,
        ..KnownDomain::default()
    };
    KnownMachine {
        refusals,
        known_good: Some((known_good, domain)),
        ..KnownMachine::default()
    }
}

fn people_of<const N: usize>(addresses: [&str; N]) -> Vec<Asked> {
    addresses
        .into_iter()
        .map(|address| Asked::Address(address.into()))
        .collect()
}

fn accepted_last(refusals: u32) -> KnownMachine {
    KnownMachine {
        accepted: people_of(["anna@d.test", "bert@d.test"]),
        ..machine(refusals)
    }
}

fn refused_last(refusals: u32) -> KnownMachine {
    let mut refused = people_of(["carl@d.test"]);
    refused.push(Asked::Decoy("all.test".into()));
    KnownMachine {
        refused,
        ..machine(refusals)
    }
}

#[test]
fn the_last_acceptances_are_tested_by_a_decoy() {
    let honest = goes_on(accepted_last(limits::MANY_UNKNOWN_RECIPIENTS), honest);
    assert_eq!(honest.questions(), 1);
    assert!(honest.facts.is_empty(), "nothing is taken back");
    let liar = goes_on(accepted_last(limits::MANY_UNKNOWN_RECIPIENTS), |_| {
        Reply::Yes
    });
    assert_eq!(liar.questions(), 1);
    for address in ["anna@d.test", "bert@d.test"] {
        assert_eq!(liar.word(address), Reason::ProviderAnomaly);
    }
}

#[test]
fn the_last_refusals_are_tested_by_an_address_known_to_exist() {
    let honest = goes_on(refused_last(limits::MANY_UNKNOWN_RECIPIENTS), honest);
    assert_eq!(honest.questions(), 1);
    assert_eq!(honest.word("anna@d.test"), Reason::Accepted);
    assert!(!honest.facts.contains_key("carl@d.test"));
    let liar = goes_on(refused_last(limits::MANY_UNKNOWN_RECIPIENTS), |_| Reply::No);
    assert_eq!(liar.questions(), 1);
    assert_eq!(liar.word("carl@d.test"), Reason::ProviderAnomaly);
    let takes_back = |learned: &Event| matches!(learned, Event::TakenBack { asked: Asked::Decoy(domain), .. } if **domain == *"all.test");
    assert!(liar.learned.iter().any(takes_back), "the decoy with it");
    let forgets = |learned: &Event| {
        matches!(learned, Event::CatchAll { name, known }
            if name == "all.test" && known.catch_all == Some(CatchAllState::NotTold))
    };
    assert!(liar.learned.iter().any(forgets));
}

#[test]
fn few_unknown_recipients_are_no_reason_to_meet_again() {
    for known in [accepted_last(3), refused_last(3)] {
        assert_eq!(goes_on(known, |_| Reply::Yes).connections(), 0);
    }
    let alone = KnownMachine {
        known_good: None,
        ..accepted_last(limits::MANY_UNKNOWN_RECIPIENTS)
    };
    assert_eq!(goes_on(alone, |_| Reply::Yes).connections(), 0);
}

#[test]
fn what_a_machine_said_before_counts_together_with_what_it_says_now() {
    let habits = Habits {
        answer: |_| Reply::Yes,
        ..Habits::default()
    };
    let list = ["carl@d.test".to_owned()];
    let mut harness = Harness::new(limits(), vec![habits], &[("d.test", 0)], &[]);
    let known = accepted_last(limits::UNKNOWN_RECIPIENTS);
    let domain = known.known_good.clone().unwrap().1;
    harness
        .scheduler
        .know_machines([("mx0.test".to_owned(), known)].into());
    harness.scheduler.know_domain("d.test", &domain, START);
    harness
        .scheduler
        .add(list[0].parse::<Address>().unwrap().into(), START);
    harness.run();
    assert_eq!(harness.questions(), 2, "carl, then a decoy");
    for address in ["anna@d.test", "bert@d.test", "carl@d.test"] {
        assert_eq!(harness.word(address), Reason::ProviderAnomaly);
    }
}

#[test]
fn a_machine_that_is_gone_or_blocks_holds_up_no_end() {
    let known = || accepted_last(limits::MANY_UNKNOWN_RECIPIENTS);
    let gone = Habits {
        door: Door::Silent,
        ..Habits::default()
    };
    let mut harness = Harness::new(limits(), vec![gone], &[("d.test", 0)], &[]);
    let machines = [("mx0.test".to_owned(), known())].into();
    harness.scheduler.know_machines(machines);
    harness.run();
    assert!(harness.facts.is_empty());

    let mut harness = Harness::new(limits(), vec![Habits::default()], &[("d.test", 0)], &[]);
    let machines = [("mx0.test".to_owned(), known())].into();
    harness.scheduler.know_machines(machines);
    let key = HostKey("host0.test".to_owned());
    let Heard {
        exchange, reading, ..
    } = heard(Some(554), Reason::SenderBlocked, true);
    let blocked = KnownHost {
        blocked: Some(Box::new(crate::probe::Block {
            until: START + Duration::from_secs(3600),
            exchange,
            reading,
        })),
        ..KnownHost::default()
    };
    harness.scheduler.know_host(&key, blocked, START);
    harness.run();
    assert_eq!(harness.connections(), 0);
}

#[test]
fn a_machine_that_was_caught_before_is_still_caught() {
    let caught = |known: KnownMachine, list: &[String], answer| {
        let habits = Habits {
            answer,
            ..Habits::default()
        };
        let mut harness = Harness::new(limits(), vec![habits], &[("d.test", 0)], &[]);
        harness
            .scheduler
            .know_machines([("mx0.test".to_owned(), known)].into());
        let domain = machine(0).known_good.unwrap().1;
        harness.scheduler.know_domain("d.test", &domain, START);
        for address in list {
            let address: Address = address.parse().unwrap();
            harness.scheduler.add(address.into(), START);
        }
        harness.run();
        harness
    };
    let list = people("d.test", 3, 0);
    let accepting = KnownMachine {
        accepts_every_recipient: true,
        ..machine(2)
    };
    let harness = caught(accepting, &list, |_| Reply::Yes);
    for address in &list {
        assert_eq!(harness.word(address), Reason::ProviderAnomaly, "{address}");
    }
    let refusing = KnownMachine {
        refuses_every_recipient: true,
        ..machine(2)
    };
    let harness = caught(refusing, &list, |_| Reply::No);
    for address in &list {
        assert_eq!(harness.word(address), Reason::ProviderAnomaly, "{address}");
    }
}

#[test]
fn a_machine_is_met_where_its_known_good_address_is() {
    // Another domain of the same machine is asked about first, and has the machine under another name.
    let mut harness = Harness::new(
        limits(),
        vec![Habits {
            answer: |_| Reply::Yes,
            ..Habits::default()
        }],
        &[("d.test", 0), ("other.test", 0)],
        &["carl@other.test".to_owned()],
    );
    let known = accepted_last(limits::MANY_UNKNOWN_RECIPIENTS);
    harness
        .scheduler
        .know_machines([("alias.test".to_owned(), known)].into());
    harness.run();
    assert_eq!(harness.word("anna@d.test"), Reason::ProviderAnomaly);
    assert_eq!(harness.word("bert@d.test"), Reason::ProviderAnomaly);
}

#[test]
fn what_a_host_refused_before_is_taken_back_when_it_is_caught_now() {
    let habits = Habits {
        answer: |_| Reply::No,
        ..Habits::default()
    };
    let served = [("d.test", 0), ("all.test", 0), ("other.test", 0)];
    let control = Limits {
        controls: vec!["anna@other.test".parse().unwrap()],
        ..limits()
    };
    let mut harness = Harness::new(control, vec![habits], &served, &[]);
    let known = refused_last(limits::MANY_UNKNOWN_RECIPIENTS);
    harness
        .scheduler
        .know_machines([("mx0.test".to_owned(), known)].into());
    harness.run();
    assert_eq!(harness.word("carl@d.test"), Reason::ProviderAnomaly);
}
