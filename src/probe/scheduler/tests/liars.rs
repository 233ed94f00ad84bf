//! Hosts that begin to give the same answer for every recipient.

use super::*;
use crate::probe::refuses_unknown_recipient;

/// How many existing mailboxes came out so, and how many unknown recipients.
fn came_out(harness: &Harness, list: &[String], word: Reason) -> (usize, usize) {
    let (exist, missing): (Vec<_>, Vec<_>) = list
        .iter()
        .filter(|address| harness.word(address) == word)
        .partition(|address| address.starts_with('a'));
    (exist.len(), missing.len())
}

#[test]
fn a_machine_that_accepts_nobody_is_questioned_once_a_row_by_another_ones_people() {
    let mut scheduler = Scheduler::new(limits(), Arc::new(Providers::default()));
    for (host, domain) in ["gone.test", "well.test"].into_iter().enumerate() {
        let mut route = route_to(host);
        if let Route::Hosts { key, .. } = &mut route {
            *key = HostKey("both.test".to_owned());
        }
        scheduler.routed(domain, route, START);
    }
    let [gone, well] = ["gone.test", "well.test"].map(|name| scheduler.by_name[name]);
    let yes = heard(Some(250), Reason::Accepted, false);
    let no = heard(Some(550), Reason::NoSuchMailbox, true);
    let anna = control("anna@well.test".parse().unwrap());
    scheduler.weigh(IN_ORDER, well, &anna, &yes, START);
    let rows = 3;
    let mut questions = 0;
    for n in 0..rows * limits::REFUSALS_IN_A_ROW {
        let nobody = control(format!("x{n}@gone.test").parse().unwrap());
        scheduler.weigh(IN_ORDER, gone, &nobody, &no, START);
        scheduler.look_into(0, &no.exchange, START);
        if scheduler.groups[0].integrity.is_questioned() {
            questions += 1;
            scheduler.controlled(IN_ORDER, well, &anna, &yes, START);
        }
    }
    assert_eq!(questions, rows);
}

#[test]
fn a_host_that_begins_to_refuse_every_recipient_is_not_believed() {
    let list = people("storm.test", 800, 50);
    let harness = run_against("storm.test", &list, |question| match question.at {
        0..40_000 => honest(question),
        _ => Reply::No,
    });
    let (rejected, _) = came_out(&harness, &list, Reason::NoSuchMailbox);
    assert_eq!(rejected, 0, "nobody who exists is rejected");
    assert!(
        harness
            .learned
            .iter()
            .any(|learned| matches!(learned, Event::Doubted { .. }))
    );
}

#[test]
fn a_stretch_of_bad_addresses_is_no_storm() {
    let list = [people("d.test", 200, 10), people("d.test", 0, 100)].concat();
    let mut harness = Harness::new(limits(), vec![Habits::default()], &[("d.test", 0)], &list);
    harness.run();
    assert_eq!(came_out(&harness, &list, Reason::NoSuchMailbox), (0, 110));
}

#[test]
fn a_host_that_refuses_the_operators_control_address_is_not_believed() {
    let habits = Habits {
        answer: |_| Reply::No,
        ..Habits::default()
    };
    let list = people("liar.test", 10, 0);
    let limits = Limits {
        controls: vec!["anna@liar.test".parse().unwrap()],
        ..limits()
    };
    let mut harness = Harness::new(limits, vec![habits], &[("liar.test", 0)], &list);
    harness.run();
    for address in &list {
        assert_eq!(harness.word(address), Reason::ProviderAnomaly, "{address}");
    }
}

#[test]
fn a_host_that_begins_to_accept_every_recipient_contradicts_itself() {
    let list = people("tired.test", 60, 0);
    let harness = run_against("tired.test", &list, |question| match question.nth {
        0..10 => honest(question),
        _ => Reply::Yes,
    });
    let (believed, _) = came_out(&harness, &list, Reason::Accepted);
    assert!(believed <= 10, "{believed}");
    assert_eq!(harness.word("a59@tired.test"), Reason::ProviderAnomaly);
}

#[test]
fn a_decoy_refused_like_every_recipient_vouches_for_nobody() {
    let mut scheduler = Scheduler::new(limits(), Arc::new(Providers::default()));
    for domain in ["d.test", "all.test", "late.test"] {
        scheduler.routed(domain, route_to(0), START);
    }
    let [ordinary, all, late] = ["d.test", "all.test", "late.test"].map(|d| scheduler.by_name[d]);
    let yes = heard(Some(250), Reason::Accepted, false);
    let no = heard(Some(550), Reason::NoSuchMailbox, true);
    let person = |address: &str| control(address.parse().unwrap());
    scheduler.weigh(IN_ORDER, ordinary, &person("anna@d.test"), &yes, START);
    scheduler.weigh(IN_ORDER, all, &person("bert@all.test"), &yes, START);
    // From here on it refuses every recipient.
    for n in 0..limits::REFUSALS_IN_A_ROW {
        let recipient = person(&format!("a{n}@d.test"));
        scheduler.weigh(IN_ORDER, ordinary, &recipient, &no, START);
    }
    let decoy = |scheduler: &mut Scheduler, domain: usize| {
        scheduler.update_catch_all(domain, crate::probe::CatchAll::asking_decoy, START);
        scheduler.domains[domain].under_way += 1;
        scheduler.decoy_answered(IN_ORDER, domain, &no, START);
        scheduler.domains[domain].catch_all.state()
    };
    assert_eq!(decoy(&mut scheduler, all), CatchAllState::RefusesUnknown);
    scheduler.controlled(IN_ORDER, ordinary, &person("anna@d.test"), &no, START);
    assert_eq!(
        scheduler.domains[all].catch_all.state(),
        CatchAllState::NotTold,
        "taken back"
    );
    assert_eq!(
        decoy(&mut scheduler, late),
        CatchAllState::NotTold,
        "nor believed"
    );
    let says_so = |domain: &str| {
        scheduler.events.iter().any(|learned| match learned {
            Event::TakenBack {
                asked: Asked::Decoy(name),
                reading,
                ..
            } => **name == *domain && reading.reason == Reason::ProviderAnomaly,
            Event::Domain { name, fact, .. } => {
                name == domain
                    && matches!(&fact.finding, Finding::Asked { reading, .. } if reading.reason == Reason::ProviderAnomaly)
            }
            _ => false,
        })
    };
    assert!(says_so("all.test") && says_so("late.test"));
}

#[test]
fn a_second_look_counts_what_changed() {
    let habits = Habits {
        answer: |question| match (question.local.starts_with("x1"), question.again) {
            (true, 1..) => Reply::Yes,
            _ => honest(question),
        },
        ..Habits::default()
    };
    let list = people("d.test", 20, 20);
    let limits = Limits {
        second_look: 1.0,
        ..limits()
    };
    let mut harness = Harness::new(limits, vec![habits], &[("d.test", 0)], &list);
    harness.run();
    let look = harness.scheduler.progress(harness.now).second_look;
    let changed = list.iter().filter(|a| a.starts_with("x1")).count() as u64;
    assert_eq!((look.asked, look.changed), (20, changed));
    assert_eq!(look.confirmed, 20 - changed);
}

#[test]
fn an_address_that_tests_a_host_is_asked_about_before_all_its_other_domains() {
    // A domain where few are left, then many others, and from then on every recipient is refused.
    let habits = Habits {
        answer: |question| match question.at {
            0..10_000 => honest(question),
            _ => Reply::No,
        },
        ..Habits::default()
    };
    let domains: Vec<String> = (0..400).map(|n| format!("d{n}.test")).collect();
    let others: Vec<String> = domains.iter().flat_map(|d| people(d, 1, 0)).collect();
    let list = people("large.test", 60, 140);
    let served: Vec<(&str, usize)> = domains
        .iter()
        .map(|domain| (domain.as_str(), 0))
        .chain([("large.test", 0)])
        .collect();
    let mut harness = Harness::new(limits(), vec![habits], &served, &list);
    let arrival = START + Duration::from_secs(10);
    harness.arrivals = others
        .iter()
        .map(|address| (arrival, address.parse().unwrap()))
        .collect();
    harness.run();
    let all = [list, others].concat();
    let (rejected, _) = came_out(&harness, &all, Reason::NoSuchMailbox);
    assert_eq!(rejected, 0, "nobody who exists is rejected");
    let last = harness.learned.iter().find_map(|learned| match learned {
        Event::Doubted { addresses, .. } => Some(*addresses),
        _ => None,
    });
    assert!(last < Some(30), "noticed at once: {last:?}");
}

#[test]
fn a_control_that_comes_back_undecided_is_not_put_for_ever() {
    // An existing mailbox is refused with a reply that says nothing, once asked about again.
    let list = people("d.test", 20, 30);
    let harness = run_against("d.test", &list, |question| {
        match (question.again, honest(question)) {
            (1.., Reply::Yes) => Reply::Unread,
            (_, reply) => reply,
        }
    });
    assert!(harness.questions() < 60, "{}", harness.questions());
}

#[test]
fn an_unknown_recipient_at_whom_a_host_hangs_up_is_not_asked_about_for_ever() {
    let list = people("d.test", 200, 0);
    let harness = run_against("d.test", &list, |question| match honest(question) {
        Reply::No if question.at > 3_000 => Reply::HangUp,
        reply => reply,
    });
    for address in &list {
        assert_eq!(harness.word(address), Reason::Accepted, "{address}");
    }
    assert!(harness.questions() < 230, "{}", harness.questions());
}

#[test]
fn an_address_accepted_while_the_decoy_was_asked_about_is_tested_too() {
    let mut scheduler = Scheduler::new(limits(), Arc::new(Providers::default()));
    scheduler.routed("d.test", route_to(0), START);
    let domain = scheduler.by_name["d.test"];
    let person = |address: &str| control(address.parse().unwrap());
    let yes = heard(Some(250), Reason::Accepted, false);
    let no = heard(Some(550), Reason::NoSuchMailbox, true);
    let span = |session, asked, heard| streak::Span {
        session: SessionId(session),
        asked,
        heard,
        place: 0,
    };
    scheduler.update_catch_all(domain, CatchAll::asking_decoy, START);
    scheduler.domains[domain].under_way += 1;
    scheduler.weigh(span(2, 1, 3), domain, &person("anna@d.test"), &yes, START);
    scheduler.decoy_answered(span(1, 2, 4), domain, &no, START);
    let machine = scheduler.groups[0].targets[0].1;
    scheduler
        .unknown_refused
        .insert(machine, limits::MANY_UNKNOWN_RECIPIENTS);
    assert!(scheduler.wants_a_last_test(0));
}

#[test]
fn an_accepted_control_vouches_only_for_what_was_refused_before_it() {
    let mut scheduler = Scheduler::new(limits(), Arc::new(Providers::default()));
    scheduler.routed("d.test", route_to(0), START);
    let domain = scheduler.by_name["d.test"];
    let person = |address: String| control(address.parse().unwrap());
    let yes = heard(Some(250), Reason::Accepted, false);
    let no = heard(Some(550), Reason::NoSuchMailbox, true);
    let span = |session, asked, heard| streak::Span {
        session: SessionId(session),
        asked,
        heard,
        place: 0,
    };
    let anna = person("anna@d.test".to_owned());
    scheduler.weigh(span(1, 1, 2), domain, &anna, &yes, START);
    scheduler.question(0, START);
    // Asked side by side with the control, refused after it was accepted, heard before.
    for n in 0..limits::REFUSALS_IN_A_ROW {
        let nobody = person(format!("a{n}@d.test"));
        scheduler.weigh(span(2, 3, 5), domain, &nobody, &no, START);
    }
    scheduler.controlled(span(1, 4, 6), domain, &anna, &yes, START);
    assert!(
        scheduler.owes_a_control(0, false),
        "they are still in doubt"
    );
}

#[test]
fn an_address_that_was_taken_back_tests_no_host() {
    let mut scheduler = Scheduler::new(limits(), Arc::new(Providers::default()));
    scheduler.routed("d.test", route_to(0), START);
    let domain = scheduler.by_name["d.test"];
    let anna = control("anna@d.test".parse().unwrap());
    let yes = heard(Some(250), Reason::Accepted, false);
    let no = heard(Some(550), Reason::NoSuchMailbox, true);
    scheduler.update_catch_all(domain, CatchAll::asking_decoy, START);
    scheduler.domains[domain].under_way += 1;
    scheduler.decoy_answered(IN_ORDER, domain, &no, START);
    scheduler.weigh(IN_ORDER, domain, &anna, &yes, START);
    scheduler.domains[domain].under_way += 1;
    scheduler.counts.expect_a_decoy();
    scheduler.late_decoy_answered(IN_ORDER, domain, &yes, START);
    assert!(scheduler.groups[0].good.is_none() && scheduler.hosts[0].good.is_none());
    // Nor does any address that is accepted from then on.
    let bert = control("bert@d.test".parse().unwrap());
    scheduler.weigh(IN_ORDER, domain, &bert, &yes, START);
    assert!(scheduler.groups[0].good.is_none() && scheduler.hosts[0].good.is_none());
    // Asked about all the same, by the operator's wish, she is believed no more than before.
    scheduler.controlled(IN_ORDER, domain, &anna, &yes, START);
    let last = scheduler
        .events
        .iter()
        .rev()
        .find_map(|learned| match learned {
            Event::Address { fact, .. } => Some(&fact.finding),
            _ => None,
        });
    assert!(
        matches!(last, Some(Finding::Asked { reading, .. }) if reading.reason == Reason::ProviderAnomaly)
    );
}

#[test]
fn a_decoy_refused_beside_an_accepted_address_is_refused_whatever_the_words() {
    let list = people("acme.test", 6, 0);
    let in_words_of_its_own = run_against("acme.test", &list, |question| match honest(question) {
        Reply::No => Reply::Unread,
        other => other,
    });
    let name = "acme.test".to_owned();
    let state = |harness: &Harness| {
        let domain = harness.scheduler.by_name[name.as_str()];
        harness.scheduler.domains[domain].catch_all.state()
    };
    assert_eq!(state(&in_words_of_its_own), CatchAllState::RefusesUnknown);
    assert_eq!(in_words_of_its_own.questions(), 7, "one decoy tells");
    let read_as_refused = in_words_of_its_own.learned.iter().any(|learned| {
        matches!(learned, Event::Domain { fact, .. } if matches!(&fact.finding,
            Finding::Asked { reading, .. } if refuses_unknown_recipient(reading)))
    });
    assert!(read_as_refused, "later runs know it too");

    // In a conversation of its own the same refusal may be about anything.
    let alone = run_against("acme.test", &list, |question| {
        match (honest(question), question.nth) {
            (_, 1..) => Reply::HangUp,
            (Reply::No, _) => Reply::Unread,
            (other, _) => other,
        }
    });
    assert_eq!(state(&alone), CatchAllState::NotTold);
}

#[test]
fn a_decoy_refused_for_now_beside_an_accepted_address_is_refused() {
    // Postfix with `soft_bounce`, or one that verifies recipients, as it is by default.
    let cautious = |question: Question<'_>| match honest(question) {
        Reply::No => Reply::NoForNow,
        other => other,
    };
    let harness = run_against("acme.test", &people("acme.test", 6, 2), cautious);
    let domain = harness.scheduler.by_name["acme.test"];
    assert_eq!(
        harness.scheduler.domains[domain].catch_all.state(),
        CatchAllState::RefusesUnknown
    );
    // The code still says that the listed ones may be asked again: none of them is condemned.
    for missing in ["x3@acme.test", "x7@acme.test"] {
        assert_eq!(harness.word(missing), Reason::NoSuchMailbox);
        let condemned = harness.learned.iter().any(|learned| {
            matches!(learned, Event::Address { key, fact } if key == missing
                && matches!(&fact.finding, Finding::Asked { reading, .. } if reading.condemns()))
        });
        assert!(!condemned, "{missing}");
    }
    let decoys = harness.seen[0]
        .asked
        .keys()
        .filter(|local| local.len() >= 18);
    assert_eq!(decoys.count(), 1, "one decoy tells");
}

#[test]
fn a_limit_on_recipients_that_hits_decoys_makes_no_promise() {
    // It is a catch-all, but takes no more than three recipients a connection, and says so in words of its own.
    let limited = Habits {
        round_trip: Duration::from_secs(1),
        answer: |question| match question.nth {
            0..3 => Reply::Yes,
            _ => Reply::Unread,
        },
        ..Habits::default()
    };
    let domains: Vec<String> = (0..12).map(|n| format!("d{n}.test")).collect();
    let list: Vec<String> = domains.iter().map(|domain| format!("a@{domain}")).collect();
    let served: Vec<(&str, usize)> = domains.iter().map(|domain| (domain.as_str(), 0)).collect();
    let mut harness = Harness::new(limits(), vec![limited], &served, &list);
    harness.run();
    let promises = |entry: &&super::super::domain::Entry| {
        entry.catch_all.state() == CatchAllState::RefusesUnknown
    };
    let promised: Vec<&str> = harness
        .scheduler
        .domains
        .in_full()
        .filter(promises)
        .map(|e| &*e.name)
        .collect();
    // Where the decoy comes right behind the last recipient taken, the limit cannot be told from a refusal.
    assert!(promised.len() <= 1, "{promised:?}");
}

/// A host that refuses unknown recipients in words of its own, but those of `all.test`, where it takes every one.
fn in_riddles(question: Question<'_>) -> Reply {
    match (question.domain, honest(question)) {
        ("all.test", _) => Reply::Yes,
        (_, Reply::No) => Reply::InOwnWords,
        (_, other) => other,
    }
}

/// A run against it, about one address of each domain, those of `later` read from the list a moment after the others.
fn riddles(now: &[&str], later: &[&str]) -> Harness {
    let habits = Habits {
        answer: in_riddles,
        ..Habits::default()
    };
    let served: Vec<(&str, usize)> = now.iter().chain(later).map(|domain| (*domain, 0)).collect();
    let list: Vec<String> = now.iter().map(|domain| format!("a@{domain}")).collect();
    let mut harness = Harness::new(limits(), vec![habits], &served, &list);
    let later = later.iter().map(|domain| format!("a@{domain}"));
    let moment = START + Duration::from_millis(250);
    harness.arrivals = later
        .map(|address| (moment, address.parse().unwrap()))
        .collect();
    harness.run();
    harness
}

#[test]
fn words_that_are_understood_explain_what_was_refused_in_them_before() {
    // The first decoy is refused in a transaction where nobody was accepted, that of the domain that comes later beside
    // an acceptance.
    let harness = riddles(&["one.test", "all.test"], &["later.test"]);
    let state = |domain: &str| {
        let domain = harness.scheduler.by_name[domain];
        harness.scheduler.domains[domain].catch_all.state()
    };
    assert_eq!(state("later.test"), CatchAllState::RefusesUnknown);
    assert_eq!(state("one.test"), CatchAllState::RefusesUnknown);
    assert_eq!(
        harness.questions(),
        6,
        "an address and a decoy for each domain"
    );
}

#[test]
fn where_each_recipient_has_a_transaction_a_later_acceptance_explains_the_words() {
    let out_of_step = KnownHost {
        out_of_step: [(IpAddr::V4(Ipv4Addr::new(11, 0, 0, 0)), START)].into(),
        ..KnownHost::default()
    };
    let takes_one = KnownHost {
        transaction_caps: [(IpAddr::V4(Ipv4Addr::new(11, 0, 0, 0)), 1)].into(),
        ..KnownHost::default()
    };
    // Asked about once more where no other address is there to explain them.
    for (known, names, asked) in [
        (&out_of_step, &["a"][..], 2 + 1),
        (&out_of_step, &["a", "aa"], 3),
        (&takes_one, &["a"], 2 + 1),
        (&takes_one, &["a", "aa"], 3),
    ] {
        let list: Vec<String> = names
            .iter()
            .map(|name| format!("{name}@one.test"))
            .collect();
        let habits = Habits {
            answer: in_riddles,
            ..Habits::default()
        };
        let mut harness = Harness::new(limits(), vec![habits], &[("one.test", 0)], &list);
        let host = HostKey("host0.test".to_owned());
        harness.scheduler.know_host(&host, known.clone(), START);
        harness.run();
        let domain = harness.scheduler.by_name["one.test"];
        let state = harness.scheduler.domains[domain].catch_all.state();
        assert_eq!(state, CatchAllState::RefusesUnknown, "{names:?}");
        assert_eq!(harness.questions(), asked, "{known:?} {names:?}");
    }
}

#[test]
fn words_that_nothing_has_explained_are_explained_by_an_accepted_address_asked_about_once_more() {
    let harness = riddles(&["one.test", "all.test"], &[]);
    let domain = harness.scheduler.by_name["one.test"];
    let state = harness.scheduler.domains[domain].catch_all.state();
    assert_eq!(state, CatchAllState::RefusesUnknown);
    assert_eq!(
        harness.questions(),
        4 + 1,
        "once more, in the decoy's own transaction"
    );
    assert_eq!(harness.word("a@one.test"), Reason::Accepted);
}

#[test]
fn an_address_that_needs_smtputf8_explains_words_too() {
    let habits = Habits {
        answer: in_riddles,
        ..Habits::default()
    };
    let served = [("one.test", 0), ("all.test", 0)];
    let list = ["aé@one.test", "a@all.test"].map(str::to_owned);
    let mut harness = Harness::new(limits(), vec![habits], &served, &list);
    harness.run();
    let domain = harness.scheduler.by_name["one.test"];
    let state = harness.scheduler.domains[domain].catch_all.state();
    assert_eq!(state, CatchAllState::RefusesUnknown);
    assert_eq!(
        harness.questions(),
        4 + 2,
        "both once more, in a transaction that may name such an address"
    );
}

#[test]
fn a_run_that_goes_on_has_the_words_explained_by_whom_an_earlier_one_found() {
    let told = riddles(&["one.test", "all.test"], &["later.test"]).learned;
    let is_given_up = |learned: &Event| match learned {
        Event::CatchAll { known, .. } => known.catch_all == Some(CatchAllState::NotTold),
        _ => false,
    };
    assert!(!told.iter().any(is_given_up), "its decoy is asked again");
    let habits = Habits {
        answer: in_riddles,
        ..Habits::default()
    };
    let mut harness = Harness::new(limits(), vec![habits], &[("one.test", 0)], &[]);
    let answered = Target {
        answered: Some(heard(Some(250), Reason::Accepted, false).reading),
        ..Target::from("a@one.test".parse::<Address>().unwrap())
    };
    harness.scheduler.add(answered, START);
    harness.run();
    let domain = harness.scheduler.by_name["one.test"];
    let state = harness.scheduler.domains[domain].catch_all.state();
    assert_eq!(state, CatchAllState::RefusesUnknown);
}
