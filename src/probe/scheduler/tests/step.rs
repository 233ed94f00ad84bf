//! Machines that fail at encryption, or send a reply too many, as the scheduler takes it.

use super::*;
use crate::model::echo;
use crate::model::stage::Stage;
use crate::probe::{Budget, InStep, ReplyKinds, Spent};

const MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::new(11, 0, 0, 0));

/// A scheduler that is about to ask about four addresses at one machine.
fn scheduler_with(known: KnownHost) -> Scheduler {
    scheduler_of(limits(), known)
}

fn scheduler_of(limits: Limits, known: KnownHost) -> Scheduler {
    let list = people("d.test", 4, 0);
    let mut scheduler =
        Harness::new(limits, vec![Habits::default()], &[("d.test", 0)], &list).scheduler;
    scheduler.tick(START);
    let domain = scheduler.next_resolution().unwrap();
    scheduler.know_host(&HostKey("host0.test".to_owned()), known, START);
    scheduler.routed(&domain, route_to(0), START);
    scheduler
}

/// The sessions that are to be opened, with what is wanted of encryption.
fn started(scheduler: &mut Scheduler) -> Vec<(SessionId, Privacy)> {
    let mut started = Vec::new();
    while let Some(out) = scheduler.next_action() {
        if let Action::Start {
            session, privacy, ..
        } = out
        {
            started.push((session, privacy));
        }
    }
    started
}

fn failed_at(stage: Stage) -> SessionEvent {
    let mut heard = heard(None, Reason::Unreachable, false);
    heard.exchange.stage = stage;
    SessionEvent::Failed(heard)
}

fn out_of_step() -> SessionEvent {
    let mut heard = heard(None, Reason::ProtocolFault, false);
    heard.exchange.stage = Stage::Unknown;
    SessionEvent::OutOfStep(heard)
}

/// What is known of the host by now, as the ledger would be told.
fn told(scheduler: &mut Scheduler) -> Option<KnownHost> {
    let learned = scheduler.take_events().into_iter();
    let mut told = learned.filter_map(|learned| match learned {
        Event::Host { known, .. } => Some(known),
        Event::Address { .. }
        | Event::Domain { .. }
        | Event::Waiting { .. }
        | Event::CatchAll { .. }
        | Event::TakenBack { .. }
        | Event::Doubted { .. }
        | Event::Stranded { .. }
        | Event::Left { .. }
        | Event::Blocked { .. } => None,
    });
    told.next_back()
}

#[test]
fn two_handshakes_that_fail_side_by_side_make_no_machine_dead() {
    let mut scheduler = scheduler_with(KnownHost::default());
    let second = SessionId(7);
    scheduler.sessions.insert(
        second,
        Session::new(0, 0, crate::probe::pace::Ahead::Plenty, START),
    );
    scheduler.groups[0].sessions += 1;
    scheduler.hosts[0].pace.connecting();
    scheduler.dial(second, START);
    let both = started(&mut scheduler);
    assert_eq!(both.len(), 2);
    for (session, privacy) in both {
        assert_eq!(privacy, Privacy::WhenOffered);
        scheduler.report(session, failed_at(Stage::Tls), START);
        assert_eq!(started(&mut scheduler), [(session, Privacy::Never)]);
    }
    assert_eq!(scheduler.pending(), 4, "nobody is given up");
}

#[test]
fn encryption_that_failed_is_not_tried_again_by_the_next_run_yet_after_a_while() {
    let mut scheduler = scheduler_with(KnownHost::default());
    let (session, _) = started(&mut scheduler)[0];
    scheduler.report(session, failed_at(Stage::Tls), START);
    let known = told(&mut scheduler).unwrap();
    let text = serde_json::to_string(&known).unwrap();
    let known: KnownHost = serde_json::from_str(&text).unwrap();
    assert!(known.in_clear.contains_key(&MACHINE));
    assert_eq!(
        started(&mut scheduler_with(known.clone()))[0].1,
        Privacy::Never
    );
    let mut old = known;
    old.in_clear.insert(MACHINE, Timestamp::default());
    assert!(START.since(Timestamp::default()) < limits::CONDUCT_MEMORY);
    old.forget_conduct(Timestamp::default() + limits::CONDUCT_MEMORY);
    assert!(old.in_clear.is_empty());
}

#[test]
fn a_machine_that_demands_what_it_fails_at_is_no_verdict_on_any_address() {
    let mut scheduler = scheduler_with(KnownHost::default());
    let mut now = START;
    let mut dialled = 0;
    while scheduler.pending() > 0 {
        scheduler.tick(now);
        for (session, privacy) in started(&mut scheduler) {
            dialled += 1;
            match privacy {
                // In clear it says that it wants encryption.
                Privacy::Never => {
                    let mut heard = heard(Some(530), Reason::TlsRequired, true);
                    heard.exchange.stage = Stage::Hello;
                    scheduler.report(session, SessionEvent::Failed(heard), now);
                }
                Privacy::WhenOffered | Privacy::Required => {
                    scheduler.report(session, failed_at(Stage::Tls), now);
                }
            }
        }
        now = scheduler.next_wake().unwrap_or(now).max(now);
        assert!(dialled < 10, "for ever");
    }
    let mut words = Vec::new();
    for learned in scheduler.take_events() {
        if let Event::Address { fact, .. } = learned
            && let Finding::Asked { reading, .. } = fact.finding
        {
            words.push((reading.reason, reading.permanent));
        }
    }
    assert_eq!(words, [(Reason::TlsRequired, false); 4]);
}

/// That sessions ended in step in which recipients were accepted and refused, with RSET between them or without.
fn shown(resets: bool) -> InStep {
    let kinds = ReplyKinds {
        resets,
        acceptances: true,
        refusals: true,
    };
    InStep { at: START, kinds }
}

/// What a machine is known for that has ended sessions in step.
fn in_step() -> KnownHost {
    KnownHost {
        in_step: [(MACHINE, shown(true))].into(),
        ..KnownHost::default()
    }
}

/// Offers of a host that likes commands to travel together.
fn pipelining() -> Offer {
    Offer {
        pipelining: true,
        ..Offer::default()
    }
}

/// Answers to commands: MAIL and RSET are welcome, of the recipients each is what `answer` says.
fn answers(commands: &[Command], answer: &Heard) -> SessionEvent {
    let answers = commands.iter().map(|command| {
        if matches!(command, Command::Rcpt(_)) {
            return Some(answer.clone());
        }
        let mut yes = heard(Some(250), Reason::Accepted, false);
        yes.exchange.stage = Stage::Mail;
        Some(yes)
    });
    SessionEvent::Answered(answers.collect())
}

fn yes() -> Heard {
    heard(Some(250), Reason::Accepted, false)
}

fn no() -> Heard {
    heard(Some(550), Reason::NoSuchMailbox, true)
}

/// The next batch that the scheduler wants.
fn batch(scheduler: &mut Scheduler) -> (Vec<Command>, BatchPace) {
    match scheduler.next_action() {
        Some(Action::Send { commands, pace, .. }) => (commands, pace),
        other => panic!("nobody is asked about: {other:?}"),
    }
}

/// What the scheduler told of addresses and decoys since it was last asked: facts, and how many were taken back.
fn told_of_people(scheduler: &mut Scheduler) -> (usize, usize) {
    let (mut facts, mut taken_back) = (0, 0);
    for learned in scheduler.take_events() {
        match learned {
            Event::Address { .. } | Event::Domain { .. } => facts += 1,
            Event::TakenBack { .. } => taken_back += 1,
            _ => {}
        }
    }
    (facts, taken_back)
}

#[test]
fn answers_of_a_conversation_out_of_step_are_taken_back_and_asked_again_one_by_one() {
    for known in [KnownHost::default(), in_step()] {
        let mut scheduler = scheduler_with(known);
        let (session, _) = started(&mut scheduler)[0];
        scheduler.report(session, SessionEvent::Opened(pipelining()), START);
        let (commands, _) = batch(&mut scheduler);
        assert_eq!(commands.len(), 2);
        scheduler.report(session, answers(&commands, &yes()), START);
        assert_eq!(scheduler.pending(), 3, "one is settled");
        // A run that is killed now leaves nothing behind.
        assert_eq!(told_of_people(&mut scheduler), (0, 0));
        // The decoy is under way when a reply too many comes.
        scheduler.report(session, out_of_step(), START);
        assert_eq!(scheduler.pending(), 4);
        assert_eq!(told_of_people(&mut scheduler), (0, 0), "nothing was told");
        scheduler.report(session, SessionEvent::Ended(Parting::InStep), START);
        assert_eq!(told_of_people(&mut scheduler), (0, 0));
        let later = START + limits::CUT_WAIT;
        scheduler.tick(later);
        let (session, _) = started(&mut scheduler)[0];
        scheduler.report(session, SessionEvent::Opened(pipelining()), later);
        let (commands, pace) = batch(&mut scheduler);
        assert_eq!((commands.len(), pace), (2, BatchPace::Fenced));
        // Out of step again: its answers settle nothing in this run.
        scheduler.report(session, out_of_step(), later);
        assert_eq!(scheduler.pending(), 0);
        scheduler.report(session, SessionEvent::Ended(Parting::InStep), later);
        scheduler.tick(later + limits::BLOCK_WAIT);
        assert_eq!(started(&mut scheduler), []);
        assert!(scheduler.is_done());
    }
}

#[test]
fn answers_are_told_once_their_conversation_has_shown_that_it_was_in_step() {
    let mut scheduler = scheduler_with(KnownHost::default());
    let (session, _) = started(&mut scheduler)[0];
    scheduler.report(session, SessionEvent::Opened(pipelining()), START);
    let (commands, _) = batch(&mut scheduler);
    scheduler.report(session, answers(&commands, &no()), START);
    assert_eq!(told_of_people(&mut scheduler), (0, 0));
    // A reply that names its recipient shows the order of all before it.
    let (commands, _) = batch(&mut scheduler);
    let mut naming = no();
    naming.exchange.reply = format!("550 5.1.1 {}: unknown", echo::NAMED);
    scheduler.report(session, answers(&commands, &naming), START);
    assert_eq!(told_of_people(&mut scheduler), (4, 0));

    let mut scheduler = scheduler_with(KnownHost::default());
    let (session, _) = started(&mut scheduler)[0];
    scheduler.report(session, SessionEvent::Opened(pipelining()), START);
    let (commands, _) = batch(&mut scheduler);
    scheduler.report(session, answers(&commands, &no()), START);
    scheduler.report(session, SessionEvent::Ended(Parting::InStep), START);
    assert_eq!(told_of_people(&mut scheduler), (1, 0));
}

#[test]
fn where_a_machine_keeps_in_step_a_batch_is_told_when_the_next_has_been_answered() {
    let mut scheduler = scheduler_with(in_step());
    let (session, _) = started(&mut scheduler)[0];
    scheduler.report(session, SessionEvent::Opened(pipelining()), START);
    let (commands, _) = batch(&mut scheduler);
    scheduler.report(session, answers(&commands, &no()), START);
    assert_eq!(told_of_people(&mut scheduler), (0, 0));
    let (commands, _) = batch(&mut scheduler);
    scheduler.report(session, answers(&commands, &no()), START);
    assert_eq!(told_of_people(&mut scheduler), (1, 0));
    // What was told is taken back all the same, should it turn out so late.
    scheduler.report(session, out_of_step(), START);
    assert_eq!(told_of_people(&mut scheduler), (0, 1));
}

/// Holds the session that the scheduler wants: one batch, in which every recipient is refused, and an end that
/// shows `parting`. Returns how its commands travelled, how many were settled by it, how many of them were taken back.
fn converse(
    scheduler: &mut Scheduler,
    parting: Parting,
    now: Timestamp,
) -> (BatchPace, usize, usize) {
    converse_with(scheduler, pipelining(), parting, now)
}

fn converse_with(
    scheduler: &mut Scheduler,
    offer: Offer,
    parting: Parting,
    now: Timestamp,
) -> (BatchPace, usize, usize) {
    scheduler.tick(now);
    let before = scheduler.pending();
    let (session, _) = started(scheduler)[0];
    scheduler.report(session, SessionEvent::Opened(offer), now);
    let (commands, pace) = batch(scheduler);
    scheduler.report(session, answers(&commands, &no()), now);
    let settled = before - scheduler.pending();
    scheduler.report(session, SessionEvent::Ended(parting), now);
    let taken_back = scheduler.pending() + settled - before;
    (pace, settled, taken_back)
}

#[test]
fn a_conversation_that_breaks_off_is_believed_only_where_one_has_ended_in_step() {
    let mut scheduler = scheduler_with(KnownHost::default());
    let (pace, settled, taken_back) = converse(&mut scheduler, Parting::Untold, START);
    assert_eq!((pace, taken_back), (BatchPace::Together, settled));
    // The same again, fenced, is believed whatever its end.
    let (pace, settled, taken_back) = converse(&mut scheduler, Parting::Untold, START);
    assert_eq!((pace, settled, taken_back), (BatchPace::Fenced, 1, 0));
    // It is in step one command at a time: no fence is needed.
    let (pace, settled, taken_back) = converse(&mut scheduler, Parting::Untold, START);
    assert_eq!((pace, taken_back), (BatchPace::OneByOne, 0));
    assert!(settled > 0);
}

#[test]
fn one_command_at_a_time_is_no_proof_without_a_fence_where_a_conversation_breaks_off() {
    // A second greeting that comes late is taken for the answer to EHLO, and each answer for that to the next command.
    let mut scheduler = scheduler_with(KnownHost::default());
    let (pace, settled, taken_back) =
        converse_with(&mut scheduler, Offer::default(), Parting::Untold, START);
    assert_eq!((pace, taken_back), (BatchPace::OneByOne, settled));
    let (pace, _, taken_back) =
        converse_with(&mut scheduler, Offer::default(), Parting::Untold, START);
    assert_eq!((pace, taken_back), (BatchPace::Fenced, 0));
}

#[test]
fn an_answer_behind_which_a_host_closes_counts_but_for_once_where_it_sent_a_reply_too_many() {
    let mut scheduler = scheduler_with(KnownHost::default());
    let (session, _) = started(&mut scheduler)[0];
    scheduler.report(session, SessionEvent::Opened(pipelining()), START);
    batch(&mut scheduler);
    scheduler.report(session, out_of_step(), START);
    scheduler.report(session, SessionEvent::Ended(Parting::OutOfStep), START);
    let later = START + limits::CUT_WAIT;
    for taken_back in [1, 0] {
        let shown = converse(&mut scheduler, Parting::Unfenced, later);
        assert_eq!(shown, (BatchPace::Fenced, 1, taken_back));
    }
    // Where none came too many, nothing speaks against it.
    let mut scheduler = scheduler_with(KnownHost::default());
    let (_, settled, taken_back) = converse(&mut scheduler, Parting::Untold, START);
    assert_eq!(taken_back, settled);
    let shown = converse(&mut scheduler, Parting::Unfenced, START);
    assert_eq!(shown, (BatchPace::Fenced, 1, 0));
}

#[test]
fn a_machine_that_ended_in_step_once_is_believed_when_it_breaks_off() {
    let mut scheduler = scheduler_with(KnownHost::default());
    for parting in [Parting::InStep, Parting::Untold] {
        let (pace, settled, taken_back) = converse(&mut scheduler, parting, START);
        assert_eq!((pace, taken_back), (BatchPace::Together, 0));
        assert!(settled > 0);
    }
}

#[test]
fn a_machine_that_ended_in_step_is_believed_by_the_next_run_too() {
    let mut scheduler = scheduler_with(KnownHost::default());
    converse(&mut scheduler, Parting::InStep, START);
    let known = told(&mut scheduler).unwrap();
    let text = serde_json::to_string(&known).unwrap();
    let mut scheduler = scheduler_with(serde_json::from_str(&text).unwrap());
    let (pace, settled, taken_back) = converse(&mut scheduler, Parting::Untold, START);
    assert_eq!((pace, taken_back), (BatchPace::Together, 0));
    assert!(settled > 0);
    // Found out of step, it is no more.
    let (session, _) = started(&mut scheduler)[0];
    scheduler.report(session, SessionEvent::Opened(pipelining()), START);
    scheduler.report(session, out_of_step(), START);
    assert_eq!(told(&mut scheduler).unwrap().in_step, BTreeMap::new());
}

#[test]
fn a_machine_that_was_in_step_is_not_believed_for_that_where_it_gives_replies_of_another_kind() {
    let refusals = |known: KnownHost| {
        let mut scheduler = scheduler_with(known);
        let (pace, settled, taken_back) = converse(&mut scheduler, Parting::Untold, START);
        assert_eq!((pace, settled), (BatchPace::Together, 1));
        taken_back
    };
    let accepted_only = InStep {
        kinds: ReplyKinds {
            refusals: false,
            ..shown(true).kinds
        },
        ..shown(true)
    };
    let of = |in_step| KnownHost {
        in_step: [(MACHINE, in_step)].into(),
        ..KnownHost::default()
    };
    assert_eq!(refusals(of(shown(false))), 0);
    assert_eq!(refusals(of(accepted_only)), 1);
}

#[test]
fn an_earlier_session_without_a_reset_says_nothing_of_hosts_that_answer_it_twice() {
    // Of two domains in one session the second takes a RSET.
    let list: Vec<String> = ["d.test", "e.test"]
        .iter()
        .flat_map(|domain| people(domain, 2, 0))
        .collect();
    let domains = [("d.test", 0), ("e.test", 0)];
    for (known, is_believed) in [(shown(false), false), (shown(true), true)] {
        let mut scheduler =
            Harness::new(limits(), vec![Habits::default()], &domains, &list).scheduler;
        scheduler.tick(START);
        let known = KnownHost {
            in_step: [(MACHINE, known)].into(),
            ..KnownHost::default()
        };
        scheduler.know_host(&HostKey("host0.test".to_owned()), known, START);
        while let Some(domain) = scheduler.next_resolution() {
            scheduler.routed(&domain, route_to(0), START);
        }
        let (session, _) = started(&mut scheduler)[0];
        scheduler.report(session, SessionEvent::Opened(pipelining()), START);
        let (mut resets, mut settled) = (0, 0);
        while settled < 2 {
            let (commands, _) = batch(&mut scheduler);
            let is_reset = |command: &&Command| matches!(command, Command::Rset);
            resets += commands.iter().filter(is_reset).count();
            scheduler.report(session, answers(&commands, &no()), START);
            settled = list.len() - scheduler.pending();
        }
        assert!(resets > 0);
        scheduler.report(session, SessionEvent::Ended(Parting::Untold), START);
        let left = if is_believed {
            list.len() - settled
        } else {
            list.len()
        };
        assert_eq!(scheduler.pending(), left);
    }
}

#[test]
fn what_a_machine_answered_without_a_word_at_the_end_is_taken_back_when_it_falls_out_of_step() {
    let mut scheduler = scheduler_with(in_step());
    let (pace, settled, taken_back) =
        converse_with(&mut scheduler, Offer::default(), Parting::Untold, START);
    assert_eq!((pace, settled, taken_back), (BatchPace::OneByOne, 1, 0));
    let (session, _) = started(&mut scheduler)[0];
    scheduler.report(session, SessionEvent::Opened(Offer::default()), START);
    batch(&mut scheduler);
    scheduler.report(session, out_of_step(), START);
    assert_eq!(scheduler.pending(), 4, "all are asked again");
    scheduler.report(session, SessionEvent::Ended(Parting::Untold), START);
    let later = START + limits::CUT_WAIT;
    scheduler.tick(later);
    let (session, _) = started(&mut scheduler)[0];
    scheduler.report(session, SessionEvent::Opened(Offer::default()), later);
    scheduler.report(session, out_of_step(), later);
    assert_eq!(scheduler.pending(), 0, "it judges nobody");
    let mut last = HashMap::new();
    for learned in scheduler.take_events() {
        match learned {
            Event::Address { key, fact } => last.insert(key, format!("{:?}", fact.finding)),
            Event::TakenBack { asked, .. } => last.insert(format!("{asked:?}"), String::new()),
            _ => None,
        };
    }
    let unfit = |word: &&String| word.contains("ProtocolFault");
    assert_eq!(last.values().filter(unfit).count(), 4, "{last:?}");
}

#[test]
fn a_test_counts_once_its_conversation_has_shown_that_it_was_in_step() {
    let with_a_control = || {
        let limits = Limits {
            controls: vec!["alma@d.test".parse().unwrap()],
            ..limits()
        };
        scheduler_of(limits, KnownHost::default())
    };
    for parting in [Parting::InStep, Parting::OutOfStep] {
        let mut scheduler = with_a_control();
        let (session, _) = started(&mut scheduler)[0];
        scheduler.report(session, SessionEvent::Opened(pipelining()), START);
        let (commands, _) = batch(&mut scheduler);
        // An address known to exist is refused.
        scheduler.report(session, answers(&commands, &no()), START);
        assert!(matches!(scheduler.next_action(), Some(Action::Quit { .. })));
        assert!(!scheduler.groups[0].integrity.refuses_every_recipient());
        if parting == Parting::OutOfStep {
            scheduler.report(session, out_of_step(), START);
        }
        scheduler.report(session, SessionEvent::Ended(parting), START);
        let is_sure = parting == Parting::InStep;
        assert_eq!(
            scheduler.groups[0].integrity.refuses_every_recipient(),
            is_sure
        );
        assert_eq!(scheduler.pending(), if is_sure { 4 } else { 5 });
        if is_sure {
            continue;
        }
        // The same question is put again, and what it shows now counts.
        let later = START + limits::CUT_WAIT;
        scheduler.tick(later);
        let (session, _) = started(&mut scheduler)[0];
        scheduler.report(session, SessionEvent::Opened(pipelining()), later);
        let (commands, pace) = batch(&mut scheduler);
        assert_eq!(pace, BatchPace::Fenced);
        assert!(commands[1].to_string().contains("alma@d.test"));
        scheduler.report(session, answers(&commands, &yes()), later);
        scheduler.report(session, SessionEvent::Ended(Parting::InStep), later);
        assert_eq!(scheduler.pending(), 4);
        assert!(!scheduler.groups[0].integrity.refuses_every_recipient());
    }
}

#[test]
fn keeping_still_proves_nothing_of_a_transaction_that_was_begun_since() {
    let mut scheduler = scheduler_with(KnownHost::default());
    let (session, _) = started(&mut scheduler)[0];
    scheduler.session(session).loosest = Looseness::Together;
    let spent = Spent {
        accepted: 6,
        refused: 4,
        transactions: 2,
        ..Spent::default()
    };
    scheduler.session(session).spent = spent;
    assert_eq!(scheduler.spent_at_worst(session).in_doubt, 1, "one RSET");
    let until = scheduler.keep_still(session, START).unwrap_err();
    assert_eq!(until, START + limits::QUIET_WAIT);
    scheduler.keep_still(session, until).unwrap();
    assert_eq!(scheduler.spent_at_worst(session), spent);
    // The next batch is being written: its RSET has not even been said.
    scheduler.session(session).spent.transactions += 1;
    scheduler.keep_still(session, until).unwrap();
    assert_eq!(scheduler.spent_at_worst(session).in_doubt, 1);
}

/// Whether a session puts RSET by itself that has two hundred more to ask about, once its first batch was answered so
/// (`a`: accepted); with how long it keeps still where that is answered by `reset`, at two seconds a command.
fn before_ten(answered: &str, reset: &str) -> (bool, Option<Duration>) {
    let mut scheduler = scheduler_with(KnownHost::default());
    let (session, _) = started(&mut scheduler)[0];
    let t = scheduler.session(session);
    t.loosest = Looseness::Together;
    t.spent.transactions = 1;
    t.doubling.took(Duration::from_secs(2), 1);
    for answer in answered.chars() {
        let accepted = answer == 'a';
        t.doubling.note(accepted, "250 2.1.5 Ok", 1);
        t.spent.accepted += u32::from(accepted);
        t.spent.refused += u32::from(!accepted);
    }
    let budget = Budget {
        recipients: 200,
        recipients_per_transaction: 200,
        transactions: 10,
        refusals: limits::REFUSED_RECIPIENTS,
    };
    let first = scheduler.exclude_doubling(session, budget, START).unwrap();
    if first.is_none() {
        return (false, None);
    }
    let heard = Heard {
        exchange: Exchange {
            reply: reset.to_owned(),
            ..heard(Some(250), Reason::Accepted, false).exchange
        },
        ..heard(Some(250), Reason::Accepted, false)
    };
    scheduler.look_for_doubling(session, true, &[Some(heard)], Duration::ZERO);
    let until = match scheduler.exclude_doubling(session, budget, START) {
        Ok(None) => return (true, None),
        Ok(Some(_)) => panic!("RSET twice"),
        Err(until) => until,
    };
    let then = scheduler.exclude_doubling(session, budget, until);
    assert_eq!(then.unwrap(), None, "it kept still once");
    (true, Some(until.since(START)))
}

#[test]
fn acceptances_in_pairs_go_past_ten_once_reset_was_answered_by_itself() {
    let (pairs, other, alike) = ("aaaaraaaa", "250 2.0.0 Ok", "250 2.1.5 Ok");
    assert_eq!(before_ten(pairs, other), (true, None));
    let while_it_answers = Some(Duration::from_secs(6));
    assert_eq!(before_ten(pairs, alike), (true, while_it_answers));
    let odd = "aaaraaara";
    assert_eq!(before_ten(odd, other), (false, None), "each is said once");
    assert_eq!(before_ten("rrrr", other), (false, None), "none is accepted");
}
