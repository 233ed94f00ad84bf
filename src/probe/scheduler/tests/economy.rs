//! Connections are for questions: none without one, few that bring nothing.

use super::*;

/// A host key may be asked so many times a minute.
fn a_minute(count: u32) -> Limits {
    let mut limits = limits();
    limits.ceilings.rate = Rate::from_thousandths(count * 1000 / 60);
    limits
}

#[test]
fn a_connection_is_dialled_only_for_a_question_that_may_be_asked_now() {
    let list = people("slow.test", 8, 4);
    let mut harness = Harness::new(
        a_minute(4),
        vec![Habits::default()],
        &[("slow.test", 0)],
        &list,
    );
    harness.run();
    let (connections, questions) = (harness.connections(), harness.questions());
    assert!(
        connections <= questions,
        "{connections} connections for {questions} questions"
    );
    assert_eq!(harness.word("a0@slow.test"), Reason::Accepted);
}

#[test]
fn nor_does_the_limit_of_the_whole_run_cost_connections() {
    let mut limits = limits();
    limits.rate = Rate::from_thousandths(50);
    let domains: Vec<String> = (0..10).map(|n| format!("d{n}.test")).collect();
    let list: Vec<String> = domains.iter().map(|domain| format!("x@{domain}")).collect();
    let served: Vec<(&str, usize)> = domains.iter().map(String::as_str).zip(0..).collect();
    let hosts = vec![Habits::default(); 10];
    let mut harness = Harness::new(limits, hosts, &served, &list);
    let took = harness.run();
    assert_eq!((harness.connections(), harness.questions()), (10, 10));
    assert!(took < Duration::from_secs(10 * 20 + 20), "{took:?}");
}

#[test]
fn a_host_that_cuts_every_connection_is_left_after_a_few() {
    let list = people("cut.test", 3000, 0);
    let harness = run_against("cut.test", &list, |_| Reply::HangUp);
    assert!(
        harness.connections() <= limits::FRUITLESS_IN_A_ROW,
        "{} connections",
        harness.connections()
    );
    assert!(harness.now.since(START) <= limits::FRUITLESS_TIME);
    assert!(
        list.iter()
            .all(|address| harness.word(address) == Reason::HungUp)
    );
    let left = harness.learned.iter().find_map(|learned| match learned {
        Event::Left { addresses, .. } => Some(*addresses),
        _ => None,
    });
    assert!(left.is_some_and(|left| left >= 2990), "{left:?}");
}

#[test]
fn delayed_refusals_are_awaited_on_both_connections_and_are_no_reason_to_slow_down() {
    let list = people("exchange.test", 140, 60);
    let exchange = Habits {
        tarpit: Duration::from_secs(5),
        ..Habits::default()
    };
    let mut harness = Harness::new(limits(), vec![exchange], &[("exchange.test", 0)], &list);
    let took = harness.run();
    let ideal = Duration::from_secs(5) * 61 / 2;
    assert!(took < ideal * 115 / 100, "{took:?}, {ideal:?} at best");
    let rate = harness.scheduler.hosts[0].pace.recipients_per_second();
    assert_eq!(rate, Some(10.0));
}

#[test]
fn an_earlier_runs_clocks_keep_to_this_runs_patience() {
    let mut limits = limits();
    limits.patience = Duration::from_secs(20);
    let mut harness = Harness::new(limits, vec![Habits::default()], &[("grey.test", 0)], &[]);
    let wanted = Target {
        waiting: Waiting {
            tries: 1,
            since: Some(START),
        },
        not_before: START + limits::GREYLIST_WAIT,
        ..Target::from("anna@grey.test".parse::<Address>().unwrap())
    };
    let known = KnownDomain {
        decoys_asked: 1,
        decoy_due: Some(START + limits::GREYLIST_WAIT),
        ..KnownDomain::default()
    };
    harness.scheduler.know_domain("grey.test", &known, START);
    harness.scheduler.add(wanted, START);
    let took = harness.run();
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert_eq!(harness.word("anna@grey.test"), Reason::Accepted);
}

#[test]
fn a_patience_shorter_than_usual_ends_with_a_question() {
    let mut limits = limits();
    limits.patience = Duration::from_secs(30);
    let habits = Habits {
        answer: |question| {
            if question.at < 6_000 {
                Reply::ComeBack
            } else {
                honest(question)
            }
        },
        ..Habits::default()
    };
    let list = people("grey.test", 4, 2);
    let mut harness = Harness::new(limits, vec![habits], &[("grey.test", 0)], &list);
    let took = harness.run();
    assert!(took < Duration::from_secs(35), "{took:?}");
    assert_eq!(harness.word("a0@grey.test"), Reason::Accepted);
}

#[test]
fn a_second_connection_always_finds_a_question() {
    // A round trip of nothing: the first connection is back before the limit gives the next.
    let near = Habits {
        round_trip: Duration::from_millis(1),
        ..Habits::default()
    };
    let list = people("near.test", 400, 0);
    let mut harness = Harness::new(limits(), vec![near], &[("near.test", 0)], &list);
    harness.run();
    let asked = harness.balances().len();
    assert_eq!(
        harness.connections() as usize,
        asked,
        "none was for nothing"
    );
}

/// How a domain answers for unknown recipients at the end of a run about `list`, with how many decoys were asked about.
fn catch_all_of(list: &[&str], answer: fn(Question<'_>) -> Reply) -> (CatchAllState, u32) {
    let list: Vec<String> = list
        .iter()
        .map(|local| format!("{local}@acme.test"))
        .collect();
    let harness = run_against("acme.test", &list, answer);
    let domain = harness.scheduler.by_name["acme.test"];
    let decoys = harness.questions() - u32::try_from(list.len()).unwrap();
    (harness.scheduler.domains[domain].catch_all.state(), decoys)
}

#[test]
fn addresses_of_the_list_that_are_refused_make_a_decoy_needless() {
    let refuses = (CatchAllState::RefusesUnknown, 0);
    let list = ["x0", "x1", "x2", "x3", "x4", "a5", "a6", "x7"];
    assert_eq!(catch_all_of(&list, honest), refuses);
    // No recipient was refused after the last was accepted: the machine may accept every one by now.
    let list = ["x0", "x1", "x2", "x3", "x4", "x5", "a6"];
    assert_eq!(catch_all_of(&list, honest).1, 1);
}

#[test]
fn a_domain_that_takes_all_but_some_recipients_makes_no_promise() {
    let but_some: fn(Question<'_>) -> Reply = |question| match question.local {
        "x0" | "x1" | "x4" | "x6" | "x7" => Reply::No,
        _ => Reply::Yes,
    };
    let list = ["x0", "x1", "a2", "a3", "x4", "a5", "x6", "x7"];
    assert_eq!(catch_all_of(&list, but_some).0, CatchAllState::CatchAll);
    let few: fn(Question<'_>) -> Reply = |question| match question.local {
        "x0" | "x1" => Reply::No,
        _ => Reply::Yes,
    };
    assert_eq!(
        catch_all_of(&["x0", "a2", "x1", "a3"], few).0,
        CatchAllState::CatchAll
    );
}

#[test]
fn a_domain_whose_look_ups_fail_for_different_reasons_is_looked_up_once_more() {
    let look_ups = |reasons: [&str; 3]| {
        let mut scheduler = Scheduler::new(limits(), Arc::new(Providers::default()));
        let address: Address = "a@d.test".parse().unwrap();
        scheduler.know_domain("d.test", &KnownDomain::default(), START);
        scheduler.add(Target::from(address), START);
        let mut now = START;
        let mut count = 0;
        for reason in reasons {
            scheduler.tick(now);
            let Some(name) = scheduler.next_resolution() else {
                break;
            };
            count += 1;
            let trouble = Route::Trouble {
                detail: reason.to_owned(),
                answered: crate::net::route::Answered::No,
            };
            scheduler.routed(&name, trouble, now);
            now = now + limits::DNS_RETRY_WAIT;
        }
        assert_eq!(scheduler.pending(), 0, "then it is settled");
        count
    };
    assert_eq!(look_ups(["out", "out", "out"]), 2);
    assert_eq!(
        look_ups(["fails", "out", "out"]),
        3,
        "DNS may have been out"
    );
}

#[test]
fn of_a_domain_that_dns_settled_its_name_is_kept_and_nothing_else() {
    let mut scheduler = Scheduler::new(limits(), Arc::new(Providers::default()));
    let nobody = || Route::Nobody {
        reason: Reason::NoSuchDomain,
        detail: String::new(),
        ttl: Duration::ZERO,
    };
    let trouble = || Route::Trouble {
        detail: String::new(),
        answered: crate::net::route::Answered::No,
    };
    let add = |scheduler: &mut Scheduler, address: &str, now| {
        let address: Address = address.parse().unwrap();
        scheduler.know_domain(address.domain().wire(), &KnownDomain::default(), now);
        scheduler.add(Target::from(address), now);
    };
    for n in 0..400 {
        add(&mut scheduler, &format!("a@d{n}.test"), START);
    }
    assert_eq!(scheduler.domains.in_full().count(), 400);
    assert_eq!(scheduler.domains_to_look_up(), 400);
    let mut n = 0;
    while let Some(name) = scheduler.next_resolution() {
        let route = match n % 4 {
            0 => nobody(),
            1 => Route::NotAsked,
            2 => trouble(),
            _ => route_to(0),
        };
        scheduler.routed(&name, route, START);
        n += 1;
    }
    assert_eq!(
        scheduler.domains.in_full().count(),
        200,
        "trouble is looked up once more"
    );
    let later = START + crate::model::limits::DNS_RETRY_WAIT;
    scheduler.tick(later);
    while let Some(name) = scheduler.next_resolution() {
        scheduler.routed(&name, trouble(), later);
    }
    assert_eq!(scheduler.domains.in_full().count(), 100);
    assert_eq!(scheduler.pending(), 100);
    for n in 0..400 {
        add(&mut scheduler, &format!("b@d{n}.test"), later);
    }
    assert_eq!(
        scheduler.next_resolution(),
        None,
        "a domain is looked up once"
    );
    assert_eq!(
        scheduler.pending(),
        200,
        "nobody waits where DNS settled the matter"
    );
    assert_eq!(scheduler.domains.in_full().count(), 100);
    let told = scheduler.take_events();
    let of_trouble = told.iter().filter(|event| match event {
        Event::Domain { name, .. } => {
            assert!(!name.is_empty());
            true
        }
        _ => false,
    });
    assert_eq!(
        of_trouble.count(),
        300,
        "one finding for each look-up that settled something"
    );
}

#[test]
fn a_host_that_takes_its_leave_for_mistakes_teaches_that_once() {
    // It does not count those that are busy, who are among the first to be asked about.
    let mut list = people("few.test", 30, 20);
    for n in [0, 3, 6] {
        list.insert(n, format!("busy{n}@few.test"));
    }
    let few = Habits {
        errors: 3,
        answer: |question| {
            if question.local.starts_with("busy") {
                Reply::Busy
            } else {
                honest(question)
            }
        },
        ..Habits::default()
    };
    let mut harness = Harness::new(limits(), vec![few], &[("few.test", 0)], &list);
    harness.run();
    let farewells = harness.seen[0].farewells;
    assert!(
        (1..=2).contains(&farewells),
        "once in each connection under way: {farewells}"
    );
    let refused = list
        .iter()
        .filter(|a| harness.word(a) == Reason::NoSuchMailbox);
    assert_eq!(refused.count(), 20);
}

#[test]
fn a_goodbye_in_the_place_of_a_refusal_halves_no_connection() {
    let list = people("few.test", 30, 20);
    let hosts = |goes_instead, errors| {
        let few = Habits {
            errors,
            goes_instead,
            ..Habits::default()
        };
        let mut harness = Harness::new(limits(), vec![few], &[("few.test", 0)], &list);
        harness.run();
        let refused = list
            .iter()
            .filter(|a| harness.word(a) == Reason::NoSuchMailbox);
        assert_eq!(refused.count(), 20);
        (harness.connections(), harness.seen[0].farewells)
    };
    // Two refusals are said in each connection of both hosts, of which the second host's are the last that it bears.
    let (connections, farewells) = hosts(true, 3);
    assert!(connections <= 10 * 12 / 10 + 2, "{connections}");
    assert!(farewells <= 2, "{farewells}");
    let (_, farewells) = hosts(false, 2);
    assert!(
        farewells <= 4,
        "twice in each connection under way: {farewells}"
    );
}
