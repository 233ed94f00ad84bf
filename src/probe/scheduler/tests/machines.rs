//! Several machines under one host key: what one of them has against us concerns that one.

use super::*;
use crate::probe::KnownMachine;

/// The host key of all of them.
fn key() -> HostKey {
    HostKey("hoster.test".to_owned())
}

/// The machines of a domain, the preferred one first.
pub(super) fn route_over(machines: &[usize]) -> Route {
    let all = machines.iter().map(|&machine| route_to(machine));
    let hosts = all.flat_map(|route| match route {
        Route::Hosts { hosts, .. } => hosts,
        Route::Nobody { .. } | Route::NotAsked | Route::Trouble { .. } => Vec::new(),
    });
    Route::Hosts {
        hosts: hosts.collect(),
        key: key(),
        is_whole: true,
        ttl: Duration::from_secs(300),
    }
}

fn blocks(_: Question<'_>) -> Reply {
    Reply::Blocked
}

/// A harness at machines of one key: what each answers, and which ones each domain has, `d0.test` first.
fn at_machines(
    answers: &[fn(Question<'_>) -> Reply],
    domains: &[&[usize]],
    each: usize,
) -> Harness {
    let hosts = answers.iter().map(|&answer| Habits {
        answer,
        ..Habits::default()
    });
    let list: Vec<String> = (0..domains.len())
        .flat_map(|domain| people(&format!("d{domain}.test"), each, 0))
        .collect();
    let mut harness = Harness::new(limits(), hosts.collect(), &[], &list);
    for (domain, machines) in domains.iter().enumerate() {
        let name = format!("d{domain}.test");
        harness.routes.insert(name, route_over(machines));
    }
    harness
}

/// What is known of the key at the end.
fn known(harness: &Harness) -> KnownHost {
    let known = harness
        .learned
        .iter()
        .rev()
        .find_map(|learned| match learned {
            Event::Host { known, .. } => Some(known.clone()),
            Event::Address { .. }
            | Event::Domain { .. }
            | Event::Waiting { .. }
            | Event::CatchAll { .. }
            | Event::TakenBack { .. }
            | Event::Doubted { .. }
            | Event::Left { .. }
            | Event::Stranded { .. }
            | Event::Blocked { .. } => None,
        });
    known.expect("something is known of the key")
}

#[test]
fn a_block_by_one_machine_silences_none_of_its_neighbours_now_or_later() {
    let mut answers: Vec<fn(Question<'_>) -> Reply> = vec![honest; 11];
    answers[3] = blocks;
    let domains: Vec<[usize; 1]> = (0..11).map(|machine| [machine]).collect();
    let domains: Vec<&[usize]> = domains.iter().map(|machines| &machines[..]).collect();
    let mut harness = at_machines(&answers, &domains, 10);
    harness.run();
    for domain in 0..11 {
        let expected = match domain {
            3 => Reason::SenderBlocked,
            _ => Reason::Accepted,
        };
        for address in people(&format!("d{domain}.test"), 10, 0) {
            assert_eq!(harness.word(&address), expected, "{address}");
        }
    }
    let told: Vec<(&str, usize)> = harness
        .learned
        .iter()
        .filter_map(|learned| match learned {
            Event::Blocked {
                host, addresses, ..
            } => Some((host.as_str(), *addresses)),
            Event::Address { .. }
            | Event::Domain { .. }
            | Event::Host { .. }
            | Event::Waiting { .. }
            | Event::CatchAll { .. }
            | Event::TakenBack { .. }
            | Event::Doubted { .. }
            | Event::Left { .. }
            | Event::Stranded { .. } => None,
        })
        .collect();
    let left = 10 - limits::BLOCK_SIGNS as usize;
    assert_eq!(told, [("mx3.test", left)], "only its own rows are left");

    let before = known(&harness);
    assert_eq!(
        (before.blocked.is_some(), before.machines.len()),
        (false, 1)
    );
    let mut later = at_machines(&answers, &domains, 2);
    later.scheduler.know_host(&key(), before.clone(), START);
    later.run();
    assert_eq!(later.seen[3].questions, 0, "the block is remembered");
    assert_eq!(later.word("a0@d4.test"), Reason::Accepted);

    // A block expires.
    let mut much_later = at_machines(&answers, &domains, 2);
    let mut known = before;
    for block in known.machines.values_mut() {
        block.until = START;
    }
    much_later.scheduler.know_host(&key(), known, START);
    much_later.run();
    assert!(much_later.seen[3].questions > 0);
}

#[test]
fn the_machines_of_one_customer_do_not_speak_for_those_of_others() {
    let answers = [blocks, blocks, honest];
    let mut harness = at_machines(&answers, &[&[0, 1]], 10);
    harness
        .routes
        .insert("later.test".to_owned(), route_over(&[2]));
    let address: Address = "a0@later.test".parse().unwrap();
    harness
        .arrivals
        .push_back((START + Duration::from_secs(60), address));
    harness.run();
    assert_eq!(harness.word("a0@d0.test"), Reason::SenderBlocked);
    assert_eq!(harness.word("a0@later.test"), Reason::Accepted);
}

#[test]
fn what_most_machines_have_against_us_all_have() {
    let answers = [blocks as fn(Question<'_>) -> Reply; 3];
    let mut harness = at_machines(&answers, &[&[0], &[1], &[2]], 10);
    harness.run();
    let asked: Vec<u32> = harness.seen.iter().map(|seen| seen.questions).collect();
    assert_eq!(asked, [limits::BLOCK_SIGNS, limits::BLOCK_SIGNS, 0]);
    assert!(known(&harness).blocked.is_some());
}

#[test]
fn machines_that_mind_different_things_do_not_speak_for_their_neighbours() {
    // The second time both refuse us for the same reason, read by different rules.
    for (door, reason) in [
        (Door::Opens, Reason::SenderBlocked),
        (Door::MindsOurAddress, Reason::SenderRefused),
    ] {
        let mut harness = at_machines(&[blocks, honest, honest], &[&[0], &[1], &[2]], 10);
        harness.hosts[0].door = door;
        harness.hosts[1].door = Door::MindsOurName;
        harness.run();
        assert_eq!(harness.word("a0@d0.test"), reason);
        assert_eq!(harness.word("a0@d1.test"), Reason::SenderRefused);
        assert_eq!(harness.word("a0@d2.test"), Reason::Accepted);
    }
}

#[test]
fn what_most_machines_have_against_us_is_seen_also_when_it_was_said_before_the_last_look_up() {
    let answers = [blocks, blocks, honest];
    let mut harness = at_machines(&answers, &[&[0], &[1]], 10);
    let trouble = Route::Trouble {
        detail: "SERVFAIL".to_owned(),
        answered: crate::net::route::Answered::No,
    };
    harness.routes.insert("trouble.test".to_owned(), trouble);
    let address: Address = "a0@trouble.test".parse().unwrap();
    harness.scheduler.add(address.into(), START);
    harness
        .routes
        .insert("later.test".to_owned(), route_over(&[2]));
    let address: Address = "a0@later.test".parse().unwrap();
    let arrival = START + Duration::from_secs(1_800);
    harness.arrivals.push_back((arrival, address));
    harness.run();
    assert_eq!(harness.word("a0@later.test"), Reason::SenderBlocked);
    assert_eq!(harness.seen[2].questions, 0);
    assert!(known(&harness).blocked.is_some());
}

#[test]
fn two_machines_of_one_customer_do_not_speak_for_all_in_whatever_order_domains_name_them() {
    let answers = [blocks, blocks, honest];
    let mut harness = at_machines(&answers, &[&[0, 1], &[1, 0]], 10);
    let name = "later.test".to_owned();
    harness.routes.insert(name, route_over(&[2]));
    let arrival = START + Duration::from_secs(60);
    harness.arrivals = [(arrival, "a0@later.test".parse().unwrap())].into();
    harness.run();
    assert_eq!(harness.word("a0@d1.test"), Reason::SenderBlocked);
    assert_eq!(harness.word("a0@later.test"), Reason::Accepted);
}

#[test]
fn what_most_machines_have_against_us_is_nothing_to_one_that_answers_us() {
    let answers = [blocks, blocks, blocks, honest];
    let mut harness = at_machines(&answers, &[], 0);
    for machine in 0..4 {
        let name = format!("d{machine}.test");
        harness.routes.insert(name, route_over(&[machine]));
    }
    // The others are read from the list while that one is being asked.
    let list = people("d3.test", 60, 0);
    for address in &list {
        let address: Address = address.parse().unwrap();
        harness.scheduler.add(address.into(), START);
    }
    let arrival = START + Duration::from_secs(2);
    let later = (0..3).flat_map(|machine| people(&format!("d{machine}.test"), 10, 0));
    let later = later.map(|address| (arrival, address.parse().unwrap()));
    harness.arrivals = later.collect();
    harness.run();
    for address in &list {
        assert_eq!(harness.word(address), Reason::Accepted, "{address}");
    }
    assert_eq!(harness.word("a9@d0.test"), Reason::SenderBlocked);
}

#[test]
fn a_machine_that_takes_no_mail_for_one_domain_after_the_other_is_asked_once_about_each() {
    let no_mail: fn(Question<'_>) -> Reply = |_| Reply::NoMail;
    // Whichever of a domain's two machines is met first, the other one is dead.
    let mut harness = at_machines(
        &[honest, no_mail, honest],
        &[&[0], &[1, 2], &[2, 1], &[2, 1], &[1, 2]],
        9,
    );
    harness.hosts[2].door = Door::Silent;
    harness.run();
    for domain in 1..5 {
        for address in people(&format!("d{domain}.test"), 9, 0) {
            assert_eq!(harness.word(&address), Reason::NullMx, "{address}");
        }
    }
    assert_eq!(harness.seen[1].questions, 4, "one for each domain");
    assert_eq!(harness.seen[0].questions, 9 + 1, "nobody vouches for it");
}

#[test]
fn the_first_two_that_block_us_do_not_speak_for_neighbours_that_nobody_has_met() {
    let mut answers: Vec<fn(Question<'_>) -> Reply> = vec![honest; 5];
    (answers[0], answers[1]) = (blocks, blocks);
    let mut harness = at_machines(&answers, &[&[0], &[1], &[2], &[3], &[4]], 10);
    harness.run();
    for domain in 2..5 {
        assert_eq!(
            harness.word(&format!("a0@d{domain}.test")),
            Reason::Accepted
        );
    }
}

#[test]
fn where_one_machine_of_a_domain_blocks_us_the_others_are_asked() {
    for people_there in [1, 10] {
        let mut harness = at_machines(&[blocks, honest], &[&[0, 1]], people_there);
        harness.run();
        for address in people("d0.test", people_there, 0) {
            assert_eq!(harness.word(&address), Reason::Accepted, "{people_there}");
        }
    }
}

#[test]
fn what_a_machine_that_answers_others_says_of_one_sends_nobody_elsewhere() {
    let one_has_a_list_of_his_own: fn(Question<'_>) -> Reply = |question| {
        if question.local.starts_with("a5") {
            Reply::Blocked
        } else {
            honest(question)
        }
    };
    let mut harness = at_machines(&[one_has_a_list_of_his_own, honest], &[&[0, 1]], 9);
    harness.run();
    assert_eq!(harness.seen[1].questions, 0);
    assert_eq!(harness.word("a5@d0.test"), Reason::SenderBlocked);
}

#[test]
fn a_machine_caught_at_refusing_every_recipient_costs_its_neighbours_no_belief() {
    let storm: fn(Question<'_>) -> Reply = |question| match question.at {
        0..20_000 => honest(question),
        _ => Reply::No,
    };
    let mut harness = at_machines(&[storm, honest, honest], &[&[0], &[1], &[2]], 400);
    for domain in 1..3 {
        for n in 0..40 {
            let unknown = format!("x{n}@d{domain}.test");
            let unknown: Address = unknown.parse().unwrap();
            harness.scheduler.add(unknown.into(), START);
        }
    }
    harness.run();
    let words = |domain: &str| -> BTreeSet<&Reason> {
        let there = harness
            .facts
            .iter()
            .filter(|(key, _)| key.ends_with(domain));
        there.map(|(_, words)| words.last().unwrap()).collect()
    };
    assert!(words("d0.test").contains(&Reason::ProviderAnomaly));
    assert!(!words("d0.test").contains(&Reason::NoSuchMailbox));
    for domain in ["d1.test", "d2.test"] {
        let told = BTreeSet::from([&Reason::Accepted, &Reason::NoSuchMailbox]);
        assert_eq!(words(domain), told, "{domain}");
    }
}

/// So many rows at a machine that refuses every recipient by now and accepted an address before the interruption, in a
/// domain that is done with; beside a machine of its key that answers well.
fn goes_on_at_a_machine_that_turned(rows: usize) -> Harness {
    let mut harness = at_machines(&[|_| Reply::No, honest], &[&[0], &[1], &[0]], 0);
    for address in [people("d0.test", rows, 0), people("d1.test", 40, 0)].concat() {
        let address: Address = address.parse().unwrap();
        harness.scheduler.add(address.into(), START);
    }
    let domain = KnownDomain {
        catch_all: Some(CatchAllState::RefusesUnknown),
        decoys_asked: 1,
        ..KnownDomain::default()
    };
    let known = KnownMachine {
        refusals: limits::MANY_UNKNOWN_RECIPIENTS,
        known_good: Some(("anna@d2.test".parse().unwrap(), domain)),
        ..KnownMachine::default()
    };
    let machines = [("mx0.test".to_owned(), known)].into();
    harness.scheduler.know_machines(machines);
    harness.run();
    harness
}

#[test]
fn no_neighbour_vouches_for_a_machine_that_accepted_an_address_before_the_interruption() {
    let harness = goes_on_at_a_machine_that_turned(40);
    for address in people("d0.test", 40, 0) {
        assert_eq!(harness.word(&address), Reason::ProviderAnomaly, "{address}");
    }
    for address in people("d1.test", 40, 0) {
        assert_eq!(harness.word(&address), Reason::Accepted, "{address}");
    }
}

#[test]
fn a_short_last_row_is_tested_by_whom_its_machine_accepted_before_the_interruption() {
    let harness = goes_on_at_a_machine_that_turned(limits::SHORT_ROW);
    for address in people("d0.test", limits::SHORT_ROW, 0) {
        assert_eq!(harness.word(&address), Reason::ProviderAnomaly, "{address}");
    }
}

#[test]
fn where_the_other_machine_is_dead_the_one_that_blocks_us_is_not_dialled_for_ever() {
    let mut harness = at_machines(&[blocks, honest], &[&[0, 1]], 2);
    harness.hosts[1].door = Door::Silent;
    harness.run();
    assert_eq!(harness.word("a0@d0.test"), Reason::SenderBlocked);
    assert!(
        harness.seen[0].connections <= 3,
        "{}",
        harness.seen[0].connections
    );
}

#[test]
fn whom_a_machine_accepts_for_one_domain_vouches_for_what_it_refused_another() {
    // The first domain's other machine is dead, so the two are groups of their own, asked side by side.
    let mut harness = at_machines(&[honest, honest], &[&[1, 0], &[0]], 0);
    harness.hosts[1].door = Door::Silent;
    let ends_with_refusals = [people("d0.test", 6, 0), people("d0.test", 0, 3)];
    // By its end the machine has refused so many that every row is looked at; its own last answers are acceptances.
    let mut goes_on = people("d1.test", 60, 0);
    goes_on.splice(30..30, people("d1.test", 0, 7));
    for address in [ends_with_refusals.concat(), goes_on].concat() {
        let address: Address = address.parse().unwrap();
        harness.scheduler.add(address.into(), START);
    }
    harness.run();
    for (address, times) in &harness.seen[0].asked {
        assert!(*times == 1, "{address} was asked about {times} times");
    }
}

/// Some addresses at a machine with a reply too many behind each QUIT, beside one that is as told.
fn beside_one_out_of_step(second: Habits) -> Harness {
    let mut harness = at_machines(&[honest, second.answer], &[&[0, 1]], 10);
    harness.hosts[0].surplus = true;
    harness.hosts[1] = second;
    harness.run();
    harness
}

#[test]
fn a_machine_out_of_step_is_not_asked_again_because_its_neighbour_is_dead() {
    let dead = Habits {
        door: Door::Silent,
        ..Habits::default()
    };
    let harness = beside_one_out_of_step(dead);
    let met = harness.seen[0].connections;
    assert!(met <= u32::from(limits::FAULTS_OF_STEP), "{met}");
    let tried = harness.seen[1].connections;
    assert!((1..=3).contains(&tried), "{tried}");
    assert_eq!(harness.word("a0@d0.test"), Reason::Silent);
}

#[test]
fn nor_because_its_neighbour_blocks_us() {
    let hostile = Habits {
        answer: blocks,
        ..Habits::default()
    };
    let harness = beside_one_out_of_step(hostile);
    let met = harness.seen[0].connections;
    assert!(met <= u32::from(limits::FAULTS_OF_STEP), "{met}");
    let word = harness.word("a0@d0.test");
    let earned = [Reason::SenderBlocked, Reason::ProtocolFault];
    assert!(earned.contains(&word), "{word}");
}

#[test]
fn a_machine_that_takes_one_connection_is_not_dialled_under_another_key_until_that_one_ends() {
    let mut harness = at_machines(&[honest, honest], &[&[0], &[0, 1], &[1]], 0);
    for domain in ["d1.test", "d2.test"] {
        let Some(Route::Hosts { key, .. }) = harness.routes.get_mut(domain) else {
            panic!()
        };
        *key = HostKey("other.test".to_owned());
    }
    // The other key is met first where it has a machine of its own.
    harness.scheduler = Harness::new(limits(), Vec::new(), &[], &people("d2.test", 1, 0)).scheduler;
    let listed = [people("d0.test", 1000, 0), people("d1.test", 20, 0)].concat();
    for person in &listed {
        let person: Address = person.parse().unwrap();
        harness.scheduler.add(person.into(), START);
    }
    harness.hosts[0].connections = 1;
    harness.hosts[1].door = Door::Silent;
    harness.run();
    for person in &listed {
        assert_eq!(harness.word(person), Reason::Accepted, "{person}");
    }
    let (connections, sessions) = (harness.seen[0].connections, harness.balances.len());
    assert!(
        connections as usize <= sessions + 2,
        "{connections} for {sessions} conversations"
    );
}

/// It hangs up where it would refuse a recipient.
fn hangs_up(question: Question<'_>) -> Reply {
    match honest(question) {
        Reply::Yes => Reply::Yes,
        _ => Reply::HangUp,
    }
}

/// A harness at two machines that ask for one domain, the first of them dead; with one more address of it every so often.
fn beside_a_dead_one(second: fn(Question<'_>) -> Reply, letter: char, minutes: &[u64]) -> Harness {
    let mut harness = at_machines(&[honest, second], &[&[0, 1]], 0);
    harness.hosts[0].door = Door::Silent;
    let arrivals = minutes.iter().map(|minute| {
        let address: Address = format!("{letter}{minute}@d0.test").parse().unwrap();
        (START + Duration::from_secs(minute * 60), address)
    });
    harness.arrivals = arrivals.collect();
    let first: Address = format!("{letter}@d0.test").parse().unwrap();
    harness.scheduler.add(first.into(), START);
    harness.run();
    harness
}

#[test]
fn a_machine_that_has_had_its_chance_is_not_dialled_because_another_is_dead() {
    let early = beside_a_dead_one(hangs_up, 'x', &[1]);
    let late = beside_a_dead_one(hangs_up, 'x', &[1, 25, 50]);
    let connections = |harness: &Harness| harness.seen[1].connections;
    assert!(connections(&early) > 1);
    assert_eq!(connections(&late), connections(&early));
}

#[test]
fn a_machine_that_never_answers_is_not_dialled_for_ever_beside_one_that_does() {
    let minutes: Vec<u64> = (1..20).map(|n| n * 11).collect();
    let harness = beside_a_dead_one(honest, 'a', &minutes);
    let dialled = harness.seen[0].connections;
    assert!((1..=4).contains(&dialled), "{dialled}");
    assert_eq!(harness.word("a209@d0.test"), Reason::Accepted);
}

#[test]
fn one_that_has_had_its_chance_is_no_reason_to_leave_those_whose_other_machine_is_dead_for_now() {
    let mut harness = at_machines(&[honest, honest], &[&[0, 1]], 1);
    harness.run();
    let (scheduler, [first, second]) = (&mut harness.scheduler, [targets(0)[0], targets(1)[0]]);
    for _ in 0..limits::FRUITLESS_AT_LEAST {
        let effort = scheduler.efforts.entry(first).or_default();
        effort.note_in_vain(START, START);
    }
    let later = START + limits::FRUITLESS_TIME * 2;
    scheduler.note_dead(second, later);
    assert_eq!(scheduler.first_target(0, later), 1);
    assert!(!scheduler.has_had_its_chance(0, later));
}

/// Asked too fast in the first half minute.
fn complains(question: Question<'_>) -> Reply {
    match question.at {
        0..30_000 => Reply::TooFast,
        _ => honest(question),
    }
}

#[test]
fn the_wait_after_a_complaint_about_our_speed_is_one_machines_alone() {
    let mut answers: Vec<fn(Question<'_>) -> Reply> = vec![honest; 5];
    answers[2] = complains;
    let domains: Vec<[usize; 1]> = (0..5).map(|machine| [machine]).collect();
    let domains: Vec<&[usize]> = domains.iter().map(|machines| &machines[..]).collect();
    let mut harness = at_machines(&answers, &domains, 10);
    harness.run();
    for domain in 0..5 {
        let people = people(&format!("d{domain}.test"), 10, 0);
        let last = people.iter().map(|address| harness.answered(address)).max();
        let waited = last > Some(limits::SLOWDOWN_WAIT);
        assert_eq!(waited, domain == 2, "d{domain}.test: {last:?}");
        for address in people {
            assert_eq!(harness.word(&address), Reason::Accepted, "{address}");
        }
    }

    // A run that is continued keeps the wait.
    let mut resting = at_machines(&answers, &domains, 10);
    let mut known = KnownHost::default();
    let mut rest = crate::probe::pace::Rest::default();
    crate::probe::pace::Pace::new(limits().ceilings).slow_down(&mut rest, START, None);
    let IpAddr::V4(machine) = targets(2)[0] else {
        panic!()
    };
    known.remember_rest(machine.into(), rest, START);
    resting.scheduler.know_host(&key(), known, START);
    resting.run();
    let first = people("d2.test", 10, 0)
        .iter()
        .map(|a| resting.answered(a))
        .min();
    assert!(first >= Some(limits::SLOWDOWN_WAIT), "{first:?}");
    assert!(resting.answered("a0@d1.test") < limits::SLOWDOWN_WAIT);
}

/// Where a machine is.
fn targets(machine: usize) -> Vec<IpAddr> {
    match route_to(machine) {
        Route::Hosts { hosts, .. } => hosts[0].addresses.clone(),
        Route::Nobody { .. } | Route::NotAsked | Route::Trouble { .. } => Vec::new(),
    }
}

#[test]
fn where_most_machines_want_us_slower_all_are_left_alone() {
    let answers = [complains as fn(Question<'_>) -> Reply, complains, honest];
    let mut harness = at_machines(&answers, &[&[0], &[1], &[2]], 0);
    for domain in 0..2 {
        for address in people(&format!("d{domain}.test"), 3, 0) {
            let address: Address = address.parse().unwrap();
            harness.scheduler.add(address.into(), START);
        }
    }
    // The third is met when the others have complained.
    harness.arrivals = people("d2.test", 3, 0)
        .iter()
        .map(|address| (START + Duration::from_secs(5), address.parse().unwrap()))
        .collect();
    harness.run();
    let first = people("d2.test", 3, 0)
        .iter()
        .map(|a| harness.answered(a))
        .min();
    assert!(first >= Some(limits::SLOWDOWN_WAIT), "{first:?}");
}

/// Takes one recipient a transaction.
fn takes_one(question: Question<'_>) -> Reply {
    if question.place > 1 {
        return Reply::TooMany;
    }
    honest(question)
}

#[test]
fn how_many_recipients_a_transaction_may_have_is_learned_of_each_machine() {
    let mut harness = at_machines(&[takes_one, honest], &[&[0], &[1]], 6);
    harness.run();
    let machine = targets(0)[0];
    assert_eq!(known(&harness).transaction_caps, [(machine, 1)].into());
}
