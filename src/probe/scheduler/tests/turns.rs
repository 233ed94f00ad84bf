//! Machines that accept every recipient once they have refused some in a connection.

use super::*;

/// After `limit` refusals in a connection, every recipient exists.
fn turning(question: Question<'_>, limit: u32) -> Reply {
    if question.refused >= limit {
        Reply::Yes
    } else {
        honest(question)
    }
}

/// Where `list` came out other than it is.
fn wrong(harness: &Harness, list: &[String]) -> Vec<String> {
    let is_right = |address: &&String| {
        let word = harness.word(address);
        if address.starts_with('a') {
            word != Reason::Accepted
        } else {
            word != Reason::NoSuchMailbox
        }
    };
    list.iter().filter(is_right).cloned().collect()
}

#[test]
fn an_address_accepted_after_its_host_has_turned_is_asked_about_again_elsewhere() {
    let list = people("acme.test", 40, 25);
    for answer in [
        (|question| turning(question, 3)) as fn(Question<'_>) -> Reply,
        |question| turning(question, 5),
        |question| turning(question, 8),
    ] {
        let harness = run_against("acme.test", &list, answer);
        assert_eq!(wrong(&harness, &list), [""; 0]);
    }
}

#[test]
fn a_host_seen_to_turn_is_refused_nobody_more_in_a_connection_than_that() {
    let list = people("acme.test", 40, 40);
    let mut harness = Harness::new(
        limits(),
        vec![Habits {
            answer: |question| turning(question, 2),
            ..Habits::default()
        }],
        &[("acme.test", 0)],
        &list,
    );
    let known = KnownHost {
        turns_after: Some(2),
        ..KnownHost::default()
    };
    let key = HostKey("host0.test".to_owned());
    harness.scheduler.know_host(&key, known, START);
    harness.run();
    assert_eq!(wrong(&harness, &list), [""; 0]);
    assert!(harness.seen[0].refused_at_most <= 2);
}

#[test]
fn a_host_that_never_turns_is_tested_once_for_it() {
    let list = people("acme.test", 200, 50);
    let harness = run_against("acme.test", &list, honest);
    let decoys = harness.questions() as usize - list.len();
    // The first decoy, one for a turn, those at the end of long rows of acceptances.
    assert!(decoys <= 3, "{decoys}");
}

#[test]
fn an_address_accepted_last_in_a_connection_that_is_cut_off_is_asked_about_again() {
    let list = people("acme.test", 60, 40);
    for answer in [
        (|question| match question.nth {
            12.. => Reply::HangUp,
            _ => turning(question, 3),
        }) as fn(Question<'_>) -> Reply,
        |question| match question.nth {
            8.. => Reply::HangUp,
            _ => turning(question, 5),
        },
    ] {
        let harness = run_against("acme.test", &list, answer);
        assert_eq!(wrong(&harness, &list), [""; 0]);
        let questions = harness.questions() as usize;
        assert!(questions < list.len() * 3, "{questions}");
    }
}

/// Those who do not exist, and of whom it was told that they were accepted, be it for a while: a run that is killed
/// then leaves that behind.
fn told_wrongly(harness: &Harness) -> Vec<&str> {
    let accepted = harness
        .facts
        .iter()
        .filter(|(key, words)| key.starts_with('x') && words.contains(&Reason::Accepted));
    accepted.map(|(key, _)| &**key).collect()
}

/// How many were asked about more than once.
fn asked_again(harness: &Harness) -> usize {
    let asked = harness.seen[0].asked.iter();
    asked
        .filter(|(key, times)| key.len() < 18 && **times > 1)
        .count()
}

#[test]
fn nobody_is_told_to_be_accepted_before_it_is_sure_that_the_machine_had_not_turned() {
    let list = people("acme.test", 60, 40);
    for answer in [
        (|question| turning(question, 3)) as fn(Question<'_>) -> Reply,
        |question| turning(question, 5),
        // It hangs up before it can be tested.
        |question| match question.nth {
            12.. => Reply::HangUp,
            _ => turning(question, 3),
        },
    ] {
        let harness = run_against("acme.test", &list, answer);
        assert!(asked_again(&harness) > 0, "it has turned");
        assert_eq!(told_wrongly(&harness), [""; 0]);
        assert_eq!(wrong(&harness, &list), [""; 0]);
    }
}

#[test]
fn nor_where_the_domain_may_yet_turn_out_to_refuse_unknown_recipients() {
    // Each domain's decoy is put off for a while; what was accepted last until then is no promise yet.
    let list = ["x0", "x1", "x2", "x3", "x4", "a1", "x5"].map(|local| format!("{local}@acme.test"));
    let harness = run_against("acme.test", &list, |question| match question.at {
        0..60_000 if question.local.len() == 18 => Reply::ComeBack,
        _ => turning(question, 3),
    });
    assert_eq!(told_wrongly(&harness), [""; 0]);
    assert_eq!(wrong(&harness, &list), [""; 0]);
}

#[test]
fn whom_a_machine_accepted_that_may_have_turned_is_given_back_with_the_decoy() {
    let list = ["x0", "x1", "x2", "x3", "x4", "a1", "x5"].map(|local| format!("{local}@acme.test"));
    let habits = Habits {
        answer: |question| match question.local {
            "x5" => Reply::ComeBack,
            local if local.len() == 18 => Reply::ComeBack,
            _ => turning(question, 3),
        },
        ..Habits::default()
    };
    let mut harness = Harness::new(limits(), vec![habits], &[("acme.test", 0)], &list);
    harness.run_until(START + Duration::from_secs(60));
    let (targets, _) = harness.scheduler.give_back("acme.test", harness.now);
    let given: Vec<String> = targets
        .iter()
        .map(|to| to.address.key().into_owned())
        .collect();
    // One who is deferred, and whoever is no promise before it is known what unknown recipients are told.
    assert!(given.contains(&"x5@acme.test".to_owned()), "{given:?}");
    let doubted = |address: &&String| {
        let told = harness.facts.get(*address).and_then(|facts| facts.last());
        !given.contains(*address) && told != Some(&Reason::NoSuchMailbox)
    };
    assert_eq!(list.iter().find(doubted), None, "{given:?}");
    assert_eq!(harness.scheduler.done_with(["acme.test"]), ["acme.test"]);
}

#[test]
fn the_last_places_of_a_connection_are_kept_for_its_test() {
    let list = [
        "a0", "a1", "x2", "x3", "x5", "a4", "x6", "a7", "a8", "a9", "a10", "a11",
    ];
    let list = list.map(|local| format!("{local}@acme.test"));
    let harness = run_against("acme.test", &list, honest);
    assert_eq!(asked_again(&harness), 0, "{:?}", harness.seen[0].asked);
}

#[test]
fn a_host_that_wants_us_slower_before_it_is_tested_contradicts_itself_in_nothing() {
    let list = people("acme.test", 60, 40);
    let harness = run_against("acme.test", &list, |question| match question.nth {
        12.. => Reply::TooFast,
        _ => honest(question),
    });
    assert!(asked_again(&harness) > 0, "untested, so asked again");
    assert_eq!(wrong(&harness, &list), [""; 0]);
}

#[test]
fn a_mailbox_that_takes_nothing_for_now_counts_among_the_refusals_after_which_a_host_turns() {
    // The decoy and one more are refused for good, one for now; every address asked about after that exists.
    let list = ["a0", "x0", "b0", "x1", "x2", "a1"].map(|local| format!("{local}@acme.test"));
    let harness = run_against("acme.test", &list, |question| match question.local {
        _ if question.refused >= 3 => Reply::Yes,
        "b0" => Reply::Busy,
        _ => honest(question),
    });
    assert_eq!(
        wrong(&harness, &list),
        ["b0@acme.test"],
        "only the busy one is none of both"
    );
}

#[test]
fn those_told_to_come_back_count_among_the_refusals_after_which_a_host_turns() {
    // The time of the first is over while others are told to come back, in one and the same connection. Decoys are told
    // so twice, so that they are refused in another.
    let list = ["a0", "x0", "x1", "a1", "x2"].map(|local| format!("{local}@acme.test"));
    let others = ["a2", "a3", "x3", "a4", "x4"].map(|local| format!("{local}@beta.test"));
    let habits = Habits {
        answer: |question| match question.again {
            0 => Reply::ComeBack,
            1 if question.local.len() == 18 => Reply::ComeBack,
            _ => turning(question, 3),
        },
        ..Habits::default()
    };
    let domains = [("acme.test", 0), ("beta.test", 0)];
    let mut harness = Harness::new(limits(), vec![habits], &domains, &list);
    let arrival = START + limits::GREYLIST_WAIT.saturating_sub(Duration::from_millis(100));
    let arrives = |address: &String| (arrival, address.parse().unwrap());
    harness.arrivals = others.iter().map(arrives).collect();
    harness.run();
    assert_eq!(wrong(&harness, &list), [""; 0]);
    assert_eq!(wrong(&harness, &others), [""; 0]);
}

#[test]
fn a_host_known_to_refuse_after_many_refusals_loses_no_room_for_connections_that_end_untested() {
    // Every eighth mailbox is refused, every fortieth is too busy for now: some connections end with one of these.
    let list: Vec<String> = (0..2_000)
        .map(|n| match n % 40 {
            0 => format!("b{n}@acme.test"),
            _ if n % 8 == 1 => format!("x{n}@acme.test"),
            _ => format!("a{n}@acme.test"),
        })
        .collect();
    let harness = run_against("acme.test", &list, |question| match question.local {
        local if local.starts_with('b') && local.len() < 18 => match question.again {
            0 => Reply::Busy,
            _ => Reply::Yes,
        },
        _ => honest(question),
    });
    let refusals = list.len() / 8 + list.len() / 40;
    let least = refusals / limits::REFUSED_RECIPIENTS as usize;
    let connections = harness.connections() as usize;
    assert!(
        connections * 10 <= least * 12,
        "{connections} connections, {least} are enough"
    );
}

#[test]
fn what_a_neighbour_bears_keeps_no_connection_from_its_test_that_has_borne_more() {
    let list = |domain: &str, dead: usize| -> Vec<String> {
        let dead = (0..dead).map(|n| format!("x{n}@{domain}"));
        let alive = (0..200).map(|n| format!("a{n}@{domain}"));
        dead.chain(alive).collect()
    };
    let slow = Habits {
        round_trip: Duration::from_millis(400),
        ..Habits::default()
    };
    // It leaves at the third refusal, while the last of the other's answers are on their way.
    let touchy = Habits {
        errors: 3,
        tarpit: Duration::from_millis(400),
        ..Habits::default()
    };
    let addresses = [list("d0.test", 3), list("d1.test", 6)].concat();
    let mut harness = Harness::new(limits(), vec![slow, touchy], &[], &addresses);
    for machine in 0..2 {
        let route = super::machines::route_over(&[machine]);
        harness.routes.insert(format!("d{machine}.test"), route);
    }
    harness.run();
    assert_eq!(wrong(&harness, &addresses), [""; 0]);
    assert_eq!(asked_again(&harness), 0, "{:?}", harness.seen[0].asked);
}
