//! How long hosts are kept busy: by their own pace, and by what is begun first.

use super::*;

/// Short hosts before one that takes long, with one address each.
fn short_hosts_before_a_long_one() -> (Vec<Habits>, Vec<(String, usize)>, Vec<String>) {
    let names: Vec<(String, usize)> = (0..21).map(|n| (format!("d{n}.test"), n)).collect();
    let long = &names[20].0;
    let short = names[..20].iter().map(|(name, _)| format!("a@{name}"));
    let list = short.chain(people(long, 100, 0)).collect();
    (vec![Habits::default(); 21], names, list)
}

#[test]
fn the_domain_that_takes_longest_is_looked_up_first() {
    let (hosts, names, list) = short_hosts_before_a_long_one();
    let served: Vec<(&str, usize)> = names.iter().map(|(name, host)| (&**name, *host)).collect();
    let mut harness = Harness::new(limits(), hosts, &served, &list);
    assert_eq!(
        harness.scheduler.next_resolution().as_deref(),
        Some("d20.test")
    );
    assert_eq!(
        harness.scheduler.next_resolution().as_deref(),
        Some("d0.test"),
        "in the list's order among equals"
    );
    assert_eq!(harness.scheduler.domains_to_look_up(), 19);
}

#[test]
fn the_host_that_takes_longest_has_the_first_place_that_is_free() {
    let (hosts, names, list) = short_hosts_before_a_long_one();
    let served: Vec<(&str, usize)> = names.iter().map(|(name, host)| (&**name, *host)).collect();
    let narrow = Limits {
        connections: 2,
        ..limits()
    };
    let mut harness = Harness::new(narrow, hosts, &served, &list);
    while harness.scheduler.next_resolution().is_some() {}
    // The short ones are met first, and take all places.
    for (name, host) in &names {
        harness.scheduler.routed(name, route_to(*host), START);
    }
    let took = harness.run();
    // A hundred recipients at ten a second, with a decoy.
    assert!(took < Duration::from_millis(11_500), "{took:?}");
}

/// A host that bears `most` recipients in `per`, asked about `addresses`: how long it took, how often it complained.
fn slow_host(addresses: usize, most: usize, per: Duration) -> (Duration, Harness) {
    let habits = Habits {
        rate: Some((most, per)),
        ..Habits::default()
    };
    let list = people("d.test", addresses, addresses / 10);
    let mut harness = Harness::new(limits(), vec![habits], &[("d.test", 0)], &list);
    let took = harness.run();
    for address in list.iter().filter(|address| address.starts_with('a')) {
        assert_eq!(harness.word(address), Reason::Accepted, "{address}");
    }
    (took, harness)
}

#[test]
fn a_host_that_complains_of_speed_is_held_just_under_its_own_pace() {
    let (took, harness) = slow_host(909, 2, Duration::from_secs(1));
    let complaints = harness.seen[0].complaints;
    // By its own pace it takes 500 seconds.
    assert!(took < Duration::from_secs(15 * 60), "{took:?}");
    assert!(complaints < 30, "{complaints}");
}

#[test]
fn a_host_of_one_connection_is_known_as_one_when_it_turns_the_next_away_beside_a_goodbye() {
    for round_trip in [6, 40, 200].map(Duration::from_millis) {
        let list = people("d.test", 0, 120);
        let hosts = vec![Habits {
            round_trip,
            connections: 1,
            ..Habits::default()
        }];
        let mut harness = Harness::new(limits(), hosts, &[("d.test", 0)], &list);
        harness.run();
        let turned_away = harness.seen[0].turned_away;
        assert_eq!(
            turned_away, 1,
            "{round_trip:?}: it teaches what the host takes"
        );
    }
}

#[test]
fn the_next_connection_is_dialled_while_a_goodbye_is_answered_within_what_the_host_takes() {
    for (connections, wanted) in [(1, false), (2, true)] {
        let unlimited = Limits {
            ceilings: Ceilings {
                rate: Rate::UNLIMITED,
                connections,
            },
            ..limits()
        };
        let list = people("d.test", 20, 26);
        let hosts = vec![Habits::default()];
        let mut harness = Harness::new(unlimited, hosts, &[("d.test", 0)], &list);
        harness.run();
        let seen = &harness.seen[0];
        assert_eq!(seen.dialled_ahead > 0, wanted, "{connections}");
        assert!(seen.open_at_most <= connections);
        assert!(seen.refused_at_most <= 9);
    }
}

#[test]
fn a_host_that_only_ever_wants_us_to_come_back_is_left_when_our_patience_ends() {
    type Answer = fn(Question<'_>) -> Reply;
    let brief = Limits {
        patience: Duration::from_secs(60),
        ..limits()
    };
    let blamed: Answer = |_| Reply::TooFast;
    let busy: Answer = |_| Reply::HasNoTime;
    for (answer, reason, refuses_us) in [
        (blamed, Reason::RateLimited, true),
        (busy, Reason::HostBusy, false),
    ] {
        let habits = Habits {
            answer,
            ..Habits::default()
        };
        let list = people("d.test", 30, 6);
        let mut harness = Harness::new(brief.clone(), vec![habits], &[("d.test", 0)], &list);
        let took = harness.run();
        assert!(took <= Duration::from_secs(65), "{reason}: {took:?}");
        assert_eq!(harness.word("a0@d.test"), reason);
        // Only one that has something against us is told of as refusing us.
        let told = |wanted: fn(&Event) -> bool| harness.learned.iter().any(wanted);
        assert_eq!(
            told(|event| matches!(event, Event::Blocked { .. })),
            refuses_us
        );
        assert_eq!(
            told(|event| matches!(event, Event::Left { .. })),
            !refuses_us
        );
    }
}
